import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients } from './schema.ts';
import type { Statement } from './write.ts';

type Row = typeof clientSecrets.$inferSelect;

/** A secret as it is stored. Without `selfMade`, the client itself did not create it. */
export type StoredSecret = Omit<Row, Noted> & Partial<Pick<Row, Noted>>;
/** Columns with defaults: what happened to it since it was created. */
type Noted = 'selfMade' | 'expiryNoticed' | 'quietFrom' | 'disuseNoticed' | 'organizationId';

/** Builds the statement that stores a secret of a client that exists. */
export function insertSecret(db: Database, secret: StoredSecret): Statement {
  const organizationId = sql`(SELECT organization_id FROM ${clients} WHERE client_id = ${secret.clientId})`;
  return db.insert(clientSecrets).values({ ...secret, organizationId });
}

/**
 * Builds the statements that make a new secret the primary one and the old primary secret the secondary one. An existing secondary secret
 * is deleted. Times are milliseconds since the epoch.
 * @param expiresAt when the old primary secret expires; null for never
 */
export function rotateSecret(
  db: Database,
  secret: StoredSecret,
  { now, expiresAt }: { now: number; expiresAt: number | null },
): Statement[] {
  const { clientId } = secret;
  const old = and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'primary'));
  return [
    deleteSecondary(db, clientId),
    db
      .update(clientSecrets)
      .set({ rank: 'secondary', rotatedAt: now, ...NOT_LOOKED_AT })
      .where(old),
    ...(expiresAt === null ? [] : [expireSecondary(db, clientId, expiresAt)]),
    insertSecret(db, secret),
  ];
}

/**
 * Builds the statements that replace a primary secret that is dead or was never used. The secondary secret stays.
 * @param expiresAt when the secondary secret expires, milliseconds since the epoch; null to leave its expiry unchanged
 */
export function replacePrimary(
  db: Database,
  secret: StoredSecret,
  { expiresAt }: { expiresAt: number | null },
): Statement[] {
  const { clientId } = secret;
  const old = and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'primary'));
  return [
    db.delete(clientSecrets).where(old),
    ...(expiresAt === null ? [] : [expireSecondary(db, clientId, expiresAt)]),
    insertSecret(db, secret),
  ];
}

/**
 * Builds the statements that swap the ranks of a client's two secrets. The one that becomes primary no longer expires.
 * @param id of the secondary secret
 * @param now milliseconds since the epoch
 */
export function promoteSecret(db: Database, clientId: string, id: string, now: number): Statement[] {
  const set = (changed: Partial<StoredSecret>, rank: Rank) =>
    db
      .update(clientSecrets)
      .set(changed)
      .where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, rank)));
  return [
    // Via a third rank: two secrets of one rank would break the unique index, even for a moment.
    set({ rank: BETWEEN }, 'primary'),
    db
      .update(clientSecrets)
      .set({ rank: 'primary', rotatedAt: null, expiresAt: null, expiryNoticed: false })
      .where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.id, id))),
    set({ rank: 'secondary', rotatedAt: now, ...NOT_LOOKED_AT }, BETWEEN),
  ];
}

/** Builds the statement that deletes a secret. */
export function deleteSecret(db: Database, id: string): Statement {
  return db.delete(clientSecrets).where(eq(clientSecrets.id, id));
}

/** Builds the statement that marks a secret as leaked, so that it is not accepted any more. @param now milliseconds since the epoch */
export function endLeakedSecret(db: Database, id: string, now: number): Statement {
  return db.update(clientSecrets).set({ leakedAt: now }).where(eq(clientSecrets.id, id));
}

/** Returns a client's secrets, the primary one first. @throws StoreUnavailableError */
export function listSecrets(db: Database, clientId: string): Promise<StoredSecret[]> {
  const found = db.select().from(clientSecrets).where(eq(clientSecrets.clientId, clientId)).orderBy(clientSecrets.rank);
  return askStore('d1', () => found);
}

/** Finds the secret with one of these hashes, and the organization that owns it. @throws StoreUnavailableError */
export async function findSecretByHash(db: Database, hashes: readonly string[]) {
  const found = db
    .select({ secret: clientSecrets, organizationId: clients.organizationId })
    .from(clientSecrets)
    .innerJoin(clients, eq(clients.clientId, clientSecrets.clientId))
    .where(inArray(clientSecrets.hash, [...hashes]));
  return (await askStore('d1', () => found))[0];
}

type Rank = StoredSecret['rank'];

/** Of a secret that becomes the secondary one: its disuse counts from then on. */
const NOT_LOOKED_AT = { quietFrom: null, disuseNoticed: false };
const BETWEEN = 'between' as Rank;

function deleteSecondary(db: Database, clientId: string): Statement {
  return db.delete(clientSecrets).where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'secondary')));
}

function expireSecondary(db: Database, clientId: string, expiresAt: number | null): Statement {
  const isSecondary = and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'secondary'));
  return db.update(clientSecrets).set({ expiresAt, expiryNoticed: false }).where(isSecondary);
}
