import { expect, test } from 'vitest';
import { FEED_BLIP_MS, FEED_KEPT_ENTRIES, FEED_LAG_MS, FEED_PAGE_ENTRIES } from '../../src/oauth/constants.ts';
import { Completeness } from '../../src/oauth/revocation-feed/completeness.ts';
import { addNewest, newestPage, olderPage } from '../../src/oauth/revocation-feed/page.ts';
import type { FeedEntry, NewestEntries } from '../../src/store/live-revocations.ts';

const SERVER = {
  identifier: 'https://api.example.com',
  organizationId: null,
  signingAlg: 'ES256',
  tokensFrom: null,
} as const;
const READ = { completeAsOf: 1000, readAt: 2000 };

/** Returns entries with these versions. */
function entries(from: number, to: number): FeedEntry[] {
  const length = Math.max(0, to - from + 1);
  const entry = { kind: 'token', hash: 'x', client: '', cutOff: null, isDisabled: false, expiresAt: 9 } as const;
  return Array.from({ length }, (_, index) => ({ ...entry, version: from + index }));
}

const read = (from: number, to: number): NewestEntries => ({ server: SERVER, entries: entries(from, to), latest: to });
const versions = (page: { readonly entries: readonly FeedEntry[] }) => page.entries.map(({ version }) => version);

test('a feed that is read whole is complete from the beginning, and stays so as entries are added', () => {
  const first = addNewest(undefined, read(5, 7), { limit: 10, ...READ });
  const second = addNewest(first, read(9, 12), { limit: 10, ...READ });
  expect([first.from, second.from, second.latest]).toEqual([0, 0, 12]);
  expect(versions(newestPage(second, 0))).toEqual([5, 6, 7, 9, 10, 11, 12]);
  expect(newestPage(second, 9)).toMatchObject({ since: 9, version: 12, hasMore: false });
  expect(newestPage(second, 12)).toMatchObject({ since: 12, version: 12, hasMore: false, entries: [] });
});

test('entries that were not read because of the limit are not taken for known', () => {
  const copy = addNewest(undefined, read(91, 100), { limit: 10, ...READ });
  expect(copy.from).toBe(90);
  // More than the limit came since the last query.
  const later = addNewest(copy, read(141, 150), { limit: 10, ...READ });
  expect([later.from, versions(later)[0]]).toEqual([140, 141]);
});

test('a long copy forgets its older half, and the versions before it are not taken for known', () => {
  const copy = addNewest(undefined, read(1, FEED_KEPT_ENTRIES), { limit: 100_000, ...READ });
  const later = addNewest(copy, read(FEED_KEPT_ENTRIES + 1, FEED_KEPT_ENTRIES + 1), { limit: 100, ...READ });
  expect(later.entries).toHaveLength(FEED_KEPT_ENTRIES / 2);
  expect(versions(later)[0]).toBe(later.from + 1);
});

test('a page has a limit, and an older one leads to the next entries or to the newest ones', () => {
  const copy = addNewest(undefined, read(1, FEED_KEPT_ENTRIES), { limit: 100_000, ...READ });
  expect(newestPage(copy, 0)).toMatchObject({
    version: FEED_PAGE_ENTRIES,
    hasMore: FEED_KEPT_ENTRIES > FEED_PAGE_ENTRIES,
  });
  const full = olderPage(copy, 10, entries(11, 10 + FEED_PAGE_ENTRIES), 9000);
  expect(full).toMatchObject({ since: 10, version: 10 + FEED_PAGE_ENTRIES, hasMore: true });
  expect(olderPage(copy, 10, entries(11, 12), 9000)).toMatchObject({ version: 9000, hasMore: true });
  expect(olderPage(copy, 10, [], 9000)).toMatchObject({ version: 9000, hasMore: true, entries: [] });
});

test('after an outage the feed is complete as of the last query before it, until D1 has answered for long enough', () => {
  const completeness = new Completeness();
  const held = 100_000 - FEED_LAG_MS;
  expect(completeness.asOf(100_000)).toBe(held);
  for (const at of [105_000, 110_000, 115_000]) completeness.failed(at);
  expect(completeness.asOf(116_000)).toBe(held);
  // A lost query in the meantime does not make it longer.
  completeness.failed(120_000);
  expect(completeness.asOf(121_000)).toBe(held);
  expect(completeness.asOf(115_000 + FEED_LAG_MS - 1)).toBe(held);
  expect(completeness.asOf(115_000 + FEED_LAG_MS)).toBe(115_000);
});

test('lost queries between others that succeed do not make the feed older', () => {
  const completeness = new Completeness();
  completeness.asOf(100_000);
  for (let at = 100_000; at < 400_000; at += FEED_BLIP_MS) {
    completeness.failed(at + 5000);
    expect(completeness.asOf(at + FEED_BLIP_MS)).toBe(at + FEED_BLIP_MS - FEED_LAG_MS);
  }
});

test('an isolate that has seen D1 fail and never answer does not know as of when the feed is complete', () => {
  const completeness = new Completeness();
  completeness.failed(100_000);
  expect(completeness.asOf(101_000)).toBeUndefined();
  expect(completeness.asOf(100_000 + FEED_LAG_MS)).toBe(100_000);
});
