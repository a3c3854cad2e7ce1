import { base64url } from 'jose';
import { invalidOption } from '../lib/http.ts';
import { NONCE_PERIOD } from './constants.ts';

const SECRET_LENGTH_MIN = 32;
const NONCE_BYTES = 18;

/**
 * The nonces that an API asks for in DPoP proofs ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)): the HMAC of the
 * period of their creation, so that nothing is stored and all processes with the same secret accept them.
 */
export class Nonces {
  readonly #secrets: readonly (string | undefined)[];
  #keys: readonly CryptoKey[] | undefined;
  /** By period, then in the order of the secrets. */
  readonly #made = new Map<number, readonly string[]>();

  /** @param secrets the first makes nonces; `true` for a random one of this process @throws SdkError `invalid_option` */
  constructor(secrets: true | string | readonly string[]) {
    const listed = secrets === true ? [] : [secrets].flat();
    if (secrets !== true && (listed.length === 0 || listed.some((secret) => secret.length < SECRET_LENGTH_MIN))) {
      throw invalidOption(`dpop.nonces needs secrets of at least ${SECRET_LENGTH_MIN} characters.`);
    }
    this.#secrets = secrets === true ? [undefined] : listed;
  }

  /** Returns the nonce for the next proof. @param now milliseconds since the epoch */
  async current(now: number): Promise<string> {
    return (await this.#noncesOf(periodOf(now)))[0] ?? '';
  }

  /** Whether a nonce is one that was offered lately. @param now milliseconds since the epoch */
  async accepts(nonce: unknown, now: number): Promise<boolean> {
    const period = periodOf(now);
    // Another process, whose clock is ahead, may have made one early.
    for (const each of [period, period - 1, period + 1]) {
      if ((await this.#noncesOf(each)).some((made) => made === nonce)) return true;
    }
    return false;
  }

  async #noncesOf(period: number): Promise<readonly string[]> {
    const made = this.#made.get(period);
    if (made) return made;
    const keys = this.#keys ?? (await Promise.all(this.#secrets.map(importSecret)));
    // A call that ran at the same time may have made them already.
    this.#keys ??= keys;
    const content = new TextEncoder().encode(`dpop nonce ${period}`);
    const tags = await Promise.all(this.#keys.map((key) => crypto.subtle.sign('HMAC', key, content)));
    const nonces = tags.map((tag) => base64url.encode(new Uint8Array(tag).subarray(0, NONCE_BYTES)));
    for (const old of this.#made.keys()) if (Math.abs(old - period) > 2) this.#made.delete(old);
    this.#made.set(period, nonces);
    return nonces;
  }
}

/** Imports a secret, or a random one. It is made at its first use: Workers have no random numbers outside of requests. */
function importSecret(secret: string | undefined): Promise<CryptoKey> {
  const raw = secret === undefined ? crypto.getRandomValues(new Uint8Array(32)) : new TextEncoder().encode(secret);
  return crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

function periodOf(now: number): number {
  return Math.floor(now / 1000 / NONCE_PERIOD);
}
