import { and, eq, inArray } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients } from './schema.ts';
import type { Statement } from './write.ts';

type Row = typeof clientSecrets.$inferSelect;

/** A secret as it is stored. One that says nothing of who made it was not made by its client. */
export type StoredSecret = Omit<Row, 'selfMade'> & Partial<Pick<Row, 'selfMade'>>;

/** The statement that stores a secret. */
export function insertSecret(db: Database, secret: StoredSecret): Statement {
  return db.insert(clientSecrets).values(secret);
}

/**
 * The statements that make a new secret the primary one, and the primary one the secondary. A secondary that is there is replaced.
 * @param expiresAt when the old one stops by itself; null for never
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
    db.update(clientSecrets).set({ rank: 'secondary', rotatedAt: now }).where(old),
    ...(expiresAt === null ? [] : [expireSecondary(db, clientId, expiresAt)]),
    insertSecret(db, secret),
  ];
}

/**
 * The statements that put a new secret in the place of a primary one that nobody can use, or has used. The secondary one goes on.
 * @param expiresAt when the secondary one stops by itself; null where that stays as it is
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

/** The statements that let a client's two secrets change places. The one that becomes primary no longer ends by itself. */
export function promoteSecret(db: Database, clientId: string, id: string, now: number): Statement[] {
  const set = (changed: Partial<StoredSecret>, rank: Rank) =>
    db
      .update(clientSecrets)
      .set(changed)
      .where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, rank)));
  return [
    // By way of a third rank: two of one rank would break the unique index half-way.
    set({ rank: BETWEEN }, 'primary'),
    db
      .update(clientSecrets)
      .set({ rank: 'primary', rotatedAt: null, expiresAt: null })
      .where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.id, id))),
    set({ rank: 'secondary', rotatedAt: now }, BETWEEN),
  ];
}

/** The statement that deletes a secret. */
export function deleteSecret(db: Database, id: string): Statement {
  return db.delete(clientSecrets).where(eq(clientSecrets.id, id));
}

/** The statement that ends a secret that somebody had who should not, at a time. */
export function endLeakedSecret(db: Database, id: string, now: number): Statement {
  return db.update(clientSecrets).set({ leakedAt: now }).where(eq(clientSecrets.id, id));
}

/** A client's secrets, the primary one first. @throws StoreUnavailableError */
export function listSecrets(db: Database, clientId: string): Promise<StoredSecret[]> {
  const found = db.select().from(clientSecrets).where(eq(clientSecrets.clientId, clientId)).orderBy(clientSecrets.rank);
  return askStore('d1', () => found);
}

/** The secret whose stored hash is one of these, and whose it is. @throws StoreUnavailableError */
export async function findSecretByHash(db: Database, hashes: readonly string[]) {
  const found = db
    .select({ secret: clientSecrets, organizationId: clients.organizationId })
    .from(clientSecrets)
    .innerJoin(clients, eq(clients.clientId, clientSecrets.clientId))
    .where(inArray(clientSecrets.hash, [...hashes]));
  return (await askStore('d1', () => found))[0];
}

type Rank = StoredSecret['rank'];
const BETWEEN = 'between' as Rank;

function deleteSecondary(db: Database, clientId: string): Statement {
  return db.delete(clientSecrets).where(and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'secondary')));
}

function expireSecondary(db: Database, clientId: string, expiresAt: number | null): Statement {
  const isSecondary = and(eq(clientSecrets.clientId, clientId), eq(clientSecrets.rank, 'secondary'));
  return db.update(clientSecrets).set({ expiresAt }).where(isSecondary);
}
