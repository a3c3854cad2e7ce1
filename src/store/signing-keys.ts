import { and, asc, eq, lt, type SQL, sql } from 'drizzle-orm';
import { KEY_RING_DEADLINE_MS } from '../constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { signingKeys } from './schema.ts';
import type { Statement } from './write.ts';

/** A signing key as D1 and KV hold it: the private half only sealed. */
export type StoredSigningKey = typeof signingKeys.$inferSelect;

const COPY = 'key-ring';

/** @throws StoreUnavailableError */
export function readSigningKeys(db: Database): Promise<StoredSigningKey[]> {
  const inOrder = () => db.select().from(signingKeys).orderBy(asc(signingKeys.createdAt), asc(signingKeys.kid));
  return askStore('d1', inOrder, KEY_RING_DEADLINE_MS);
}

/**
 * Stores keys in one transaction. A key whose place, as an algorithm's active or next one, is taken already is left out: of those who
 * race for the first ring one wins, with all of its keys.
 * @throws StoreUnavailableError
 */
export async function addSigningKeys(db: Database, keys: readonly StoredSigningKey[]): Promise<void> {
  const [first, ...others] = keys.map((key) => db.insert(signingKeys).values(key).onConflictDoNothing());
  if (first) await askStore('d1', () => db.batch([first, ...others]));
}

/** The ring's copy, for when D1 is gone; undefined where there is none. @throws StoreUnavailableError */
export async function readSigningKeysCopy(kv: KVNamespace): Promise<StoredSigningKey[] | undefined> {
  return (await askStore('kv', () => kv.get<StoredSigningKey[]>(COPY, 'json'))) ?? undefined;
}

/** @throws StoreUnavailableError */
export function writeSigningKeysCopy(kv: KVNamespace, keys: readonly StoredSigningKey[]): Promise<void> {
  return askStore('kv', () => kv.put(COPY, JSON.stringify(keys)));
}

/** The statements that let the next key of an algorithm sign, and another be the next, for `write()`. */
export function rotateSigningKey(
  db: Database,
  { active, next, made, now }: Record<'active' | 'next' | 'made', StoredSigningKey> & { readonly now: number },
): Statement[] {
  return [
    db.update(signingKeys).set({ status: 'retiring', retiredAt: now }).where(eq(signingKeys.kid, active.kid)),
    db.update(signingKeys).set({ status: 'active', activatedAt: now }).where(eq(signingKeys.kid, next.kid)),
    db.insert(signingKeys).values(made),
  ];
}

/** Whether all of some keys are still the next ones. */
export function areNext(keys: readonly StoredSigningKey[]): SQL | undefined {
  const isNext = ({ kid }: StoredSigningKey) =>
    sql`EXISTS (SELECT 1 FROM ${signingKeys} WHERE ${signingKeys.kid} = ${kid} AND ${signingKeys.status} = 'next')`;
  return and(...keys.map(isNext));
}

/** Deletes the keys that retired before a time, in milliseconds since the epoch. @throws StoreUnavailableError */
export async function deleteRetiredSigningKeys(db: Database, before: number): Promise<void> {
  const isOver = and(eq(signingKeys.status, 'retiring'), lt(signingKeys.retiredAt, before));
  await askStore('d1', () => db.delete(signingKeys).where(isOver));
}
