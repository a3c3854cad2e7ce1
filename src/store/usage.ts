import { and, eq, gte, isNull, lt, lte, or, sql } from 'drizzle-orm';
import type { UsageCount } from '../gates/protocol.ts';
import { recordFrequentSuccess } from './background-tasks.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients, clientUsage } from './schema.ts';

/**
 * Writes a client's usage counts and its last use, unless the client was deleted. The counts are absolute, and the greater count and the
 * later use win, so that a repeated or late flush is harmless. The client's version stays the same.
 * @param flush `usedAt`, in milliseconds since the epoch, is undefined if the last use need not be written
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function flushUsage(
  db: Database,
  clientId: string,
  { counts, usedAt }: { readonly counts: readonly UsageCount[]; readonly usedAt?: number | undefined },
  now: number,
): Promise<void> {
  const rows = sql`SELECT ${clientId}, value ->> 'hour', value ->> 'outcome', value ->> 'count'
    FROM json_each(${JSON.stringify(counts)}) WHERE EXISTS (SELECT 1 FROM ${clients} WHERE ${clients.clientId} = ${clientId})`;
  const { clientId: client, hour, outcome, count } = clientUsage;
  const upsert = db
    .insert(clientUsage)
    .select(rows)
    .onConflictDoUpdate({
      target: [client, hour, outcome],
      set: { count: sql`max(${count}, excluded.count)` },
    });
  const use = (at: number) =>
    db
      .update(clients)
      .set({ lastUsedAt: at })
      .where(and(eq(clients.clientId, clientId), or(isNull(clients.lastUsedAt), lt(clients.lastUsedAt, at))));
  await askStore('d1', () =>
    db.batch([
      recordFrequentSuccess(db, 'flush_usage', now),
      ...(counts.length > 0 ? [upsert] : []),
      ...(usedAt === undefined ? [] : [use(usedAt)]),
    ]),
  );
}

/**
 * Returns a client's counts of the hours that begin within a range.
 * @param range `from` and `to` are in milliseconds since the epoch, and inclusive
 * @throws StoreUnavailableError
 */
export function listUsage(
  db: Database,
  clientId: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<UsageCount[]> {
  const { hour, outcome, count } = clientUsage;
  const isWanted = and(eq(clientUsage.clientId, clientId), gte(hour, from), lte(hour, to));
  return askStore('d1', () => db.select({ hour, outcome, count }).from(clientUsage).where(isWanted));
}
