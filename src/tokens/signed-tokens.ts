import type { PublishedKey } from '../keys/signing-key.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { SIGNED_TOKEN_LENGTH_MAX, SIGNED_TOKENS_MAX } from './constants.ts';

/** What one of our keys has signed. Nothing but the signature is verified. */
export interface SignedToken {
  readonly kid: string;
  readonly alg: string;
  readonly typ: unknown;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * The tokens whose signatures an isolate has verified. APIs introspect a token again and again, and its signature is most of the work. A
 * `kid` is the thumbprint of its key, so a signature stays right for as long as the key is published. Nothing else about a token is
 * remembered: its times, its claims and its standing are checked each time.
 */
export class SignedTokens {
  readonly #tokens = new ExpiringCache<SignedToken>(SIGNED_TOKENS_MAX);

  /** Returns what is known of a token, if its key is still published. @param now milliseconds since the epoch */
  find(token: string, published: ReadonlyMap<string, Pick<PublishedKey, 'alg'>>, now: number): SignedToken | undefined {
    const signed = this.#tokens.get(token, now);
    return signed && published.get(signed.kid)?.alg === signed.alg ? signed : undefined;
  }

  /** Remembers a token until it expires. @param now milliseconds since the epoch */
  add(token: string, signed: SignedToken, now: number): void {
    const { exp } = signed.claims;
    // An expired one would take the place of one that is still introspected.
    if (typeof exp !== 'number' || exp * 1000 <= now || token.length > SIGNED_TOKEN_LENGTH_MAX) return;
    this.#tokens.set(token, signed, exp * 1000);
  }
}
