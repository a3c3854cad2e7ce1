import { and, asc, eq, gt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, changes, gatePushes } from './schema.ts';
import { among, listOf } from './sql.ts';

/** A record as new as `version` that a gate must be handed. */
export type OwedPush = typeof gatePushes.$inferSelect;

/** Some of what the write of a version still owes. @throws StoreUnavailableError */
export function pushesOwedBy(db: Database, version: number, limit: number): Promise<OwedPush[]> {
  const owed = db.select().from(gatePushes).where(eq(gatePushes.version, version)).orderBy(asc(gatePushes.gate));
  return askStore('d1', () => owed.limit(limit));
}

/**
 * Some of what is still owed by the last writes about a target, as their audit events name it: each gate once, with the newest of them.
 * @throws StoreUnavailableError
 */
export function pushesOwedAbout(db: Database, target: string, limit: number): Promise<OwedPush[]> {
  const written = sql`SELECT ${auditEvents.version} FROM ${auditEvents} WHERE ${auditEvents.target} = ${target}
    ORDER BY ${auditEvents.at} DESC LIMIT ${WRITES_LOOKED_AT}`;
  const { gate, version, clientId } = gatePushes;
  const owed = db
    .select({ gate, version: sql<number>`MAX(${version})`, clientId })
    .from(gatePushes)
    .where(among(version, written))
    .groupBy(gate)
    .orderBy(asc(gate));
  return askStore('d1', () => owed.limit(limit));
}

/** Some of what is still owed to a client's gates. @throws StoreUnavailableError */
export function pushesOwedTo(db: Database, clientId: string, limit: number): Promise<OwedPush[]> {
  return askStore('d1', () => db.select().from(gatePushes).where(eq(gatePushes.clientId, clientId)).limit(limit));
}

/** Whether nothing is owed to a client's gates, for the guard of a write. */
export function nothingOwedTo(clientId: string): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM ${gatePushes} WHERE ${gatePushes.clientId} = ${clientId})`;
}

/** Selects those of some clients whose gates are owed something still. */
export function stillOwed(clientIds: SQL): SQL {
  return sql`SELECT client_id FROM ${gatePushes} WHERE ${among(gatePushes.clientId, clientIds)}`;
}

// A write that is owed to a gate is seldom older than the last, and the scheduled handler finishes all of them.
const WRITES_LOOKED_AT = 100;

/** Some of what is owed after another push, the oldest first. @throws StoreUnavailableError */
export function pushesOwedAfter(
  db: Database,
  { version, gate }: Pick<OwedPush, 'version' | 'gate'>,
  limit: number,
): Promise<OwedPush[]> {
  const isLater = or(gt(gatePushes.version, version), and(eq(gatePushes.version, version), gt(gatePushes.gate, gate)));
  const owed = db
    .select()
    .from(gatePushes)
    .where(and(sql`${gatePushes.version} >= ${version}`, isLater))
    .orderBy(asc(gatePushes.version), asc(gatePushes.gate));
  return askStore('d1', () => owed.limit(limit));
}

/** Notes that gates hold what was so at a version: nothing older is owed to them. @throws StoreUnavailableError */
export async function settlePushes(db: Database, gates: readonly string[], version: number): Promise<void> {
  const settled = and(among(gatePushes.gate, listOf(gates)), lte(gatePushes.version, version));
  await askStore('d1', () => db.delete(gatePushes).where(settled));
}

/** A change that touched more gates than its request could wait for. */
export type Change = typeof changes.$inferSelect & {
  /** Gates that have yet to hear of it. */
  readonly owed: number;
};

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
