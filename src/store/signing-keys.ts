import { and, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { StoredSigningKey } from './ring.ts';
import { revokedSigningKeys, signingKeys } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

/**
 * Stores signing keys in one transaction. A key is skipped if its algorithm already has a key of that status, so if several isolates create
 * the first ring at the same time, one wins with all of its keys.
 * @throws StoreUnavailableError
 */
export async function addSigningKeys(db: Database, keys: readonly StoredSigningKey[]): Promise<void> {
  const [first, ...others] = keys.map((key) => db.insert(signingKeys).values(key).onConflictDoNothing());
  if (first) await askStore('d1', () => db.batch([first, ...others]));
}

/** The changes of one write to the signing keys. */
export interface SigningKeysChange {
  /** Next keys that become active. */
  readonly activated: readonly StoredSigningKey[];
  /** Active keys that stop signing. */
  readonly retired: readonly StoredSigningKey[];
  /** Keys that are removed at once. */
  readonly revoked: readonly StoredSigningKey[];
  /** New next keys. */
  readonly made: readonly StoredSigningKey[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Builds the statements that change the ring, for `write()`. */
export function changeSigningKeys(
  db: Database,
  { activated, retired, revoked, made, now }: SigningKeysChange,
): Statement[] {
  const set = ({ kid }: StoredSigningKey, fields: Partial<StoredSigningKey>) =>
    db.update(signingKeys).set(fields).where(eq(signingKeys.kid, kid));
  // In this order, because the unique index permits one active and one next key per algorithm at any moment.
  return [
    ...revoked.flatMap(({ kid }) => [
      db.delete(signingKeys).where(eq(signingKeys.kid, kid)),
      db.insert(revokedSigningKeys).values({ kid, version: nextVersion }),
    ]),
    ...retired.map((key) => set(key, { status: 'retiring', retiredAt: now })),
    ...activated.map((key) => set(key, { status: 'active', activatedAt: now, signsFrom: key.signsFrom })),
    ...made.map((key) => db.insert(signingKeys).values(key)),
  ];
}

/** Builds the statement that stores a key's new seal, unless another write has changed the seal since. */
export function resealSigningKey(db: Database, before: StoredSigningKey, sealedPrivateJwk: string): Statement {
  const isSame = and(eq(signingKeys.kid, before.kid), eq(signingKeys.sealedPrivateJwk, before.sealedPrivateJwk));
  return db.update(signingKeys).set({ sealedPrivateJwk }).where(isSame);
}

/** Whether all existing keys of a change still have the status that was read, for the guard of its write. */
export function areSigningKeysUnchanged({ activated, retired, revoked }: SigningKeysChange): SQL | undefined {
  const isStill = ({ kid, status }: StoredSigningKey) =>
    sql`EXISTS (SELECT 1 FROM ${signingKeys} WHERE ${signingKeys.kid} = ${kid} AND ${signingKeys.status} = ${status})`;
  return and(...[...activated, ...retired, ...revoked].map(isStill));
}

/**
 * Deletes the keys that retired before a time.
 * @param before milliseconds since the epoch
 * @returns how many keys were deleted
 * @throws StoreUnavailableError
 */
export async function deleteRetiredSigningKeys(db: Database, before: number): Promise<number> {
  const isRetired = and(eq(signingKeys.status, 'retiring'), lt(signingKeys.retiredAt, before));
  return (await askStore('d1', () => db.delete(signingKeys).where(isRetired).run())).meta.changes;
}
