import { and, eq, inArray } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { apiKeys, organizations } from './schema.ts';
import type { Statement } from './write.ts';

export type StoredApiKey = typeof apiKeys.$inferSelect;

/** What an API key may do. */
export type ApiKey = Pick<StoredApiKey, 'id' | 'organizationId' | 'scopes' | 'expiresAt'>;

/** The API key of an active organization whose stored hash is one of these. @throws StoreUnavailableError */
export async function findApiKey(db: Database, hashes: readonly string[]): Promise<ApiKey | undefined> {
  const columns = {
    id: apiKeys.id,
    organizationId: apiKeys.organizationId,
    scopes: apiKeys.scopes,
    expiresAt: apiKeys.expiresAt,
  };
  const [found] = await askStore('d1', () =>
    db
      .select(columns)
      .from(apiKeys)
      .innerJoin(organizations, eq(organizations.id, apiKeys.organizationId))
      .where(and(inArray(apiKeys.hash, [...hashes]), eq(organizations.status, 'active'))),
  );
  return found;
}

/** The statements that create an API key, for `write()`. */
export function insertApiKey(db: Database, key: StoredApiKey): Statement[] {
  return [db.insert(apiKeys).values(key)];
}
