import { asc } from 'drizzle-orm';
import { KEY_RING_DEADLINE_MS } from '../constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { signingKeys } from './schema.ts';

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
