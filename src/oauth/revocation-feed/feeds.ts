import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { FEED_DEADLINE_MS } from '../../store/constants.ts';
import type { Database } from '../../store/database.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import {
  type FeedEntry,
  type FeedServer,
  findFeedServers,
  readNewestEntries,
  readOlderEntries,
} from '../../store/live-revocations.ts';
import { SharedWork } from '../../store/waiting.ts';
import {
  AUDIENCE_LENGTH_MAX,
  FEED_FAST_FAILURE_MS,
  FEED_FIRST_ENTRIES,
  FEED_KEPT_ENTRIES,
  FEED_MAX_AGE,
  FEED_OLDER_PAGES_MAX,
  FEED_PAGE_ENTRIES,
  FEED_RECHECK_MS,
  FEED_UNKNOWN_AGE,
  FEEDS_MAX,
} from '../constants.ts';
import { AudienceLookUps } from './audience-look-ups.ts';
import { Completeness } from './completeness.ts';
import { addNewest, type FeedPage, type NewestCopy, newestPage, olderPage } from './page.ts';
import { QueryLimit, tooManyQueries } from './query-limit.ts';

/** The feed of a resource server in an isolate. */
interface Feed {
  readonly server: FeedServer;
  copy: NewestCopy | undefined;
  /** A query that one request began and that others wait for as well. */
  query: SharedWork<void> | undefined;
  /** When the last query began, milliseconds since the epoch. */
  askedAt: number;
  isDeleted: boolean;
}

interface OlderEntries {
  readonly entries: readonly FeedEntry[];
  readonly upTo: number;
}

/**
 * The revocation feeds in an isolate. It keeps the newest entries of each feed that is asked for, and asks D1 for what is newer at most
 * every `FEED_MAX_AGE` seconds, so that the number of requests does not matter. Audiences and versions that strangers invent share one
 * limit.
 */
export class RevocationFeeds {
  readonly #db: Database;
  readonly #completeness = new Completeness();
  /** By identifier. */
  readonly #feeds = new ExpiringCache<Feed>(FEEDS_MAX);
  /** Identifiers by other spellings. */
  readonly #spellings = new ExpiringCache<string>();
  readonly #unknown = new ExpiringCache<true>();
  readonly #older = new ExpiringCache<OlderEntries>(FEED_OLDER_PAGES_MAX);
  readonly #limit = new QueryLimit();
  readonly #lookUps: AudienceLookUps;

  constructor(db: Database) {
    this.#db = db;
    this.#lookUps = new AudienceLookUps((audiences) => this.#ask(() => findFeedServers(db, audiences)), this.#limit);
  }

  /**
   * Returns the page of a feed after a version. If D1 does not answer, it is the page as the isolate last knew it.
   * @param audience the identifier of the resource server, in any spelling
   * @returns undefined if there is no such resource server
   * @throws StoreUnavailableError; OAuthError `slow_down`
   */
  async page(audience: string, since: number): Promise<FeedPage | undefined> {
    const begunAt = Date.now();
    const feed = await this.#find(audience);
    if (!feed) return undefined;
    const copy = await this.#current(feed, since);
    if (feed.isDeleted) return this.#forget(audience, feed);
    if (!copy) throw new StoreUnavailableError('d1', 'no copy of the feed');
    // A version that D1 does not know either is of a database that was restored. An older copy may only lag behind that of another isolate.
    const isForeign = since > copy.latest && copy.readAt >= begunAt;
    const from = isForeign ? 0 : since;
    return from < copy.from ? this.#olderPage(copy, from) : newestPage(copy, from);
  }

  async #find(audience: string): Promise<Feed | undefined> {
    const now = Date.now();
    const known = this.#feeds.get(this.#spellings.get(audience, now) ?? audience, now);
    if (known) return known;
    if (audience.length > AUDIENCE_LENGTH_MAX || this.#unknown.get(audience, now)) return undefined;
    const server = await this.#lookUps.find(audience);
    if (!server) {
      this.#unknown.set(audience, true, now + FEED_UNKNOWN_AGE * 1000);
      return undefined;
    }
    const { identifier } = server;
    if (identifier !== audience) this.#spellings.set(audience, identifier);
    const feed = this.#feeds.get(identifier, now) ?? newFeed(server);
    this.#feeds.set(identifier, feed);
    return feed;
  }

  /** Returns the copy of a feed, after a query if it is too old for the asked version. */
  async #current(feed: Feed, since: number): Promise<NewestCopy | undefined> {
    const now = Date.now();
    const maxAge = since > (feed.copy?.latest ?? 0) ? FEED_RECHECK_MS : FEED_MAX_AGE * 1000;
    const isPending = feed.query?.isPending() ?? false;
    if (!isPending && now - feed.askedAt >= maxAge) {
      feed.askedAt = now;
      feed.query = new SharedWork('d1', FEED_DEADLINE_MS + FEED_RECHECK_MS, this.#refresh(feed));
    } else if (!isPending) return feed.copy;
    // Without a copy, the error says why. With one, its age shows.
    await feed.query?.result().catch((error: unknown) => {
      if (!feed.copy) throw error;
    });
    return feed.copy;
  }

  async #refresh(feed: Feed): Promise<void> {
    const begunAt = Date.now();
    const { copy } = feed;
    const limit = copy ? FEED_KEPT_ENTRIES : FEED_FIRST_ENTRIES;
    const read = await this.#ask(() => readNewestEntries(this.#db, feed.server, { after: copy?.latest ?? 0, limit }));
    if (!read) {
      feed.isDeleted = true;
      return;
    }
    const completeAsOf = this.#completeness.asOf(begunAt);
    if (completeAsOf === undefined) throw new StoreUnavailableError('d1', 'failed recently');
    // A restored database has lost versions. The next query reads the feed again.
    if (copy && read.latest < copy.latest) {
      feed.copy = undefined;
      feed.askedAt = 0;
      return this.#refresh(feed);
    }
    feed.copy = addNewest(copy, read, { limit, completeAsOf, readAt: begunAt });
  }

  /** Asks D1, and once more at once if it failed fast: a lost connection must not make the feed look older than it is. */
  async #ask<T>(query: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      return await query().catch((error: unknown) => {
        if (performance.now() - begun > FEED_FAST_FAILURE_MS) throw error;
        return query();
      });
    } catch (error) {
      this.#completeness.failed(Date.now());
      throw error;
    }
  }

  async #olderPage(copy: NewestCopy, since: number): Promise<FeedPage> {
    const { identifier, organizationId } = copy.server;
    const key = JSON.stringify([identifier, organizationId, since]);
    const older = this.#older.get(key, Date.now()) ?? (await this.#readOlder(copy, since));
    this.#older.set(key, older);
    return olderPage(copy, since, older.entries, older.upTo);
  }

  async #readOlder({ server, from }: NewestCopy, since: number): Promise<OlderEntries> {
    if (!this.#limit.isFree()) throw tooManyQueries();
    this.#limit.take();
    const range = { after: since, upTo: from, limit: FEED_PAGE_ENTRIES };
    return { entries: await this.#ask(() => readOlderEntries(this.#db, server, range)), upTo: from };
  }

  #forget(audience: string, { server }: Feed): undefined {
    this.#feeds.delete(server.identifier);
    this.#spellings.delete(audience);
    return undefined;
  }
}

function newFeed(server: FeedServer): Feed {
  return { server, copy: undefined, query: undefined, askedAt: Number.NEGATIVE_INFINITY, isDeleted: false };
}
