import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients, gates, quietSince } from './schema.ts';
import { insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

// Times are milliseconds since the epoch.

/** A secondary secret that may be unused. */
export interface QuietSecret {
  readonly id: string;
  readonly clientId: string;
  readonly organizationId: string;
  readonly hint: string;
  /** Its rotation, or the last use that is known. */
  readonly quietSince: number;
  /** Whether it is accepted: neither expired nor leaked. */
  readonly isAccepted: boolean;
  /** Whether a gate knows its last use. */
  readonly hasGate: boolean;
}

/** Returns secondary secrets of which no use is known since a time, the quietest first. @throws StoreUnavailableError */
export async function listQuietSecrets(
  db: Database,
  { upTo, limit }: { upTo: number; limit: number },
  now: number,
): Promise<QuietSecret[]> {
  const since = quietSince(clientSecrets);
  const { id, clientId, hint, expiresAt, leakedAt } = clientSecrets;
  const page = db
    .select({
      id,
      clientId,
      hint,
      expiresAt,
      leakedAt,
      quietSince: since,
      organizationId: clients.organizationId,
      hasGate: sql<number>`EXISTS (SELECT 1 FROM ${gates} WHERE ${gates.clientId} = ${clientId})`,
    })
    .from(clientSecrets)
    .innerJoin(clients, eq(clients.clientId, clientId))
    // As in the partial index, without parameters.
    .where(
      and(sql`${clientSecrets.rank} = 'secondary' AND ${clientSecrets.disuseNoticed} = 0`, sql`${since} <= ${upTo}`),
    )
    .orderBy(asc(since))
    .limit(limit);
  const found = await askStore('d1', () => page);
  return found.map(({ expiresAt, leakedAt, hasGate, ...secret }) => ({
    ...secret,
    isAccepted: leakedAt === null && (expiresAt === null || expiresAt > now),
    hasGate: hasGate === 1,
  }));
}

/** What a run found about a secret. */
export interface QuietLook {
  readonly id: string;
  /** The `quietSince` that was read. */
  readonly before: number;
  /** From when on its disuse counts. */
  readonly quietFrom: number;
  /** Whether it need not be looked at again. */
  readonly isDone: boolean;
}

/**
 * Records what a run found, and owes its notices to webhooks. Changes nothing about a secret that was rotated, promoted or looked at
 * meanwhile.
 * @throws StoreUnavailableError
 */
export async function recordQuietSecrets(
  db: Database,
  { looks, notices }: { looks: readonly QuietLook[]; notices: readonly Notice[] },
  now: number,
): Promise<void> {
  const all = sql`json_each(${JSON.stringify(looks)})`;
  const isSame = sql`${clientSecrets.id} = value ->> 'id' AND ${clientSecrets.rank} = 'secondary'
    AND ${clientSecrets.disuseNoticed} = 0 AND ${quietSince(clientSecrets)} = value ->> 'before'`;
  const same = sql`SELECT ${clientSecrets.id} FROM ${all} CROSS JOIN ${clientSecrets} ON ${isSame}`;
  const found = (member: string) =>
    sql`(SELECT value ->> ${member} FROM ${all} WHERE value ->> 'id' = ${clientSecrets.id})`;
  const ids = notices.map(({ id }) => id);
  await askStore('d1', () =>
    db.batch([
      insertNotices(db, notices, sql`value ->> '$.data.secret' IN (${same})`),
      owe(db, 'notices', ids, now),
      db
        .update(clientSecrets)
        .set({ quietFrom: found('quietFrom'), disuseNoticed: found('isDone') })
        .where(sql`${clientSecrets.id} IN (${same})`),
      wakeOwed(db, ids, now),
    ]),
  );
}
