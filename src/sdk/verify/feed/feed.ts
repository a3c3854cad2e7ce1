import { asSdkError, SdkError } from '../../lib/errors.ts';
import { invalidOption } from '../../lib/http.ts';
import { elapsed, type Moment, moment } from '../../lib/moment.ts';
import { nextAttemptMs } from '../../lib/retry-after.ts';
import { isWorkerd, keepAlive } from '../../lib/runtime.ts';
import { shortSha256 } from '../../lib/sha256.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { Introspection } from '../introspection.ts';
import type { Issuer } from '../issuer.ts';
import type { RevocationCheck, VerifiedToken } from '../options.ts';
import {
  CLIENT_HASHES_MAX,
  FEED_BACK_OFFS_MAX,
  FEED_MAX_AGE,
  FEED_MAX_AGE_MIN,
  FEED_PAUSE_MS,
  FEED_POLL_MS,
  FEED_USED_MS,
  FEED_WAIT_MS,
} from './constants.ts';
import { type Hash, hashOf } from './hash-table.ts';
import { FeedReader } from './reader.ts';

interface Failure {
  readonly error: SdkError;
  /** The failures since the last success, this one included. */
  readonly count: number;
}

/**
 * Knows what is revoked by the feed of the issuer, which it fetches every few seconds while tokens are verified. No token waits for it, except
 * the first, and one after a pause.
 */
export class RevocationFeed implements RevocationCheck {
  readonly #issuer: Issuer;
  readonly #reader: FeedReader;
  readonly #maxAgeMs: number;
  readonly #staleCheck: RevocationCheck | undefined;
  readonly #flight = new SingleFlight(() => this.#attempt());
  readonly #clientHashes = new Map<string, Hash>();
  /** As of when the feed is complete, and how old it was at a moment, in milliseconds. */
  #age: { readonly asOf: number; readonly ms: number; readonly at: Moment } | undefined;
  #failure: Failure | undefined;
  /** The last attempt that has ended, and after how many milliseconds the next one is due. */
  #last: { readonly at: Moment; readonly nextMs: number } | undefined;
  /** In monotonic milliseconds. */
  #usedAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws SdkError `invalid_option` */
  constructor(issuer: Issuer) {
    const { feedMaxAge = FEED_MAX_AGE, onStaleFeed = 'refuse' } = issuer.options;
    if (!(feedMaxAge >= FEED_MAX_AGE_MIN))
      throw invalidOption(`feedMaxAge must be ${FEED_MAX_AGE_MIN} seconds or more.`);
    this.#issuer = issuer;
    this.#reader = new FeedReader(issuer);
    this.#maxAgeMs = feedMaxAge * 1000;
    this.#staleCheck = staleCheck(issuer, onStaleFeed);
  }

  isRevoked(token: VerifiedToken, raw: string): Promise<boolean> {
    const now = moment();
    this.#usedAt = now.monotonic;
    if (this.#isDue(now)) {
      const waitMs = this.#waitMs(now);
      if (waitMs > 0) return this.#wait(waitMs).then(() => this.#judge(token, raw, moment()));
      if (!this.#flight.isUnderWay) keepAlive(this.#flight.start(), this.#issuer.options);
    }
    return this.#judge(token, raw, now);
  }

  #isDue(now: Moment): boolean {
    if (!this.#last) return true;
    const { at, nextMs } = this.#last;
    // A clock that was set must not shorten the pause that the server asked for.
    return (this.#failure ? now.monotonic - at.monotonic : elapsed(at, now)) >= nextMs;
  }

  /** Returns for how long a token waits for the attempt that is due, in milliseconds. */
  #waitMs(now: Moment): number {
    if (!this.#isFresh(now)) return this.#failure ? (this.#staleCheck ? 0 : FEED_WAIT_MS) : Number.POSITIVE_INFINITY;
    // After a failure nobody waits, so that a slow server does not make the API slow.
    const isAfterPause = !this.#failure && this.#last && elapsed(this.#last.at, now) >= FEED_PAUSE_MS;
    return isAfterPause ? FEED_WAIT_MS : 0;
  }

  async #wait(ms: number): Promise<void> {
    const signal = ms === Number.POSITIVE_INFINITY ? undefined : AbortSignal.timeout(ms);
    await this.#flight.join(signal).catch(() => undefined);
  }

  /** Whether the feed is complete up to a time that is not too long ago. An answer that repeats its `as_of` does not make it younger. */
  #isFresh(now: Moment): boolean {
    return this.#age !== undefined && this.#age.ms + elapsed(this.#age.at, now) <= this.#maxAgeMs;
  }

  #judge(token: VerifiedToken, raw: string, now: Moment): Promise<boolean> {
    const isListed = this.#isListed(token);
    return this.#isFresh(now) ? isListed : this.#judgeStale(token, raw, isListed);
  }

  /** What is known to be revoked stays so. About everything else the option decides. */
  async #judgeStale(token: VerifiedToken, raw: string, isListed: Promise<boolean>): Promise<boolean> {
    if (await isListed) return true;
    if (this.#staleCheck) return this.#staleCheck.isRevoked(token, raw);
    const cause = this.#failure?.error;
    const details = { isTemporary: true, retryAfter: cause?.retryAfter, cause };
    throw new SdkError('feed_stale', 'The feed of revocations is too old.', details);
  }

  /** Whether the feed lists a token. It hashes only what it must, and a client once, because a client has many tokens. */
  async #isListed({ jti, client_id, issued_at }: VerifiedToken): Promise<boolean> {
    const { known } = this.#reader;
    const token = known.hasTokens && jti !== undefined ? hashOf(await shortSha256(jti)) : undefined;
    let client = this.#clientHashes.get(client_id);
    if (!client && known.hasClients) {
      client = hashOf(await shortSha256(client_id));
      if (this.#clientHashes.size >= CLIENT_HASHES_MAX) this.#clientHashes.clear();
      this.#clientHashes.set(client_id, client);
    }
    return known.has({ token, client }, issued_at, this.#issuer.now() / 1000);
  }

  /** Fetches what is new. It never rejects: its outcome is in `#reader`, `#age`, `#last` and `#failure`. */
  async #attempt(): Promise<void> {
    const at = moment();
    try {
      await this.#reader.read();
      this.#failure = undefined;
      this.#last = { at, nextMs: FEED_POLL_MS * (1 + Math.random() / 4) };
      const ageMs = this.#noteAge();
      const durationMs = performance.now() - at.monotonic;
      this.#issuer.notify({ type: 'feed', entries: this.#reader.known.size, ageMs, durationMs });
    } catch (cause) {
      this.#noteAge();
      this.#fail(cause);
    }
    this.#setTimer();
  }

  /** Judges the age of the feed by the time of the server, if it is complete up to a later moment than before. @returns its age */
  #noteAge(): number {
    const { asOf } = this.#reader.known;
    const at = moment();
    const ms = Math.max(0, this.#issuer.now(at) - asOf * 1000);
    if (asOf > (this.#age?.asOf ?? 0)) this.#age = { asOf, ms, at };
    return ms;
  }

  #fail(cause: unknown): void {
    const error = asSdkError(cause);
    const count = (this.#failure?.count ?? 0) + 1;
    const nextMs = nextAttemptMs(Math.min(count, FEED_BACK_OFFS_MAX) - 1, error.retryAfter);
    this.#failure = { error, count };
    this.#last = { at: moment(), nextMs };
    this.#issuer.notify({ type: 'failure', operation: 'feed', error, nextAttemptMs: nextMs });
  }

  /** Fetches again later, while tokens are verified. In workerd a timer ends with its request, so the next token does it. */
  #setTimer(): void {
    if (isWorkerd() || !this.#last) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    if (now - this.#usedAt >= FEED_USED_MS) return;
    const again = () => {
      if (!this.#flight.isUnderWay) void this.#flight.start();
    };
    this.#timer = setTimeout(again, Math.max(0, this.#last.at.monotonic + this.#last.nextMs - now));
    // It must not keep a process alive. Deno and browsers have a number here.
    if (typeof this.#timer === 'object') this.#timer.unref?.();
    else (globalThis as { Deno?: { unrefTimer?(id: unknown): void } }).Deno?.unrefTimer?.(this.#timer);
  }
}

function staleCheck(issuer: Issuer, onStaleFeed: string): RevocationCheck | undefined {
  switch (onStaleFeed) {
    case 'refuse':
      return undefined;
    case 'accept':
      return { isRevoked: () => false };
    case 'introspect':
      return new Introspection(issuer);
    default:
      throw invalidOption(`onStaleFeed is unknown: ${onStaleFeed}`);
  }
}
