import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clients } from './schema.ts';
import { among, listOf } from './sql.ts';

export interface FoundIds {
  /** Those of the wanted ids that clients have. */
  readonly found: readonly string[];
  /** Whether any client has an id of the form that only imported ones have. */
  readonly hasImported: boolean;
}

/**
 * Finds which ids clients have, in one query that searches only the index of client ids.
 * @param deadlineMs how long D1 may take
 * @throws StoreUnavailableError
 */
export async function findClientIds(db: Database, ids: readonly string[], deadlineMs: number): Promise<FoundIds> {
  const found = sql`SELECT json_group_array(client_id) FROM ${clients} WHERE ${among(clients.clientId, listOf(ids))}`;
  // Generated ids begin with `emc_`, and no imported one does. '`' is the character after '_'.
  const before = sql`SELECT 1 FROM ${clients} WHERE client_id < 'emc_'`;
  const after = sql`SELECT 1 FROM ${clients} WHERE client_id >= ${'emc`'}`;
  const row = await askStore(
    'd1',
    () =>
      db.get<{ found: string; hasImported: number }>(
        sql`SELECT (${found}) AS found, EXISTS (${before}) OR EXISTS (${after}) AS hasImported`,
      ),
    deadlineMs,
  );
  return { found: JSON.parse(row.found) as string[], hasImported: row.hasImported === 1 };
}
