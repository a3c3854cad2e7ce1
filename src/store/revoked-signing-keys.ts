import { eq } from 'drizzle-orm';
import { REVOKED_KEY_AGE } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { changes, revokedSigningKeys } from './schema.ts';

export type RevokedSigningKey = typeof revokedSigningKeys.$inferSelect;

const key = (kid: string) => `revoked-key:${kid}`;

/** The keys that KV was not told of yet. @throws StoreUnavailableError */
export function listRevokedSigningKeys(db: Database): Promise<RevokedSigningKey[]> {
  return askStore('d1', () => db.select().from(revokedSigningKeys));
}

/** Tells KV that a key is revoked, for whoever finds it in a copy that lags. @throws StoreUnavailableError */
export function copyKeyRevocation(kv: KVNamespace, kid: string): Promise<void> {
  return askStore('kv', () => kv.put(key(kid), '', { expirationTtl: REVOKED_KEY_AGE }));
}

/** Those of some keys that KV knows to be revoked. @throws StoreUnavailableError */
export async function copiedKeyRevocations(kv: KVNamespace, kids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await askStore('kv', () => Promise.all(kids.map((kid) => kv.get(key(kid)))));
  return new Set(kids.filter((_, index) => found[index] !== null));
}

/**
 * Notes that KV was told of all keys that a write revoked, and when no isolate has them any more.
 * @param settlesAt milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function recordKeyRevocationCopied(db: Database, version: number, settlesAt: number): Promise<void> {
  await askStore('d1', () =>
    db.batch([
      db.update(changes).set({ settlesAt }).where(eq(changes.version, version)),
      db.delete(revokedSigningKeys).where(eq(revokedSigningKeys.version, version)),
    ]),
  );
}
