import { and, eq, gte, lte, sql } from 'drizzle-orm';
import type { UsageCount } from '../gates/protocol.ts';
import { recordFrequentSuccess } from './background-tasks.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients, clientUsage } from './schema.ts';

/**
 * Writes a client's usage counts, unless the client was deleted. The counts are absolute and the greater one wins, so that a repeated or
 * late flush is harmless.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function flushUsage(
  db: Database,
  clientId: string,
  counts: readonly UsageCount[],
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
  await askStore('d1', () => db.batch([upsert, recordFrequentSuccess(db, 'flush_usage', now)]));
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
