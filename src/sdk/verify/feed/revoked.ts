import { SdkError } from '../../lib/errors.ts';
import { CLOCK_TOLERANCE_MAX } from '../constants.ts';
import { FEED_ENTRIES_MAX, FEED_PURGE_INTERVAL } from './constants.ts';
import { type Hash, HashTable, pairOf } from './hash-table.ts';
import type { FeedPage } from './page.ts';

/** The hashes by which the feed names a token. */
export interface TokenHashes {
  /** Of the `jti`; undefined without one, or if no token is listed. */
  readonly token: Hash | undefined;
  /** Of the client_id; undefined if nothing is listed by it. */
  readonly client: Hash | undefined;
}

/** The cut-off of a disabled client, and of a token: after all times. */
const ALWAYS = 0xffff_ffff;

/** What is revoked, as the pages of the feed say. Times are in seconds since the epoch. */
export class Revoked {
  /** By `jti`, or by `jti` and client_id. */
  readonly #tokens = new HashTable();
  #hasPairs = false;
  readonly #clients = new HashTable();
  #tokensFrom = 0;
  #version = 0;
  #asOf = 0;
  #purgedAt = 0;

  /** The version up to which everything is known. */
  get version(): number {
    return this.#version;
  }

  /** The moment up to which everything is known; 0 if not all pages were read. */
  get asOf(): number {
    return this.#asOf;
  }

  get size(): number {
    return this.#tokens.size + this.#clients.size;
  }

  /** Whether tokens are listed by the hash of their `jti`. */
  get hasTokens(): boolean {
    return this.#tokens.size > 0;
  }

  /** Whether anything is listed by the hash of a client_id. */
  get hasClients(): boolean {
    return this.#hasPairs || this.#clients.size > 0;
  }

  /**
   * Adds the page that continues from `version`. An old one, which a cache kept, adds what it lists but makes nothing seem newer.
   * @throws SdkError `feed_failed` if it is too much
   */
  add({ tokens, clients, version, asOf, hasMore, tokensFrom }: FeedPage, now: number): void {
    const isFull = () => this.size + tokens.length + clients.length > FEED_ENTRIES_MAX;
    if (now - this.#purgedAt >= FEED_PURGE_INTERVAL || isFull()) this.#purge(now);
    if (isFull()) {
      const message = `The feed of revocations has more than ${FEED_ENTRIES_MAX} entries.`;
      throw new SdkError('feed_failed', message, { isTemporary: true });
    }
    for (const { hash, expiresAt, client } of tokens) {
      this.#hasPairs ||= client !== undefined;
      this.#tokens.set(client ? pairOf(hash, client) : hash, expiresAt, ALWAYS);
    }
    for (const { hash, cutOff, isDisabled, expiresAt } of clients) {
      this.#clients.set(hash, expiresAt, isDisabled ? ALWAYS : cutOff);
    }
    this.#version = version;
    if (asOf < this.#asOf) return;
    this.#tokensFrom = tokensFrom;
    if (!hasMore) this.#asOf = asOf;
  }

  /** Whether a token is revoked, by the time of its issue, which counts as early if it is not known. */
  has({ token, client }: TokenHashes, issuedAt = 0, now = 0): boolean {
    if (issuedAt < this.#tokensFrom) return true;
    if (token && this.#tokens.cutOff(token, 0) > 0) return true;
    if (!client) return false;
    if (token && this.#tokens.cutOff(pairOf(token, client), 0) > 0) return true;
    const cutOff = this.#clients.cutOff(client, now - 2 * CLOCK_TOLERANCE_MAX);
    return cutOff > 0 && issuedAt <= cutOff;
  }

  // A token is accepted for a while after its end, because clocks differ.
  #purge(now: number): void {
    this.#tokens.purge(now - 2 * CLOCK_TOLERANCE_MAX);
    this.#clients.purge(now - 2 * CLOCK_TOLERANCE_MAX);
    this.#purgedAt = now;
  }
}
