import { and, asc, eq, gt, lte, type SQL, sql } from 'drizzle-orm';
import { RECENT_WRITES_MAX } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, changes, gatePushes } from './schema.ts';
import { among } from './sql.ts';

/** A push that is owed to a gate: its client's record, at least as new as `version`. */
export type OwedPush = typeof gatePushes.$inferSelect;

// For a query that is grouped by gate.
const newestOfEach = {
  gate: gatePushes.gate,
  version: sql<number>`MAX(${gatePushes.version})`,
  clientId: gatePushes.clientId,
};

/** Builds the statement that selects the pushes that the write of a version still owes, up to `limit`. */
export function selectOwedBy(db: Database, version: number | SQL<number>, limit: number) {
  const owed = db.select().from(gatePushes).where(eq(gatePushes.version, version));
  return owed.orderBy(asc(gatePushes.gate)).limit(limit);
}

/** Returns the pushes that the write of a version still owes, up to `limit`. @throws StoreUnavailableError */
export function pushesOwedBy(db: Database, version: number, limit: number): Promise<OwedPush[]> {
  return askStore('d1', () => selectOwedBy(db, version, limit));
}

/**
 * Returns pushes that the last `RECENT_WRITES_MAX` writes about a target still owe, up to `limit`: one per gate, with its newest version.
 * @param target as the writes' audit events name it
 * @throws StoreUnavailableError
 */
export function pushesOwedAbout(db: Database, target: string, limit: number): Promise<OwedPush[]> {
  const owed = db
    .select(newestOfEach)
    .from(gatePushes)
    .where(among(gatePushes.version, writesAbout(target)))
    .groupBy(gatePushes.gate)
    .orderBy(asc(gatePushes.gate));
  return askStore('d1', () => owed.limit(limit));
}

/** Returns the pushes that are still owed to a client's gates, one per gate, up to `limit`. @throws StoreUnavailableError */
export function pushesOwedTo(db: Database, clientId: string, limit: number): Promise<OwedPush[]> {
  const owed = db.select(newestOfEach).from(gatePushes).where(eq(gatePushes.clientId, clientId));
  return askStore('d1', () => owed.groupBy(gatePushes.gate).limit(limit));
}

/** Whether no push is owed to a client's gates, for the guard of a write. */
export function nothingOwedTo(clientId: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${gatePushes} WHERE ${gatePushes.clientId} = ${clientId})`;
}

/** Selects the given clients, and the clients to whose gates the last writes about a target still owe a push. */
export function andStillOwed(clientIds: SQL, target: string): SQL {
  return sql`${clientIds} UNION SELECT ${gatePushes.clientId} FROM ${gatePushes} WHERE ${among(gatePushes.version, writesAbout(target))}`;
}

/** Selects those of the given clients to whose gates a push is still owed. */
export function stillOwed(clientIds: SQL): SQL {
  return sql`SELECT ${gatePushes.clientId} FROM ${gatePushes} WHERE ${among(gatePushes.clientId, clientIds)}`;
}

function writesAbout(target: string): SQL {
  return sql`SELECT ${auditEvents.version} FROM ${auditEvents} WHERE ${auditEvents.target} = ${target}
    ORDER BY ${auditEvents.at} DESC LIMIT ${RECENT_WRITES_MAX}`;
}

/**
 * Returns pushes that are owed to the gates of a range of ids, in their order, up to `limit`: one per gate, with its newest version.
 * @param after the id that the range excludes at its start
 * @param upTo the last id of the range
 * @throws StoreUnavailableError
 */
export function pushesOwedBetween(db: Database, after: string, upTo: string, limit: number): Promise<OwedPush[]> {
  const owed = db
    .select(newestOfEach)
    .from(gatePushes)
    .where(and(gt(gatePushes.gate, after), lte(gatePushes.gate, upTo)))
    .groupBy(gatePushes.gate)
    .orderBy(asc(gatePushes.gate));
  return askStore('d1', () => owed.limit(limit));
}

/** Deletes the owed pushes of gates that received a record of a version, and all older ones. @throws StoreUnavailableError */
export async function settlePushes(
  db: Database,
  delivered: readonly { readonly gate: string; readonly version: number }[],
): Promise<void> {
  const settled = sql`SELECT ${gatePushes}.rowid FROM json_each(${JSON.stringify(delivered)}) CROSS JOIN ${gatePushes}
    ON ${gatePushes.gate} = json_each.value ->> 'gate' AND ${gatePushes.version} <= json_each.value ->> 'version'`;
  await askStore('d1', () => db.delete(gatePushes).where(sql`rowid IN (${settled})`));
}

/** A change that propagates after its request was answered 202. */
export type Change = typeof changes.$inferSelect & {
  /** How many pushes are still owed. */
  readonly owed: number;
};

/** Whether a gate or an isolate may not have seen the change yet. @param now milliseconds since the epoch */
export function isPending({ owed, settlesAt }: Change, now: number): boolean {
  return owed > 0 || settlesAt === null || settlesAt > now;
}

/** Finds a change by its version. @throws StoreUnavailableError */
export async function findChange(db: Database, version: number): Promise<Change | undefined> {
  const [[found], [counted]] = await askStore('d1', () =>
    db.batch([
      db.select().from(changes).where(eq(changes.version, version)),
      db.select({ owed: sql<number>`COUNT(*)` }).from(gatePushes).where(eq(gatePushes.version, version)),
    ]),
  );
  return found && { ...found, owed: counted?.owed ?? 0 };
}
