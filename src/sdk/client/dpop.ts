import { base64url, type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { invalidOption } from '../lib/http.ts';
import { sha256 } from '../lib/sha256.ts';
import { NONCES_MAX } from './constants.ts';
import { algsOfCryptoKey, importSigningKey, isJwk } from './signing-key.ts';

/** A pair of keys, as `generateKeyPair` of jose and `crypto.subtle.generateKey` return it. */
export interface KeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

interface ProofKey {
  readonly key: CryptoKey;
  readonly alg: string;
  readonly jwk: JWK;
}

/** What a proof is for ([RFC 9449 section 4.2](https://www.rfc-editor.org/rfc/rfc9449#section-4.2)). */
export interface ProofContent {
  readonly method: string;
  readonly url: string;
  /** The token that is sent along. */
  readonly accessToken?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Makes DPoP proofs with one key, and remembers the nonces of servers. */
export class DpopProver {
  readonly #configured: true | KeyPair | JWK;
  readonly #nonces = new Map<string, string>();
  #key: ProofKey | undefined;

  /** @param configured the key; `true` for a new one, which is made at its first use */
  constructor(configured: true | KeyPair | JWK) {
    this.#configured = configured;
  }

  /** Returns the thumbprint of its key ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)). @throws SdkError `invalid_option` */
  async thumbprint(): Promise<string> {
    return calculateJwkThumbprint((await this.#proofKey()).jwk);
  }

  /** Makes a proof, with the last nonce of the server of the URL. @throws SdkError `invalid_option` if the key is not usable */
  async proof({ method, url, accessToken, now }: ProofContent): Promise<string> {
    const { key, alg, jwk } = await this.#proofKey();
    const { origin, pathname } = new URL(url);
    const nonce = this.#nonces.get(origin);
    const claims = {
      htm: method,
      htu: `${origin}${pathname}`,
      jti: crypto.randomUUID(),
      ...(nonce !== undefined && { nonce }),
      ...(accessToken !== undefined && { ath: base64url.encode(await sha256(accessToken)) }),
    };
    return new SignJWT(claims)
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk })
      .setIssuedAt(Math.floor(now / 1000))
      .sign(key);
  }

  /** Remembers the nonce of an answer ([RFC 9449 section 8.2](https://www.rfc-editor.org/rfc/rfc9449#section-8.2)). @returns whether it is a new one */
  observe(url: string, headers: Headers): boolean {
    const nonce = headers.get('DPoP-Nonce');
    const { origin } = new URL(url);
    if (nonce === null || nonce === this.#nonces.get(origin)) return false;
    this.#nonces.delete(origin);
    this.#nonces.set(origin, nonce);
    const [oldest] = this.#nonces.keys();
    if (this.#nonces.size > NONCES_MAX && oldest !== undefined) this.#nonces.delete(oldest);
    return true;
  }

  async #proofKey(): Promise<ProofKey> {
    if (this.#key) return this.#key;
    const made = await makeProofKey(this.#configured);
    // A call that ran at the same time may have made one already.
    this.#key ??= made;
    return this.#key;
  }
}

async function makeProofKey(configured: true | KeyPair | JWK): Promise<ProofKey> {
  if (configured !== true && isJwk(configured)) {
    const { key, alg } = await importSigningKey(configured, undefined, undefined);
    const { kty, crv, x, y, n, e } = configured;
    const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
    return { key, alg, jwk: Object.fromEntries(members) };
  }
  const { privateKey, publicKey } = configured === true ? await generateKeyPair('ES256') : configured;
  const [alg] = algsOfCryptoKey(privateKey);
  if (alg === undefined || !publicKey.extractable) {
    throw invalidOption('dpop must be a pair of RSA, EC or Ed25519 keys, and its public key extractable.');
  }
  return { key: privateKey, alg, jwk: await exportJWK(publicKey) };
}
