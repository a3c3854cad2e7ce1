import { CLOCK_TOLERANCE_MAX } from '../constants.ts';
import { FEED_PURGE_MS } from './constants.ts';
import type { FeedPage } from './page.ts';

interface ClientEntry {
  readonly cutOff: number | null;
  readonly isDisabled: boolean;
  readonly expiresAt: number;
}

/** What a token is, as the feed knows it. */
export interface Listed {
  /** The hash of the `jti`; undefined without one. */
  readonly tokenHash: string | undefined;
  readonly clientHash: string;
  /** Seconds since the epoch; undefined counts as before everything. */
  readonly issuedAt: number | undefined;
}

/** What is revoked and has not expired, as far as pages of the feed have said. Times are in seconds since the epoch unless they end in `Ms`. */
export class Revoked {
  readonly #tokens = new Map<string, number>();
  readonly #clients = new Map<string, ClientEntry>();
  #tokensFrom = Number.NEGATIVE_INFINITY;
  #version = 0;
  #asOf = Number.NEGATIVE_INFINITY;
  #purgedAtMs = Number.NEGATIVE_INFINITY;

  /** The version up to which it is complete. */
  get version(): number {
    return this.#version;
  }

  /** The moment up to which it is complete. */
  get asOf(): number {
    return this.#asOf;
  }

  /** The number of entries. */
  get size(): number {
    return this.#tokens.size + this.#clients.size;
  }

  /** Whether any revoked token is listed by its own hash. */
  get hasTokens(): boolean {
    return this.#tokens.size > 0;
  }

  get hasClients(): boolean {
    return this.#clients.size > 0;
  }

  /** Whether tokens issued at a time are those of a deleted resource server with the same identifier. */
  isBeforeAll(issuedAt = Number.NEGATIVE_INFINITY): boolean {
    return issuedAt < this.#tokensFrom;
  }

  /** Adds a page that continues from its version. An older page, which a cache kept, changes nothing. @param nowMs milliseconds since the epoch */
  add({ since, version, more, as_of, tokens, clients, tokens_from }: FeedPage, nowMs: number): void {
    if (since !== this.#version) return;
    for (const [hash, expiresAt] of tokens) this.#tokens.set(hash, expiresAt);
    for (const [hash, cutOff, isDisabled, expiresAt] of clients) {
      this.#clients.set(hash, { cutOff, isDisabled: isDisabled === 1, expiresAt });
    }
    this.#tokensFrom = tokens_from ?? Number.NEGATIVE_INFINITY;
    this.#version = version;
    if (!more) this.#asOf = Math.max(this.#asOf, as_of);
    if (nowMs - this.#purgedAtMs >= FEED_PURGE_MS) this.#purge(nowMs);
  }

  /** Whether a token is revoked: it, its client, or all that were issued up to its time. */
  has({ tokenHash, clientHash, issuedAt = Number.NEGATIVE_INFINITY }: Listed): boolean {
    if (tokenHash !== undefined && this.#tokens.has(tokenHash)) return true;
    const client = this.#clients.get(clientHash);
    return client !== undefined && (client.isDisabled || (client.cutOff !== null && issuedAt <= client.cutOff));
  }

  // A token is accepted for a while after its end, as far as the clocks may differ.
  #purge(nowMs: number): void {
    const isOver = (expiresAt: number) => (expiresAt + 2 * CLOCK_TOLERANCE_MAX) * 1000 < nowMs;
    for (const [hash, expiresAt] of this.#tokens) if (isOver(expiresAt)) this.#tokens.delete(hash);
    for (const [hash, { expiresAt }] of this.#clients) if (isOver(expiresAt)) this.#clients.delete(hash);
    this.#purgedAtMs = nowMs;
  }
}
