import {
  base64url,
  type CryptoKey,
  calculateJwkThumbprint,
  compactVerify,
  type JWK,
  type JWSHeaderParameters,
} from 'jose';
import { isObject } from '../lib/http.ts';
import { sha256 } from '../lib/sha256.ts';
import { algorithmOf, importPublicKey } from './algorithms.ts';
import { PROOF_AGE, PROOF_AHEAD, PROOF_ID_LENGTH_MAX, PROOF_KEYS_MAX, PROOF_LENGTH_MAX } from './constants.ts';
import { readObject } from './json.ts';
import { Refusal, type RefusalReason } from './refusal.ts';

/** What a DPoP proof must be for. */
export interface ExpectedProof {
  readonly method: string;
  readonly url: string;
  /** The access token that was sent along. */
  readonly token: string;
  /** The thumbprint that the token is bound to. */
  readonly jkt: string;
  readonly algorithms: readonly string[];
  /** Seconds by which the clocks may differ. */
  readonly tolerance: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A proof that is right, as far as it can be judged without a memory. */
export interface Proof {
  /** Unique among the proofs of all keys: the thumbprint of the key, a space, and the `jti`. */
  readonly id: string;
  /** When its age makes it unusable, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly nonce: unknown;
}

interface ProofKey {
  readonly key: CryptoKey;
  readonly jkt: string;
}

/** Checks DPoP proofs, and remembers their keys. */
export class ProofReader {
  /** By the header of the proof, as it was sent: a client sends the same with each proof. */
  readonly #keys = new Map<string, ProofKey>();

  /**
   * Checks a DPoP proof ([RFC 9449 section 4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3)), except its nonce and whether it was used
   * before.
   * @param proof the value of the `DPoP` header. Several headers are joined with commas, which no proof has.
   * @throws Refusal `invalid_dpop_proof`
   */
  async read(proof: string | null, expected: ExpectedProof): Promise<Proof> {
    const { method, url, token, jkt, tolerance, now } = expected;
    if (proof === null) throw refuse('proof_missing', 'The request has no DPoP proof.');
    const { claims, key } = await this.#verify(proof, expected.algorithms);
    const { htm, htu, iat, jti, ath, nonce } = claims;
    if (key.jkt !== jkt) {
      // The error that RFC 9449 section 7.1 shows for it.
      throw new Refusal('proof_wrong_key', 'The token is bound to another key than that of the DPoP proof.');
    }
    if (htm !== method) throw refuse('proof_wrong_method', 'The DPoP proof is for another method.');
    const location = locationOf(url);
    if (location === undefined || typeof htu !== 'string' || locationOf(htu) !== location) {
      throw refuse('proof_wrong_url', 'The DPoP proof is for another URL.');
    }
    if (ath !== base64url.encode(await sha256(token))) {
      throw refuse('proof_wrong_token', 'The DPoP proof is for another token.');
    }
    if (typeof jti !== 'string' || jti === '' || jti.length > PROOF_ID_LENGTH_MAX) {
      throw refuse('proof_malformed', 'The DPoP proof has no valid jti.');
    }
    const age = typeof iat === 'number' ? now / 1000 - iat : Number.NaN;
    if (!(age <= PROOF_AGE + tolerance && age >= -PROOF_AHEAD - tolerance)) {
      throw refuse('proof_wrong_time', 'The DPoP proof is too old, or from the future.');
    }
    return { id: `${jkt} ${jti}`, expiresAt: now + (PROOF_AGE + tolerance - age) * 1000, nonce };
  }

  async #verify(proof: string, algorithms: readonly string[]) {
    let key: ProofKey | undefined;
    const keyOf = async (header: JWSHeaderParameters) => {
      key = await this.#keyOf(proof, header, algorithms);
      if (!key) throw new Error('The header of the proof is malformed.');
      return key.key;
    };
    const verified =
      proof.length <= PROOF_LENGTH_MAX ? await compactVerify(proof, keyOf).catch(() => undefined) : undefined;
    const claims = verified && readObject(verified.payload);
    if (!claims || !key) throw refuse('proof_malformed', 'The DPoP proof is malformed, or its signature is wrong.');
    return { claims, key };
  }

  /** Returns the key in the header of a proof. Any key will do: the token is bound to one. */
  async #keyOf(
    proof: string,
    { typ, alg, jwk, crit }: JWSHeaderParameters,
    algorithms: readonly string[],
  ): Promise<ProofKey | undefined> {
    const header = proof.slice(0, proof.indexOf('.'));
    const known = this.#keys.get(header);
    if (known) return known;
    if (typeof typ !== 'string' || !/^(application\/)?dpop\+jwt$/i.test(typ)) return undefined;
    if (crit !== undefined || alg === undefined || !algorithms.includes(alg) || !isObject(jwk)) return undefined;
    const key = algorithmOf(jwk as JWK, [alg]) === undefined ? undefined : await importPublicKey(jwk as JWK, alg);
    if (!key) return undefined;
    const proofKey = { key, jkt: await calculateJwkThumbprint(jwk as JWK) };
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= PROOF_KEYS_MAX && oldest !== undefined) this.#keys.delete(oldest);
    this.#keys.set(header, proofKey);
    return proofKey;
  }
}

function refuse(reason: RefusalReason, message: string): Refusal {
  return new Refusal(reason, message, 'invalid_dpop_proof');
}

/**
 * Returns a URL without query and fragment, in the form of RFC 3986 sections 6.2.2 and 6.2.3, so that spellings compare; undefined if it is
 * not a URL of HTTP.
 */
function locationOf(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, host, pathname } = new URL(text);
  // Letters and digits mean the same whether they are encoded or not.
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
  return `${protocol}//${host}${path}`;
}
