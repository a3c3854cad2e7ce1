import { SdkError } from '../../lib/errors.ts';
import { detailsOf, requestText, type TextAnswer } from '../../lib/http.ts';
import { ALGORITHMS } from '../algorithms.ts';
import type { Issuer } from '../issuer.ts';
import type { ExpectedHeader } from '../keys.ts';
import { FEED_AHEAD_MAX, FEED_PAGE_LENGTH_MAX, FEED_PAGES_MAX, FEED_RELOAD_MS, FEED_TYPE } from './constants.ts';
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
  /** When everything is read again, in monotonic milliseconds. */
  #reloadAt: number | undefined;
  /** The last page, which need not be sent again. */
  #last: { readonly href: string; readonly etag: string | undefined } | undefined;

  constructor(issuer: Issuer) {
    const { algorithms = ALGORITHMS } = issuer.options;
    this.#issuer = issuer;
    this.#header = { types: new Set([FEED_TYPE]), algorithms: new Set(algorithms), lengthMax: FEED_PAGE_LENGTH_MAX };
  }

  /** What is known. Its `asOf` is 0 before everything was read. */
  get known(): Revoked {
    return this.#known;
  }

  /** Reads what is new, and now and then everything again. @throws SdkError */
  async read(): Promise<void> {
    if (performance.now() >= (this.#reloadAt ?? Number.POSITIVE_INFINITY)) this.#next ??= new Revoked();
    await this.#readInto(this.#known);
    this.#reloadAt ??= performance.now() + FEED_RELOAD_MS * (0.75 + Math.random() / 4);
    const next = this.#next && (await this.#readInto(this.#next));
    // An old answer of a cache, or of a location that lags, must not undo what is known. The next attempt makes it newer.
    if (!next || next !== this.#next || next.asOf < this.#known.asOf) return;
    this.#known = next;
    this.#next = undefined;
    this.#reloadAt = undefined;
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
    return revoked;
  }

  /** Fetches the page after a version. @returns undefined if it is the last one that was fetched */
  async #fetch(since: number): Promise<FeedPage | undefined> {
    const { options } = this.#issuer;
    const { issuer, audience } = options;
    const { revocation_feed_endpoint: url } = await this.#issuer.metadata();
    if (typeof url !== 'string') {
      const message = `The metadata of ${issuer} have no revocation_feed_endpoint.`;
      throw new SdkError('discovery_failed', message, { isTemporary: false });
    }
    const href = `${url}?${new URLSearchParams({ audience, since: String(since) })}`;
    const etag = this.#last?.href === href ? this.#last.etag : undefined;
    const headers: HeadersInit = etag === undefined ? {} : { 'If-None-Match': etag };
    const answer = await requestText(href, { headers }, options);
    this.#issuer.observe(answer);
    if (answer.status === 304 && etag !== undefined) return undefined;
    if (answer.status !== 200) throw this.#failed(answer, `was answered with ${answer.status}`);
    const latest = this.#issuer.now() / 1000 + FEED_AHEAD_MAX;
    let page: FeedPage;
    try {
      const claims = await this.#issuer.verify(answer.text, this.#header);
      page = readPage(claims, { issuer, url, audience, since, latest });
    } catch (error) {
      throw error instanceof SdkError ? error : this.#failed(answer, 'is malformed, or not signed by it');
    }
    // A page with news is followed by another one.
    this.#last = { href, etag: answer.headers.get('ETag') ?? undefined };
    return page;
  }

  #failed(answer: TextAnswer, problem: string): SdkError {
    const message = `The feed of ${this.#issuer.options.issuer} ${problem}.`;
    return new SdkError('feed_failed', message, { ...detailsOf(answer), isTemporary: true });
  }
}
