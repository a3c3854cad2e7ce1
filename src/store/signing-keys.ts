import { and, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { StoredSigningKey } from './ring.ts';
import { revokedSigningKeys, signingKeys } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

/**
 * Stores keys in one transaction. A key whose place, as an algorithm's active or next one, is taken already is left out: of those who
 * race for the first ring one wins, with all of its keys.
 * @throws StoreUnavailableError
 */
export async function addSigningKeys(db: Database, keys: readonly StoredSigningKey[]): Promise<void> {
  const [first, ...others] = keys.map((key) => db.insert(signingKeys).values(key).onConflictDoNothing());
  if (first) await askStore('d1', () => db.batch([first, ...others]));
}

/** What becomes of keys in one write. */
export interface SigningKeysChange {
  /** Next keys that sign from now on. */
  readonly activated: readonly StoredSigningKey[];
  /** Active keys that sign no more. */
  readonly retired: readonly StoredSigningKey[];
  /** Keys that are taken out at once. */
  readonly revoked: readonly StoredSigningKey[];
  /** New next keys. */
  readonly made: readonly StoredSigningKey[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The statements that change the ring, for `write()`. */
export function changeSigningKeys(
  db: Database,
  { activated, retired, revoked, made, now }: SigningKeysChange,
): Statement[] {
  const set = ({ kid }: StoredSigningKey, fields: Partial<StoredSigningKey>) =>
    db.update(signingKeys).set(fields).where(eq(signingKeys.kid, kid));
  // In this order, since an algorithm has one active and one next key at any moment.
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

/** The statement that stores the new seal of a key, unless somebody was quicker. */
export function resealSigningKey(db: Database, before: StoredSigningKey, sealedPrivateJwk: string): Statement {
  const isSame = and(eq(signingKeys.kid, before.kid), eq(signingKeys.sealedPrivateJwk, before.sealedPrivateJwk));
  return db.update(signingKeys).set({ sealedPrivateJwk }).where(isSame);
}

/** Whether all keys that a change is about are still as they were read, for the guard of its write. */
export function areSigningKeysUnchanged({ activated, retired, revoked }: SigningKeysChange): SQL | undefined {
  const isStill = ({ kid, status }: StoredSigningKey) =>
    sql`EXISTS (SELECT 1 FROM ${signingKeys} WHERE ${signingKeys.kid} = ${kid} AND ${signingKeys.status} = ${status})`;
  return and(...[...activated, ...retired, ...revoked].map(isStill));
}

/**
 * Deletes the keys that retired before a time, in milliseconds since the epoch.
 * @returns how many
 * @throws StoreUnavailableError
 */
export async function deleteRetiredSigningKeys(db: Database, before: number): Promise<number> {
  const isOver = and(eq(signingKeys.status, 'retiring'), lt(signingKeys.retiredAt, before));
  return (await askStore('d1', () => db.delete(signingKeys).where(isOver).run())).meta.changes;
}
