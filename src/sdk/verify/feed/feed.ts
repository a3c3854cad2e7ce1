import { base64url } from 'jose';
import { SdkError } from '../../lib/errors.ts';
import { invalidOption, requestText } from '../../lib/http.ts';
import { nextAttemptMs, retryAfterSeconds } from '../../lib/retry-after.ts';
import { isWorkerd, keepAlive } from '../../lib/runtime.ts';
import { shortSha256 } from '../../lib/sha256.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { ALGORITHMS } from '../algorithms.ts';
import { Introspection } from '../introspection.ts';
import type { Issuer } from '../issuer.ts';
import type { ExpectedHeader } from '../keys.ts';
import type { RevocationCheck, VerifiedToken } from '../options.ts';
import { Refusal } from '../refusal.ts';
import {
  CLIENT_HASHES_MAX,
  FEED_HASH_BYTES,
  FEED_MAX_AGE,
  FEED_MAX_AGE_MIN,
  FEED_PAGE_LENGTH_MAX,
  FEED_PAGES_MAX,
  FEED_POLL_MS,
  FEED_RELOAD_MS,
  FEED_TYPE,
  FEED_USED_MS,
  FEED_WAIT_MS,
} from './constants.ts';
import { type FeedPage, readPage } from './page.ts';
import { Revoked } from './revoked.ts';

interface Failure {
  readonly error: SdkError;
  /** The failures since the last success, this one included. */
  readonly count: number;
  /** No attempt is made before it, in monotonic milliseconds. */
  readonly notBefore: number;
}

/**
 * Knows what is revoked by the feed of the issuer, which it fetches every few seconds while tokens are verified. No token waits for it, except the
 * first, and one after a long pause.
 */
export class RevocationFeed implements RevocationCheck {
  readonly #issuer: Issuer;
  readonly #header: ExpectedHeader;
  readonly #maxAgeMs: number;
  readonly #staleCheck: RevocationCheck | undefined;
  readonly #flight = new SingleFlight(() => this.#poll());
  readonly #clientHashes = new Map<string, string>();
  #revoked: Revoked | undefined;
  /** When the whole feed is read again, and when the last fetch began and ended well, in monotonic milliseconds. */
  #reloadAt = 0;
  #polledAt = Number.NEGATIVE_INFINITY;
  #usedAt = Number.NEGATIVE_INFINITY;
  #nextPollMs = 0;
  #failure: Failure | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws SdkError `invalid_option` */
  constructor(issuer: Issuer) {
    const { feedMaxAge = FEED_MAX_AGE, onStaleFeed = 'refuse', algorithms = ALGORITHMS } = issuer.options;
    if (!(feedMaxAge >= FEED_MAX_AGE_MIN))
      throw invalidOption(`feedMaxAge must be ${FEED_MAX_AGE_MIN} seconds or more.`);
    this.#issuer = issuer;
    this.#header = { types: new Set([FEED_TYPE]), algorithms: new Set(algorithms), lengthMax: FEED_PAGE_LENGTH_MAX };
    this.#maxAgeMs = feedMaxAge * 1000;
    this.#staleCheck = staleCheck(issuer, onStaleFeed);
  }

  isRevoked(token: VerifiedToken, raw: string): boolean | Promise<boolean> {
    const now = performance.now();
    this.#usedAt = now;
    const sincePoll = now - this.#polledAt;
    if (sincePoll >= FEED_WAIT_MS && !this.#isHeldBack(now))
      return this.#flight.join().then(() => this.#judge(token, raw));
    if (sincePoll >= this.#nextPollMs) this.#pollInBackground(now);
    return this.#judge(token, raw);
  }

  #judge(token: VerifiedToken, raw: string): boolean | Promise<boolean> {
    const revoked = this.#revoked;
    if (revoked === undefined || this.#issuer.now() - revoked.asOf * 1000 > this.#maxAgeMs)
      return this.#judgeStale(token, raw);
    return this.#isListed(revoked, token);
  }

  /** What was known to be revoked stays so. About everything else the option decides. */
  async #judgeStale(token: VerifiedToken, raw: string): Promise<boolean> {
    if (this.#revoked && (await this.#isListed(this.#revoked, token))) return true;
    if (this.#staleCheck) return this.#staleCheck.isRevoked(token, raw);
    const { error, notBefore = 0 } = this.#failure ?? {};
    const retryAfter = Math.max(1, Math.ceil((notBefore - performance.now()) / 1000));
    const message = `The feed of revocations is too old${error ? `: ${error.message}` : '.'}`;
    throw new SdkError('feed_stale', message, { isTemporary: true, retryAfter, cause: error });
  }

  /** Whether the feed lists a token. Hashes only what it must. */
  #isListed(revoked: Revoked, { jti, client_id, issued_at }: VerifiedToken): boolean | Promise<boolean> {
    if (revoked.isBeforeAll(issued_at)) return true;
    const known = this.#clientHashes.get(client_id);
    const needsToken = revoked.hasTokens && jti !== undefined;
    const needsClient = revoked.hasClients && known === undefined;
    if (!needsToken && !needsClient) {
      return revoked.has({ tokenHash: undefined, clientHash: known ?? '', issuedAt: issued_at });
    }
    const tokenHash = needsToken ? hashOf(jti) : undefined;
    const clientHash = needsClient ? hashOf(client_id) : known;
    const judge = (ofToken: string | undefined, ofClient = '') => {
      if (needsClient) this.#remember(client_id, ofClient);
      return revoked.has({ tokenHash: ofToken, clientHash: ofClient, issuedAt: issued_at });
    };
    if (tokenHash instanceof Promise || clientHash instanceof Promise) {
      return Promise.all([tokenHash, clientHash]).then((hashes) => judge(...hashes));
    }
    return judge(tokenHash, clientHash);
  }

  #remember(clientId: string, hash: string): void {
    if (this.#clientHashes.size >= CLIENT_HASHES_MAX) this.#clientHashes.clear();
    this.#clientHashes.set(clientId, hash);
  }

  #isHeldBack(now: number): boolean {
    return this.#failure !== undefined && now < this.#failure.notBefore;
  }

  #pollInBackground(now: number): void {
    if (!this.#flight.isUnderWay && !this.#isHeldBack(now)) keepAlive(this.#flight.start(), this.#issuer.options);
  }

  /** Fetches what is new. It never rejects: its outcome is in `#revoked` or `#failure`. */
  async #poll(): Promise<void> {
    const start = performance.now();
    try {
      const isReload = this.#revoked === undefined || start >= this.#reloadAt;
      const revoked = await this.#read(isReload || !this.#revoked ? new Revoked() : this.#revoked);
      if (revoked !== this.#revoked) this.#reloadAt = start + FEED_RELOAD_MS * (0.75 + Math.random() / 4);
      this.#revoked = revoked;
      this.#failure = undefined;
      this.#polledAt = start;
      this.#nextPollMs = FEED_POLL_MS * (1 + Math.random() / 4);
      const ageMs = this.#issuer.now() - revoked.asOf * 1000;
      this.#issuer.notify({ type: 'feed', entries: revoked.size, ageMs, durationMs: performance.now() - start });
    } catch (cause) {
      this.#fail(cause);
    }
    this.#setTimer();
  }

  /** Reads pages until there is none. @returns what is known then: another object if the server began anew */
  async #read(known: Revoked): Promise<Revoked> {
    let revoked = known;
    for (let pages = 0; pages < FEED_PAGES_MAX; pages++) {
      const page = await this.#fetch(revoked.version);
      if (page.since === 0 && revoked.version > 0) revoked = new Revoked();
      revoked.add(page, this.#issuer.now());
      if (!page.more) return revoked;
    }
    throw new SdkError('feed_failed', 'The feed of revocations does not end.', { isTemporary: true });
  }

  async #fetch(since: number): Promise<FeedPage> {
    const { options } = this.#issuer;
    const { issuer, audience } = options;
    const { revocation_feed_endpoint: url } = await this.#issuer.metadata();
    if (typeof url !== 'string') {
      const message = `The metadata of ${issuer} have no revocation_feed_endpoint. Use revocations: 'introspection'.`;
      throw new SdkError('discovery_failed', message, { isTemporary: false });
    }
    const located = new URL(url);
    located.searchParams.set('audience', audience);
    if (since > 0) located.searchParams.set('since', String(since));
    const answer = await requestText(located.href, { headers: { Accept: 'application/jwt' } }, options);
    this.#issuer.observe(answer);
    const { status, headers, text, receivedAt } = answer;
    const requestId = headers.get('X-Request-Id') ?? undefined;
    if (status !== 200) {
      const retryAfter = retryAfterSeconds(headers, receivedAt.wall);
      const problem = status === 404 ? 'knows no such audience' : `answered with ${status}`;
      throw new SdkError('feed_failed', `The feed of ${issuer} ${problem}.`, {
        status,
        requestId,
        isTemporary: true,
        retryAfter,
      });
    }
    const claims = await this.#issuer.verify(text.trim(), this.#header).catch((error: unknown) => {
      if (error instanceof Refusal) return undefined;
      throw error;
    });
    const page = readPage(claims, { issuer, url, audience, since });
    if (!page)
      throw new SdkError('feed_failed', `${issuer} answered with no page of its feed.`, {
        requestId,
        isTemporary: true,
      });
    return page;
  }

  #fail(cause: unknown): void {
    const error =
      cause instanceof SdkError ? cause : new SdkError('internal', 'The feed failed.', { isTemporary: true, cause });
    const count = (this.#failure?.count ?? 0) + 1;
    const nextMs = nextAttemptMs(count - 1, error.retryAfter);
    this.#failure = { error, count, notBefore: performance.now() + nextMs };
    this.#issuer.notify({ type: 'failure', operation: 'feed', error, nextAttemptMs: nextMs });
  }

  /** Fetches again later, while tokens are verified. In workerd a timer ends with its request, so the next token does it. */
  #setTimer(): void {
    if (isWorkerd()) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    if (now - this.#usedAt >= FEED_USED_MS) return;
    const waitMs = this.#failure ? this.#failure.notBefore - now : this.#nextPollMs;
    this.#timer = setTimeout(() => this.#pollInBackground(performance.now()), Math.max(0, waitMs));
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
      throw invalidOption(`onStaleFeed must be accept, introspect or refuse, not ${onStaleFeed}.`);
  }
}

/** Returns the hash of a `jti` or client_id, as the feed lists it. */
function hashOf(id: string): string | Promise<string> {
  const digest = shortSha256(id);
  return digest instanceof Promise ? digest.then(listedHash) : listedHash(digest);
}

function listedHash(digest: Uint8Array): string {
  return base64url.encode(digest.subarray(0, FEED_HASH_BYTES));
}
