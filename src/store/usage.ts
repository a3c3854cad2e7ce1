import { and, eq, gte, isNull, lt, lte, or } from 'drizzle-orm';
import type { QuotaNotice, ResourceCount, UsageCount } from '../gates/protocol.ts';
import { recordFrequentSuccess } from './background-tasks.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { insertQuotaNotices } from './quota-notices.ts';
import { clients, clientUsage, clientUsageDays } from './schema.ts';
import { type ClientCount, dayOf, hoursOf, raiseCounts } from './usage-days.ts';

/** What a gate tells D1: absolute counts, and when the client was last used, if D1 does not know it. Times are in milliseconds. */
export interface FlushedUsage {
  readonly counts: readonly UsageCount[];
  readonly resources?: readonly ResourceCount[];
  readonly usedAt?: number | undefined;
  /** Thresholds of its quota that were reached, for webhooks. */
  readonly notices?: readonly QuotaNotice[];
}

/**
 * Writes a client's usage counts, its last use and notices of its quota, and raises the sums of its organization and of the instance,
 * unless the client was deleted. The counts are absolute, and the greater count and the later use win, so that a repeated or late flush is
 * harmless. The client's version stays the same.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function flushUsage(
  db: Database,
  clientId: string,
  { counts, resources = [], usedAt, notices = [] }: FlushedUsage,
  now: number,
): Promise<void> {
  const outcomes = counts.map(
    ({ hour, outcome, count }): ClientCount => ({ clientId, hour, kind: 'outcomes', key: outcome, count }),
  );
  const issued = resources.map(
    ({ hour, resource, count }): ClientCount => ({ clientId, hour, kind: 'resource_servers', key: resource, count }),
  );
  const use = (at: number) =>
    db
      .update(clients)
      .set({ lastUsedAt: at })
      .where(and(eq(clients.clientId, clientId), or(isNull(clients.lastUsedAt), lt(clients.lastUsedAt, at))));
  await askStore('d1', () =>
    db.batch([
      recordFrequentSuccess(db, 'flush_usage', now),
      ...raiseCounts(db, [...outcomes, ...issued]),
      ...(usedAt === undefined ? [] : [use(usedAt)]),
      ...(notices.length > 0 ? insertQuotaNotices(db, clientId, notices, now) : []),
    ]),
  );
}

/**
 * Returns a client's counts of the hours that begin within a range. There may be two for the same hour and outcome, of which the greater
 * counts: one is in a row of older code that has not been moved.
 * @param range `from` and `to` are in milliseconds since the epoch, and inclusive
 * @throws StoreUnavailableError
 */
export async function listUsage(
  db: Database,
  clientId: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<UsageCount[]> {
  const { hour, outcome, count } = clientUsage;
  const { day, counts } = clientUsageDays;
  const isOlder = and(eq(clientUsage.clientId, clientId), gte(hour, from), lte(hour, to));
  const isWanted = and(eq(clientUsageDays.clientId, clientId), gte(day, dayOf(from)), lte(day, to));
  const [older, days] = await askStore('d1', () =>
    db.batch([
      db.select({ hour, outcome, count }).from(clientUsage).where(isOlder),
      db.select({ day, counts }).from(clientUsageDays).where(isWanted),
    ]),
  );
  const counted = days.flatMap(({ day, counts }) =>
    Object.entries(counts.outcomes ?? {}).flatMap(([outcome, hours]) =>
      hoursOf(day, hours).map(([hour, count]) => ({ hour, outcome, count })),
    ),
  );
  return [...older, ...counted.filter(({ hour }) => hour >= from && hour <= to)];
}
