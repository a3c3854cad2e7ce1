import { and, desc, eq, gte, lte } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { type ClientDay, type DayCounts, usageDays } from './schema.ts';
import { dayOf, hoursOf } from './usage-days.ts';

// Reads of the sums by day. Each is one range of the primary key, so that it reads a row for each day, however many clients there are.

/** Hours that begin within a range. Both ends are inclusive, in milliseconds since the epoch. */
export interface UsageRange {
  readonly from: number;
  readonly to: number;
}

/** The counts of a day, of which `start` is the start in UTC, in milliseconds since the epoch. */
export interface UsageDay {
  readonly start: number;
  readonly counts: DayCounts;
}

/** The clients with the most requests on a day, by client_id. */
export interface TopClientsOfDay {
  readonly start: number;
  readonly clients: Readonly<Record<string, ClientDay>>;
}

/** How many requests of all clients ended in a token, and how many were refused. */
export interface UsageTotal {
  readonly issued: number;
  readonly refused: number;
}

/**
 * Sums an organization's usage. It lags by up to `USAGE_LAG`: gates write what they counted within that time.
 * @throws StoreUnavailableError
 */
export async function organizationUsage(db: Database, organizationId: string, range: UsageRange): Promise<UsageTotal> {
  const total = { issued: 0, refused: 0 };
  for (const { start, counts } of await listUsageDays(db, organizationId, range)) {
    for (const [outcome, hours] of Object.entries(counts.outcomes ?? {})) {
      const isInRange = ([hour]: readonly [number, number]) => hour >= range.from && hour <= range.to;
      const sum = hoursOf(start, hours)
        .filter(isInRange)
        .reduce((sum, [, count]) => sum + count, 0);
      total[outcome === 'issued' ? 'issued' : 'refused'] += sum;
    }
  }
  return total;
}

/**
 * Lists the days with usage that a range touches, newest first.
 * @param owner an organization's id, or `INSTANCE`
 * @throws StoreUnavailableError
 */
export function listUsageDays(db: Database, owner: string, range: UsageRange, limit = 1000): Promise<UsageDay[]> {
  return askStore('d1', () =>
    db
      .select({ start: usageDays.day, counts: usageDays.counts })
      .from(usageDays)
      .where(touches(owner, range))
      .orderBy(desc(usageDays.day))
      .limit(limit),
  );
}

/** Lists the clients with the most requests of each of these days, as `listUsageDays` does. @throws StoreUnavailableError */
export function listTopClients(
  db: Database,
  owner: string,
  range: UsageRange,
  limit = 1000,
): Promise<TopClientsOfDay[]> {
  return askStore('d1', () =>
    db
      .select({ start: usageDays.day, clients: usageDays.clients })
      .from(usageDays)
      .where(touches(owner, range))
      .orderBy(desc(usageDays.day))
      .limit(limit),
  );
}

function touches(owner: string, { from, to }: UsageRange) {
  return and(eq(usageDays.owner, owner), gte(usageDays.day, dayOf(from)), lte(usageDays.day, to));
}
