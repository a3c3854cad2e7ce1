import { base64url } from 'jose';
import { invalidOption } from '../lib/http.ts';
import { NONCE_LIFETIME } from './constants.ts';

const SECRET_LENGTH_MIN = 32;

/**
 * The nonces that an API asks for in DPoP proofs ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)): the time of their
 * creation with its HMAC, so that nothing is stored and all processes with the same secret accept them.
 */
export class Nonces {
  readonly #secret: true | string;
  #key: CryptoKey | undefined;
  #current: { readonly period: number; readonly nonce: string } | undefined;

  /** @param secret `true` for a random one of this process @throws SdkError `invalid_option` */
  constructor(secret: true | string) {
    if (secret !== true && secret.length < SECRET_LENGTH_MIN) {
      throw invalidOption(`dpop.nonces needs at least ${SECRET_LENGTH_MIN} characters.`);
    }
    this.#secret = secret;
  }

  /** Returns the nonce for the next proof. @param now milliseconds since the epoch */
  async offer(now: number): Promise<string> {
    const period = periodOf(now);
    if (this.#current?.period !== period) this.#current = { period, nonce: await this.#nonceOf(period) };
    return this.#current.nonce;
  }

  /** Whether a nonce is one that was offered lately. @param now milliseconds since the epoch */
  async accepts(nonce: unknown, now: number): Promise<boolean> {
    if (typeof nonce !== 'string') return false;
    const period = periodOf(now);
    const accepted = await Promise.all([period, period - 1].map((each) => this.#nonceOf(each)));
    return accepted.includes(nonce);
  }

  async #nonceOf(period: number): Promise<string> {
    const tag = await crypto.subtle.sign('HMAC', await this.#keyOf(), new TextEncoder().encode(`dpop nonce ${period}`));
    return base64url.encode(new Uint8Array(tag).subarray(0, 18));
  }

  async #keyOf(): Promise<CryptoKey> {
    if (this.#key) return this.#key;
    // Not in the constructor: Workers have no random numbers outside of requests.
    const raw =
      this.#secret === true ? crypto.getRandomValues(new Uint8Array(32)) : new TextEncoder().encode(this.#secret);
    const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    // A call that ran at the same time may have made one already.
    this.#key ??= key;
    return this.#key;
  }
}

/** A nonce is offered for half of its lifetime, and accepted for one half more. */
function periodOf(now: number): number {
  return Math.floor(now / 1000 / (NONCE_LIFETIME / 2));
}
