import { asc } from 'drizzle-orm';
import { KEY_RING_DEADLINE_MS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { retiredMasterKeys, signingKeys } from './schema.ts';

/** A signing key as D1 and KV hold it, with its private key sealed. */
export type StoredSigningKey = typeof signingKeys.$inferSelect;
/** The sealed derived keys of a retired master key. */
export type RetiredMasterKey = typeof retiredMasterKeys.$inferSelect;

/** The rows that isolates hold under one lease. */
export interface RingRows {
  readonly keys: readonly StoredSigningKey[];
  readonly retired: readonly RetiredMasterKey[];
}

// Two KV keys, because older code knows only the first.
const KEYS_COPY = 'key-ring';
const RETIRED_COPY = 'retired-master-keys';

/** Reads the key ring from D1. @throws StoreUnavailableError */
export async function readRing(db: Database): Promise<RingRows> {
  const [keys, retired] = await askStore('d1', () => db.batch(selectRing(db)), KEY_RING_DEADLINE_MS);
  return { keys, retired };
}

/** Builds the two queries for the key ring, for a batch: its keys, then its retired master keys. */
export function selectRing(db: Database) {
  return [
    db.select().from(signingKeys).orderBy(asc(signingKeys.createdAt), asc(signingKeys.kid)),
    db.select().from(retiredMasterKeys).orderBy(asc(retiredMasterKeys.id)),
  ] as const;
}

/** Reads the copy in KV, for use while D1 is unavailable. @returns undefined if there is none @throws StoreUnavailableError */
export async function readCopiedRing(kv: KVNamespace): Promise<RingRows | undefined> {
  const [keys, retired] = await askStore('kv', () =>
    Promise.all([kv.get<StoredSigningKey[]>(KEYS_COPY, 'json'), kv.get<RetiredMasterKey[]>(RETIRED_COPY, 'json')]),
  );
  return keys ? { keys, retired: retired ?? [] } : undefined;
}

/** Updates the copy in KV if it differs. @returns whether it differed @throws StoreUnavailableError */
export async function copyRing(kv: KVNamespace, rows: RingRows): Promise<boolean> {
  const copy = await readCopiedRing(kv);
  const isStale = { keys: !isSame(copy?.keys, rows.keys), retired: !isSame(copy?.retired ?? [], rows.retired) };
  await Promise.all([
    isStale.keys && askStore('kv', () => kv.put(KEYS_COPY, JSON.stringify(rows.keys))),
    isStale.retired && askStore('kv', () => kv.put(RETIRED_COPY, JSON.stringify(rows.retired))),
  ]);
  return isStale.keys || isStale.retired;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
