import { LIVE_REVOCATION_GRACE } from '../../store/constants.ts';
import type { FeedEntry, FeedServer, NewestEntries } from '../../store/live-revocations.ts';
import { FEED_KEPT_ENTRIES, FEED_PAGE_ENTRIES } from '../constants.ts';

/** The newest entries of a feed, as an isolate keeps them. */
export interface NewestCopy extends NewestEntries {
  /** Every entry with a greater version is among `entries`. */
  readonly from: number;
  /** Every revocation that was acknowledged until then is in the feed, milliseconds since the epoch. */
  readonly completeAsOf: number;
  /** When the query began, milliseconds since the epoch. */
  readonly readAt: number;
}

/** A page of a feed: a delta to the version that its reader has. */
export interface FeedPage {
  readonly server: FeedServer;
  readonly completeAsOf: number;
  readonly since: number;
  readonly version: number;
  readonly hasMore: boolean;
  readonly entries: readonly FeedEntry[];
}

/**
 * Adds what was read after `copy.latest` to an isolate's copy. Keeps up to `FEED_KEPT_ENTRIES`, and half of them once there are more, so
 * that few readers meet the moment at which old ones are forgotten.
 * @param limit the limit of the query: with as many entries, there may be older ones that were not read
 */
export function addNewest(
  copy: NewestCopy | undefined,
  read: NewestEntries,
  { limit, completeAsOf, readAt }: { readonly limit: number } & Pick<NewestCopy, 'completeAsOf' | 'readAt'>,
): NewestCopy {
  const isComplete = read.entries.length < limit;
  const entries = isComplete ? [...(copy?.entries ?? []), ...read.entries] : read.entries;
  const dropped = entries.length > FEED_KEPT_ENTRIES ? entries.length - FEED_KEPT_ENTRIES / 2 : 0;
  const from =
    dropped > 0
      ? (entries[dropped - 1]?.version ?? 0)
      : isComplete
        ? (copy?.from ?? 0)
        : (read.entries[0]?.version ?? 1) - 1;
  return { ...read, entries: entries.slice(dropped), from, completeAsOf, readAt };
}

/** Returns the page after a version from the newest entries. @param since at least `copy.from` */
export function newestPage(copy: NewestCopy, since: number): FeedPage {
  const newer = copy.entries.filter(({ version }) => version > since);
  const entries = newer.slice(0, FEED_PAGE_ENTRIES);
  const { server, completeAsOf } = copy;
  const version = entries.at(-1)?.version ?? since;
  return { server, completeAsOf, since, version, hasMore: entries.length < newer.length, entries };
}

/**
 * Returns a page of entries that are older than the newest ones. Another one always follows. It never changes, except that entries of it
 * may be replaced by newer ones on a later page.
 * @param entries the first ones after `since`, up to `copy.from`
 */
export function olderPage(copy: NewestCopy, since: number, entries: readonly FeedEntry[], upTo: number): FeedPage {
  const { server, completeAsOf } = copy;
  const version = entries.length < FEED_PAGE_ENTRIES ? upTo : (entries.at(-1)?.version ?? upTo);
  return { server, completeAsOf, since, version, hasMore: true, entries };
}

/** Returns the claims of a page. @param now milliseconds since the epoch @param feedUrl the URL of the endpoint */
export function claimsOf(page: FeedPage, issuer: string, feedUrl: string, now: number) {
  const { server, since, version, hasMore } = page;
  const seconds = Math.floor(now / 1000);
  const live = page.entries.filter(({ expiresAt }) => expiresAt > seconds - LIVE_REVOCATION_GRACE);
  const tokens = live
    .filter(({ kind }) => kind === 'token')
    .map(({ hash, expiresAt, client }) => (client === '' ? [hash, expiresAt] : [hash, expiresAt, client]));
  const clients = live
    .filter(({ kind }) => kind === 'client')
    .map(({ hash, cutOff, isDisabled, expiresAt }) => [hash, cutOff, isDisabled ? 1 : 0, expiresAt]);
  return {
    iss: issuer,
    // Not the audience of access tokens, so that no verifier takes a feed for one.
    aud: feedUrl,
    iat: seconds,
    audience: server.identifier,
    as_of: Math.floor(page.completeAsOf / 1000),
    since,
    version,
    more: hasMore,
    tokens,
    clients,
    ...(server.tokensFrom !== null && { tokens_from: server.tokensFrom }),
  };
}
