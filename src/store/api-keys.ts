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

/** Which of its two values a key was presented with. A rotation makes the primary value the secondary one. */
export type ApiKeyRank = 'primary' | 'secondary';

/** What authentication needs of an API key. The end and the last use are those of the value that was presented. */
export type ApiKey = Pick<StoredApiKey, 'id' | 'organizationId' | 'scopes' | 'expiresAt' | 'lastUsedAt'> & {
  readonly rank: ApiKeyRank;
};

type Ends = Pick<StoredApiKey, 'expiresAt' | 'secondaryExpiresAt'>;

/** Returns when a value of a key stops being accepted, milliseconds since the epoch; null if it has no end. */
export function endOf({ expiresAt, secondaryExpiresAt }: Ends, rank: ApiKeyRank): number | null {
  if (rank === 'primary' || secondaryExpiresAt === null) return expiresAt;
  return Math.min(secondaryExpiresAt, expiresAt ?? secondaryExpiresAt);
}

/** Finds the API key with one of these hashes, if its organization is active. @throws StoreUnavailableError */
export async function findApiKey(db: Database, hashes: readonly string[]): Promise<ApiKey | undefined> {
  const columns = {
    id: apiKeys.id,
    organizationId: apiKeys.organizationId,
    scopes: apiKeys.scopes,
    hash: apiKeys.hash,
    expiresAt: apiKeys.expiresAt,
    secondaryExpiresAt: apiKeys.secondaryExpiresAt,
    lastUsedAt: apiKeys.lastUsedAt,
    secondaryLastUsedAt: apiKeys.secondaryLastUsedAt,
  };
  const [found] = await askStore('d1', () =>
    db
      .select(columns)
      .from(apiKeys)
      .innerJoin(organizations, eq(organizations.id, apiKeys.organizationId))
      .where(and(hasHash(hashes), eq(organizations.status, 'active'))),
  );
  if (!found) return undefined;
  const { id, organizationId, scopes, hash, lastUsedAt, secondaryLastUsedAt } = found;
  const rank = hashes.includes(hash) ? 'primary' : 'secondary';
  const expiresAt = endOf(found, rank);
  return {
    id,
    organizationId,
    scopes,
    rank,
    expiresAt,
    lastUsedAt: rank === 'primary' ? lastUsedAt : secondaryLastUsedAt,
  };
}

function hasHash(hashes: readonly string[]): SQL | undefined {
  return or(inArray(apiKeys.hash, [...hashes]), inArray(apiKeys.secondaryHash, [...hashes]));
}

/** A value of an API key that was used, with the hashes under which it may be stored. */
export interface UsedApiKey extends Pick<ApiKey, 'id' | 'rank'> {
  readonly hashes: readonly string[];
}

/**
 * Records the use of a value of an API key, unless a use after `since` is already recorded. Times are milliseconds since the epoch.
 * @throws StoreUnavailableError
 */
export async function recordApiKeyUse(
  db: Database,
  { id, rank, hashes }: UsedApiKey,
  now: number,
  since: number,
): Promise<void> {
  const [column, hash] =
    rank === 'primary'
      ? (['lastUsedAt', apiKeys.hash] as const)
      : (['secondaryLastUsedAt', apiKeys.secondaryHash] as const);
  const isStale = or(isNull(apiKeys[column]), lte(apiKeys[column], since));
  const update = db.update(apiKeys).set({ [column]: now });
  // By the hash as well: after a rotation in between, the rank has another value, which was not used.
  await askStore('d1', () => update.where(and(eq(apiKeys.id, id), inArray(hash, [...hashes]), isStale)));
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

/** The value that stays accepted beside the new one. Times are milliseconds since the epoch. */
export interface SecondaryValue {
  readonly hash: string;
  readonly hint: string;
  /** null if it ends with the key. */
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

/** Builds the statement that gives an API key a new primary value. Times are milliseconds since the epoch. */
export function rotateApiKey(
  db: Database,
  id: string,
  fields: Pick<StoredApiKey, 'hash' | 'hint' | 'expiresAt'>,
  secondary: SecondaryValue,
  now: number,
): Statement[] {
  const changed = {
    ...fields,
    lastUsedAt: null,
    secondaryHash: secondary.hash,
    secondaryHint: secondary.hint,
    secondaryExpiresAt: secondary.expiresAt,
    secondaryLastUsedAt: secondary.lastUsedAt,
    rotatedAt: now,
    version: nextVersion,
  };
  return [db.update(apiKeys).set(changed).where(eq(apiKeys.id, id))];
}

/** Builds the statement that deletes the secondary value of an API key. */
export function removeSecondary(db: Database, id: string): Statement[] {
  const none = { secondaryHash: null, secondaryHint: null, secondaryExpiresAt: null, secondaryLastUsedAt: null };
  return [
    db
      .update(apiKeys)
      .set({ ...none, version: nextVersion })
      .where(eq(apiKeys.id, id)),
  ];
}

/** Builds the statement that ends the secondary value of an API key. @param now milliseconds since the epoch */
export function expireSecondary(db: Database, id: string, now: number): Statement[] {
  return [db.update(apiKeys).set({ secondaryExpiresAt: now, version: nextVersion }).where(eq(apiKeys.id, id))];
}

/** Whether the API key is unchanged since it was read, for the guard of a write. */
export function isApiKeyAt({ id, version }: Pick<StoredApiKey, 'id' | 'version'>): SQL {
  return isAtVersion(apiKeys, apiKeys.id, id, version);
}

/** Finds an API key by its id. @throws StoreUnavailableError */
export async function findApiKeyById(db: Database, id: string): Promise<StoredApiKey | undefined> {
  return (await askStore('d1', () => db.select().from(apiKeys).where(eq(apiKeys.id, id))))[0];
}

/**
 * Finds the API key of which one of these hashes is a value's, even if it has expired or its organization is disabled.
 * @throws StoreUnavailableError
 */
export async function findApiKeyByHash(db: Database, hashes: readonly string[]): Promise<StoredApiKey | undefined> {
  const found = db.select().from(apiKeys).where(hasHash(hashes));
  return (await askStore('d1', () => found))[0];
}

/** Returns the one of these hashes under which a value of an API key is stored. @throws StoreUnavailableError */
export async function findStoredHash(db: Database, hashes: readonly string[]): Promise<string | undefined> {
  const found = await findApiKeyByHash(db, hashes);
  return hashes.find((hash) => hash === found?.hash || hash === found?.secondaryHash);
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
