import { and, asc, eq, inArray, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import { foldedForm } from '../lib/folded-form.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { apiKeys, idempotencyKeys, organizations } from './schema.ts';
import { among, isAfter, isAtVersion } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type StoredApiKey = typeof apiKeys.$inferSelect;
export type NewApiKey = Pick<
  StoredApiKey,
  'id' | 'organizationId' | 'name' | 'hash' | 'hint' | 'scopes' | 'createdAt' | 'expiresAt'
>;

/** The columns of an API key that authentication needs. */
export type ApiKey = Pick<StoredApiKey, 'id' | 'organizationId' | 'scopes' | 'expiresAt' | 'lastUsedAt'>;

/** Finds the API key with one of these hashes, if its organization is active. @throws StoreUnavailableError */
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
 * Records the use of an API key, unless a use after `since` is already recorded. Times are milliseconds since the epoch.
 * @throws StoreUnavailableError
 */
export async function recordApiKeyUse(db: Database, id: string, now: number, since: number): Promise<void> {
  const isStale = or(isNull(apiKeys.lastUsedAt), lte(apiKeys.lastUsedAt, since));
  const update = db.update(apiKeys).set({ lastUsedAt: now });
  await askStore('d1', () => update.where(and(eq(apiKeys.id, id), isStale)));
}

/** Builds the statements that create an API key, for `write()`. */
export function insertApiKey(db: Database, key: NewApiKey): Statement[] {
  return [db.insert(apiKeys).values({ ...key, foldedName: foldedForm(key.name), version: nextVersion })];
}

/** Builds the statements that delete the API keys that a subquery selects, and their stored idempotent answers. */
export function removeApiKeys(db: Database, ids: SQL): Statement[] {
  return [
    db.delete(idempotencyKeys).where(among(idempotencyKeys.actor, ids)),
    db.delete(apiKeys).where(among(apiKeys.id, ids)),
  ];
}

/** Builds the statement that lets an API key expire now. @param now milliseconds since the epoch */
export function expireApiKey(db: Database, id: string, now: number): Statement[] {
  return [db.update(apiKeys).set({ expiresAt: now, version: nextVersion }).where(eq(apiKeys.id, id))];
}

/** Whether the API key is unchanged since it was read, for the guard of a write. */
export function isApiKeyAt({ id, version }: Pick<StoredApiKey, 'id' | 'version'>): SQL {
  return isAtVersion(apiKeys, apiKeys.id, id, version);
}

/** Finds an API key by its id. @throws StoreUnavailableError */
export async function findApiKeyById(db: Database, id: string): Promise<StoredApiKey | undefined> {
  return (await askStore('d1', () => db.select().from(apiKeys).where(eq(apiKeys.id, id))))[0];
}

/** Finds the API key with one of these hashes, even if it has expired or its organization is disabled. @throws StoreUnavailableError */
export async function findApiKeyByHash(db: Database, hashes: readonly string[]): Promise<StoredApiKey | undefined> {
  const found = db
    .select()
    .from(apiKeys)
    .where(inArray(apiKeys.hash, [...hashes]));
  return (await askStore('d1', () => found))[0];
}

/** Returns an organization's API keys by name, starting after `after`. @throws StoreUnavailableError */
export function listApiKeys(
  db: Database,
  { organizationId, after, limit }: { organizationId: string; after: string | undefined; limit: number },
): Promise<StoredApiKey[]> {
  const name = sql`lower(${apiKeys.name})`;
  const isWanted = and(eq(apiKeys.organizationId, organizationId), isAfter(name, after));
  return askStore('d1', () => db.select().from(apiKeys).where(isWanted).orderBy(asc(name)).limit(limit));
}
