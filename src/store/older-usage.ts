import { desc, gte, sql } from 'drizzle-orm';
import { USAGE_AGE } from '../constants.ts';
import { USAGE_ROWS_PER_RUN } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientUsage } from './schema.ts';
import { raiseCounts } from './usage-days.ts';

/**
 * Moves usage that older code wrote to the usage by day: before a deployment, during it, or after a rollback. Counts are absolute, so a
 * repeated or concurrent run is harmless, and a row that older code raises meanwhile stays for the next run.
 * @param now milliseconds since the epoch
 * @returns how many rows were read
 * @throws StoreUnavailableError
 */
export async function moveOlderUsage(db: Database, now: number): Promise<number> {
  const { clientId, hour, outcome, count } = clientUsage;
  const rows = await askStore('d1', () =>
    db
      .select({ clientId, hour, outcome, count })
      .from(clientUsage)
      .where(gte(hour, now - USAGE_AGE * 1000))
      .orderBy(desc(hour))
      .limit(USAGE_ROWS_PER_RUN),
  );
  if (rows.length === 0) return 0;
  const counts = rows.map(({ outcome, ...row }) => ({ ...row, kind: 'outcomes' as const, key: outcome }));
  const moved = sql`SELECT ${clientUsage}.rowid FROM json_each(${JSON.stringify(rows)}) AS moved JOIN ${clientUsage}
    ON ${clientId} = moved.value ->> 'clientId' AND ${hour} = moved.value ->> 'hour'
    AND ${outcome} = moved.value ->> 'outcome' AND ${count} = moved.value ->> 'count'`;
  const [first, ...others] = raiseCounts(db, counts);
  if (!first) return 0;
  await askStore('d1', () => db.batch([first, ...others, db.delete(clientUsage).where(sql`rowid IN (${moved})`)]));
  return rows.length;
}
