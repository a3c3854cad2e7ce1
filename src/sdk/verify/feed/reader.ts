import { SdkError } from '../../lib/errors.ts';
import { requestText, type TextAnswer } from '../../lib/http.ts';
import { retryAfterSeconds } from '../../lib/retry-after.ts';
import { ALGORITHMS } from '../algorithms.ts';
import type { Issuer } from '../issuer.ts';
import type { ExpectedHeader } from '../keys.ts';
import { Refusal } from '../refusal.ts';
import { FEED_AHEAD_MAX, FEED_PAGE_LENGTH_MAX, FEED_PAGES_MAX, FEED_TYPE } from './constants.ts';
import { type FeedPage, readPage } from './page.ts';
import { Revoked } from './revoked.ts';

/**
 * Reads the feed of revocations of one API. What it reads from the beginning takes the place of what is known only when it is whole and not
 * older. An attempt that fails keeps what it has read, and the next one goes on from there.
 */
export class FeedReader {
  readonly #issuer: Issuer;
  readonly #header: ExpectedHeader;
  #known = new Revoked();
  /** What is being read from the beginning. */
  #next: Revoked | undefined;
  /** The last page without news, which need not be sent again. */
  #unchanged: { readonly href: string; readonly etag: string } | undefined;

  constructor(issuer: Issuer) {
    const { algorithms = ALGORITHMS } = issuer.options;
    this.#issuer = issuer;
    this.#header = { types: new Set([FEED_TYPE]), algorithms: new Set(algorithms), lengthMax: FEED_PAGE_LENGTH_MAX };
  }

  /** What is known. Its `asOf` is 0 before everything was read. */
  get known(): Revoked {
    return this.#known;
  }

  /** Whether everything is being read from the beginning. */
  get isReloading(): boolean {
    return this.#next !== undefined;
  }

  /** Reads what is new, and everything again if that was begun. @throws SdkError */
  async read(): Promise<void> {
    await this.#readInto(this.#known);
    const next = this.#next && (await this.#readInto(this.#next));
    // An old answer of a cache, or of a location that lags, must not undo what is known. The next attempt makes it newer.
    if (!next || next !== this.#next || next.asOf < this.#known.asOf) return;
    this.#known = next;
    this.#next = undefined;
  }

  /** Makes the next attempts read everything, besides what is new. */
  beginReload(): void {
    this.#next ??= new Revoked();
  }

  /** Reads up to the last page. @returns what it was read into: another object if the server began anew, and then it is `#next` */
  async #readInto(start: Revoked): Promise<Revoked> {
    let revoked = start;
    for (let pages = 0; pages < FEED_PAGES_MAX; pages++) {
      const since = revoked.version;
      const page = await this.#fetch(since);
      if (!page) return revoked;
      if (page.since !== since) {
        revoked = new Revoked();
        this.#next = revoked;
      }
      // In workerd, another request may have gone on meanwhile.
      else if (revoked.version !== since) continue;
      revoked.add(page, this.#issuer.now() / 1000);
      if (!page.hasMore) return revoked;
    }
    throw new SdkError('feed_failed', 'The feed of revocations is too long for one attempt.', { isTemporary: true });
  }

  /** Fetches the page after a version. @returns undefined if it is the last one that was fetched */
  async #fetch(since: number): Promise<FeedPage | undefined> {
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
    const { href } = located;
    const etag = this.#unchanged?.href === href ? this.#unchanged.etag : undefined;
    const headers = { Accept: 'application/jwt', ...(etag !== undefined && { 'If-None-Match': etag }) };
    const answer = await requestText(href, { headers }, options);
    this.#issuer.observe(answer);
    if (answer.status === 304 && etag !== undefined) return undefined;
    if (answer.status !== 200) throw this.#failed(answer, answered(answer.status));
    const claims = await this.#issuer.verify(answer.text.trim(), this.#header).catch((error: unknown) => {
      if (error instanceof Refusal) throw this.#failed(answer, `is not signed by it: ${error.message}`);
      throw error;
    });
    const latest = this.#issuer.now() / 1000 + FEED_AHEAD_MAX;
    const page = readPage(claims, { issuer, url, audience, since, latest });
    if (!page) throw this.#failed(answer, 'is malformed, or is another one');
    const newEtag = answer.headers.get('ETag');
    this.#unchanged = page.version === since && newEtag !== null ? { href, etag: newEtag } : undefined;
    return page;
  }

  #failed({ status, headers, receivedAt }: TextAnswer, problem: string): SdkError {
    const requestId = headers.get('X-Request-Id') ?? undefined;
    const retryAfter = retryAfterSeconds(headers, receivedAt.wall);
    const message = `The feed of revocations of ${this.#issuer.options.issuer} ${problem}.`;
    return new SdkError('feed_failed', message, { status, requestId, isTemporary: true, retryAfter });
  }
}

function answered(status: number): string {
  return status === 404 ? 'does not exist, or not for this audience' : `was answered with ${status}`;
}
