import { and, asc, eq, gt, lte, type SQL, sql } from 'drizzle-orm';
import { WRITES_LOOKED_AT } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, changes, gatePushes } from './schema.ts';
import { among } from './sql.ts';

/** A record as new as `version` that a gate must be handed. */
export type OwedPush = typeof gatePushes.$inferSelect;

// Grouped by gate.
const newestOfEach = {
  gate: gatePushes.gate,
  version: sql<number>`MAX(${gatePushes.version})`,
  clientId: gatePushes.clientId,
};

/** The statement that selects pushes that the write of a version owes, `limit` at most. */
export function selectOwedBy(db: Database, version: number | SQL<number>, limit: number) {
  const owed = db.select().from(gatePushes).where(eq(gatePushes.version, version));
  return owed.orderBy(asc(gatePushes.gate)).limit(limit);
}

/** Reads pushes that the write of a version still owes, `limit` at most. @throws StoreUnavailableError */
export function pushesOwedBy(db: Database, version: number, limit: number): Promise<OwedPush[]> {
  return askStore('d1', () => selectOwedBy(db, version, limit));
}

/**
 * Some of what is still owed by the last writes about a target, as their audit events name it: each gate once, with the newest of them.
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

/** Some of what is still owed to a client's gates. @throws StoreUnavailableError */
export function pushesOwedTo(db: Database, clientId: string, limit: number): Promise<OwedPush[]> {
  const owed = db.select(newestOfEach).from(gatePushes).where(eq(gatePushes.clientId, clientId));
  return askStore('d1', () => owed.groupBy(gatePushes.gate).limit(limit));
}

/** Whether nothing is owed to a client's gates, for the guard of a write. */
export function nothingOwedTo(clientId: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${gatePushes} WHERE ${gatePushes.clientId} = ${clientId})`;
}

/** Selects some clients, and those whose gates are still owed something by the last writes about a target. */
export function andStillOwed(clientIds: SQL, target: string): SQL {
  return sql`${clientIds} UNION SELECT ${gatePushes.clientId} FROM ${gatePushes} WHERE ${among(gatePushes.version, writesAbout(target))}`;
}

/** Selects those of some clients whose gates are owed something still. */
export function stillOwed(clientIds: SQL): SQL {
  return sql`SELECT ${gatePushes.clientId} FROM ${gatePushes} WHERE ${among(gatePushes.clientId, clientIds)}`;
}

function writesAbout(target: string): SQL {
  return sql`SELECT ${auditEvents.version} FROM ${auditEvents} WHERE ${auditEvents.target} = ${target}
    ORDER BY ${auditEvents.at} DESC LIMIT ${WRITES_LOOKED_AT}`;
}

/** Some of what is owed to the gates behind one and up to another, by their ids: each gate once, with the newest of it. @throws StoreUnavailableError */
export function pushesOwedBetween(db: Database, after: string, upTo: string, limit: number): Promise<OwedPush[]> {
  const owed = db
    .select(newestOfEach)
    .from(gatePushes)
    .where(and(gt(gatePushes.gate, after), lte(gatePushes.gate, upTo)))
    .groupBy(gatePushes.gate)
    .orderBy(asc(gatePushes.gate));
  return askStore('d1', () => owed.limit(limit));
}

/** Notes that gates were told what was so at a version: nothing older is owed to them. @throws StoreUnavailableError */
export async function settlePushes(
  db: Database,
  told: readonly { readonly gate: string; readonly version: number }[],
): Promise<void> {
  const settled = sql`SELECT ${gatePushes}.rowid FROM json_each(${JSON.stringify(told)}) CROSS JOIN ${gatePushes}
    ON ${gatePushes.gate} = json_each.value ->> 'gate' AND ${gatePushes.version} <= json_each.value ->> 'version'`;
  await askStore('d1', () => db.delete(gatePushes).where(sql`rowid IN (${settled})`));
}

/** A change that its request could not wait for. */
export type Change = typeof changes.$inferSelect & {
  /** Gates that have yet to hear of it. */
  readonly owed: number;
};

/** Whether somebody may still go by what was before the change. @param now milliseconds since the epoch */
export function isPending({ owed, settlesAt }: Change, now: number): boolean {
  return owed > 0 || settlesAt === null || settlesAt > now;
}

/** @throws StoreUnavailableError */
export async function findChange(db: Database, version: number): Promise<Change | undefined> {
  const [[found], [counted]] = await askStore('d1', () =>
    db.batch([
      db.select().from(changes).where(eq(changes.version, version)),
      db.select({ owed: sql<number>`COUNT(*)` }).from(gatePushes).where(eq(gatePushes.version, version)),
    ]),
  );
  return found && { ...found, owed: counted?.owed ?? 0 };
}
