import { and, asc, eq, inArray, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { apiKeys, idempotencyKeys, organizations } from './schema.ts';
import { among, isAfter, isAtVersion } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type StoredApiKey = typeof apiKeys.$inferSelect;
export type NewApiKey = Omit<StoredApiKey, 'version' | 'lastUsedAt'>;

/** What an API key may do. */
export type ApiKey = Pick<StoredApiKey, 'id' | 'organizationId' | 'scopes' | 'expiresAt' | 'lastUsedAt'>;

/** The API key of an active organization whose stored hash is one of these. @throws StoreUnavailableError */
export async function findApiKey(db: Database, hashes: readonly string[]): Promise<ApiKey | undefined> {
  const columns = {
    id: apiKeys.id,
    organizationId: apiKeys.organizationId,
    scopes: apiKeys.scopes,
    expiresAt: apiKeys.expiresAt,
    lastUsedAt: apiKeys.lastUsedAt,
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

/**
 * Notes that an API key was used, unless a use after `since` is noted already. Times are milliseconds since the epoch.
 * @throws StoreUnavailableError
 */
export async function noteApiKeyUse(db: Database, id: string, now: number, since: number): Promise<void> {
  const isStale = or(isNull(apiKeys.lastUsedAt), lte(apiKeys.lastUsedAt, since));
  const note = db.update(apiKeys).set({ lastUsedAt: now });
  await askStore('d1', () => note.where(and(eq(apiKeys.id, id), isStale)));
}

/** The statements that create an API key, for `write()`. */
export function insertApiKey(db: Database, key: NewApiKey): Statement[] {
  return [db.insert(apiKeys).values({ ...key, version: nextVersion })];
}

/** The statements that delete the API keys that a subquery selects, with the answers that are kept for them. */
export function removeApiKeys(db: Database, ids: SQL): Statement[] {
  return [
    db.delete(idempotencyKeys).where(among(idempotencyKeys.actor, ids)),
    db.delete(apiKeys).where(among(apiKeys.id, ids)),
  ];
}

/** The statement that ends an API key at a time, in milliseconds since the epoch. */
export function expireApiKey(db: Database, id: string, now: number): Statement[] {
  return [db.update(apiKeys).set({ expiresAt: now, version: nextVersion }).where(eq(apiKeys.id, id))];
}

/** Whether the API key is still as it was read. */
export function isApiKeyAt({ id, version }: Pick<StoredApiKey, 'id' | 'version'>): SQL {
  return isAtVersion(apiKeys, apiKeys.id, id, version);
}

/** @throws StoreUnavailableError */
export async function findApiKeyById(db: Database, id: string): Promise<StoredApiKey | undefined> {
  return (await askStore('d1', () => db.select().from(apiKeys).where(eq(apiKeys.id, id))))[0];
}

/** The API key whose stored hash is one of these, whatever may be wrong with it. @throws StoreUnavailableError */
export async function findApiKeyByHash(db: Database, hashes: readonly string[]): Promise<StoredApiKey | undefined> {
  const found = db
    .select()
    .from(apiKeys)
    .where(inArray(apiKeys.hash, [...hashes]));
  return (await askStore('d1', () => found))[0];
}

/** An organization's, by name, those behind `after`. @throws StoreUnavailableError */
export function listApiKeys(
  db: Database,
  { organizationId, after, limit }: { organizationId: string; after: string | undefined; limit: number },
): Promise<StoredApiKey[]> {
  const name = sql`lower(${apiKeys.name})`;
  const isWanted = and(eq(apiKeys.organizationId, organizationId), isAfter(name, after));
  return askStore('d1', () => db.select().from(apiKeys).where(isWanted).orderBy(asc(name)).limit(limit));
}
