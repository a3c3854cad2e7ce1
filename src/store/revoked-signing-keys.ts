import { eq } from 'drizzle-orm';
import { REVOKED_KEY_AGE } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { changes, revokedSigningKeys } from './schema.ts';

export type RevokedSigningKey = typeof revokedSigningKeys.$inferSelect;

const key = (kid: string) => `revoked-key:${kid}`;

/** Returns the revoked keys that are not copied to KV yet. @throws StoreUnavailableError */
export function listRevokedSigningKeys(db: Database): Promise<RevokedSigningKey[]> {
  return askStore('d1', () => db.select().from(revokedSigningKeys));
}

/** Writes a key's revocation to KV, for isolates that still find the key in a stale copy of the ring. @throws StoreUnavailableError */
export function copyKeyRevocation(kv: KVNamespace, kid: string): Promise<void> {
  return askStore('kv', () => kv.put(key(kid), '', { expirationTtl: REVOKED_KEY_AGE }));
}

/** Returns those of the given keys whose revocation is in KV. @throws StoreUnavailableError */
export async function copiedKeyRevocations(kv: KVNamespace, kids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await askStore('kv', () => Promise.all(kids.map((kid) => kv.get(key(kid)))));
  return new Set(kids.filter((_, index) => found[index] !== null));
}

/**
 * Records that the revocation of all keys that a write revoked is in KV, and when no isolate holds these keys any more.
 * @param version the write's version
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
