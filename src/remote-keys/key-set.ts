import type { JWK } from 'jose';
import { fitsAlg, hasPrivateMember, importPublicKey, type VerificationAlg } from '../jwt/public-key.ts';
import { isJsonObject } from '../lib/json.ts';
import { REMOTE_KEYS_MAX, REMOTE_KEYS_TRIED } from './constants.ts';
import { RemoteError } from './remote-error.ts';

/** What a signature's header says of the key that made it, and what the key may be for; without `uses` that is signing. */
export interface WantedKey {
  readonly alg: VerificationAlg;
  readonly kid?: string;
  readonly uses?: readonly string[];
}

// All that is kept of a key: whatever else is in it would only take room.
const TEXTS = ['kty', 'kid', 'alg', 'use', 'crv', 'x', 'y', 'n', 'e'];
const LISTS = ['key_ops', 'x5c'];

/** The keys of a JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), and those imported that were needed. */
export class KeySet {
  readonly jwks: readonly JWK[];
  // By what they verify with; null where a key cannot be imported.
  readonly #imported = new Map<VerificationAlg, Map<JWK, CryptoKey | null>>();

  /**
   * @param document what was published. Members of it that are no public keys are left out, as section 5 asks.
   * @throws RemoteError where it is no JWK Set at all
   */
  constructor(document: unknown) {
    if (!isJsonObject(document) || !Array.isArray(document.keys)) throw new RemoteError('malformed');
    this.jwks = document.keys.slice(0, REMOTE_KEYS_MAX).flatMap((key) => readPublicJwk(key) ?? []);
  }

  /** Whether one of the keys says of itself that it is the one. */
  has(wanted: WantedKey): boolean {
    return this.#candidates(wanted).length > 0;
  }

  /** The keys that can have made a signature, as far as they are tried. Each is imported once. */
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
    const known = imported.get(jwk);
    if (known !== undefined) return known;
    const key = await importPublicKey(jwk, alg).catch(() => null);
    imported.set(jwk, key);
    return key;
  }
}

function readPublicJwk(value: unknown): JWK | undefined {
  if (!isJsonObject(value) || hasPrivateMember(value)) return undefined;
  const members = [...TEXTS, ...LISTS].filter((name) => value[name] !== undefined);
  if (!members.every((name) => (TEXTS.includes(name) ? isText(value[name]) : isTexts(value[name])))) return undefined;
  return Object.fromEntries(members.map((name) => [name, value[name]])) as JWK;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}
