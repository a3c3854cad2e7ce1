import type { JWK } from 'jose';
import { fitsAlg, hasPrivateMember, importPublicKey, type VerificationAlg } from '../jwt/public-key.ts';
import { isJsonObject } from '../lib/json.ts';
import { REMOTE_KEYS_MAX, REMOTE_KEYS_TRIED } from './constants.ts';
import { RemoteError } from './remote-error.ts';

/** The search for a key: the header of a signature, and the accepted values of the key's `use`. Default: `sig`. */
export interface WantedKey {
  readonly alg: VerificationAlg;
  readonly kid?: string;
  readonly uses?: readonly string[];
}

// The members of a key that are cached. Any other member would only take memory.
const STRING_MEMBERS = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'];
const LIST_MEMBERS = ['key_ops', 'x5c'];

/** A JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)) that imports each key on its first use. */
export class KeySet {
  readonly jwks: readonly JWK[];
  // By the algorithm that they verify with. Null if a key cannot be imported.
  readonly #imported = new Map<VerificationAlg, Map<JWK, CryptoKey | null>>();

  /**
   * @param document the published document. Entries that are not public keys are ignored, as section 5 requires.
   * @throws RemoteError if it is not a JWK Set
   */
  constructor(document: unknown) {
    if (!isJsonObject(document) || !Array.isArray(document.keys)) throw new RemoteError('malformed');
    this.jwks = document.keys.slice(0, REMOTE_KEYS_MAX).flatMap((key) => readPublicJwk(key) ?? []);
  }

  /** Whether the set has a key that matches. */
  has(wanted: WantedKey): boolean {
    return this.#candidates(wanted).length > 0;
  }

  /** Returns the keys that may have made a signature, at most `REMOTE_KEYS_TRIED`. */
  async find(wanted: WantedKey): Promise<CryptoKey[]> {
    const found: CryptoKey[] = [];
    for (const jwk of this.#candidates(wanted)) {
      const key = await this.#import(jwk, wanted.alg);
      if (key) found.push(key);
      if (found.length === REMOTE_KEYS_TRIED) break;
    }
    return found;
  }

  #candidates({ alg, kid, uses }: WantedKey): JWK[] {
    return this.jwks.filter((jwk) => (kid === undefined || jwk.kid === kid) && fitsAlg(jwk, alg, uses));
  }

  async #import(jwk: JWK, alg: VerificationAlg): Promise<CryptoKey | null> {
    const imported = this.#imported.get(alg) ?? new Map<JWK, CryptoKey | null>();
    this.#imported.set(alg, imported);
    const cached = imported.get(jwk);
    if (cached !== undefined) return cached;
    const key = await importPublicKey(jwk, alg).catch(() => null);
    imported.set(jwk, key);
    return key;
  }
}

function readPublicJwk(value: unknown): JWK | undefined {
  if (!isJsonObject(value) || hasPrivateMember(value)) return undefined;
  const members = [...STRING_MEMBERS, ...LIST_MEMBERS].filter((name) => value[name] !== undefined);
  if (!members.every((name) => (STRING_MEMBERS.includes(name) ? isString(value[name]) : isStringList(value[name]))))
    return undefined;
  return Object.fromEntries(members.map((name) => [name, value[name]])) as JWK;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}
