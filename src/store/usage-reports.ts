import { and, desc, eq, gte, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { type ClientDay, clients, type DayCounts, usageDays } from './schema.ts';
import { among, listOf } from './sql.ts';
import { dayOf, hoursOf, INSTANCE } from './usage-days.ts';

// Reads of the sums by day. Each is one range of the primary key, so that it reads a row for each day, however many clients there are.

/** Hours that begin within a range. Both ends are inclusive, in milliseconds since the epoch. */
export interface UsageRange {
  readonly from: number;
  readonly to: number;
}

/** What was counted on a day. `start` is its start in UTC, in milliseconds since the epoch. */
export interface UsageDay extends DayCounts {
  readonly start: number;
  /** The clients with the most requests, by client_id. */
  readonly clients?: Readonly<Record<string, ClientDay>>;
}

/** How many requests ended in a token, and how many were refused. */
export interface UsageTotal {
  readonly issued: number;
  readonly refused: number;
}

/**
 * Sums an organization's usage. Gates write what they counted within `USAGE_LAG`, so the sum lags by as much.
 * @throws StoreUnavailableError
 */
export async function organizationUsage(db: Database, organizationId: string, range: UsageRange): Promise<UsageTotal> {
  const days = await listUsageDays(db, organizationId, range);
  const counts = days.flatMap(({ start, outcomes = {} }) =>
    Object.entries(outcomes).flatMap(([outcome, hours]) =>
      hoursOf(start, hours).map(([hour, count]) => ({ hour, outcome, count })),
    ),
  );
  const total = { issued: 0, refused: 0 };
  for (const { hour, outcome, count } of counts) {
    if (hour >= range.from && hour <= range.to) total[outcome === 'issued' ? 'issued' : 'refused'] += count;
  }
  return total;
}

/**
 * Lists the days with usage that a range touches, newest first, with their outcomes.
 * @param owner an organization's id, or `INSTANCE`
 * @param breakdown what else to return
 * @throws StoreUnavailableError
 */
export async function listUsageDays(
  db: Database,
  owner: string,
  { from, to }: UsageRange,
  breakdown?: 'clients' | 'resource_servers',
): Promise<UsageDay[]> {
  const { day, counts, clients } = usageDays;
  const parsed = <T>(value: SQL) => value.mapWith((text: string | null) => JSON.parse(text ?? '{}') as T);
  const rows = await askStore('d1', () =>
    db
      .select({
        start: day,
        outcomes: parsed<NonNullable<DayCounts['outcomes']>>(sql`${counts} -> '$.outcomes'`),
        ...(breakdown === 'clients' && { clients }),
        ...(breakdown === 'resource_servers' && {
          resource_servers: parsed<NonNullable<DayCounts['resource_servers']>>(sql`${counts} -> '$.resource_servers'`),
        }),
      })
      .from(usageDays)
      .where(and(eq(usageDays.owner, owner), gte(day, dayOf(from)), lte(day, to)))
      .orderBy(desc(day)),
  );
  return rows as UsageDay[];
}

/**
 * Finds the names and organizations of clients, by client_id. Deleted clients are left out, and so are clients of another organization: it
 * may have created a deleted client_id again.
 * @param owner an organization's id, or `INSTANCE`
 * @throws StoreUnavailableError
 */
export async function findClientNames(
  db: Database,
  owner: string,
  clientIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly clientName: string; readonly organizationId: string }>> {
  if (clientIds.length === 0) return new Map();
  const { clientId, clientName, organizationId } = clients;
  // The plus keeps SQLite from the index of organizations, in which it would read all clients of the owner.
  const isOwned = owner === INSTANCE ? undefined : sql`+${organizationId} = ${owner}`;
  const found = await askStore('d1', () =>
    db
      .select({ clientId, clientName, organizationId })
      .from(clients)
      .where(and(among(clientId, listOf(clientIds)), isOwned)),
  );
  return new Map(found.map(({ clientId, ...client }) => [clientId, client]));
}
