import { and, eq, gt, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { apiKeys, consoleLinks, consoleSessions, organizations } from './schema.ts';
import type { Statement } from './write.ts';

export type StoredSession = typeof consoleSessions.$inferSelect;
export type StoredLink = typeof consoleLinks.$inferSelect;

/** Who signs in: what a link and its session have in common. */
export type SignIn = Omit<StoredLink, 'hash' | 'usedAt' | 'createdAt' | 'expiresAt' | 'id'>;

/** What decides whether a link or session still counts, and what its actor may do. */
export interface Standing {
  readonly organization: Pick<typeof organizations.$inferSelect, 'name' | 'status'> | null;
  /** The API key that has `credential` as one of its two values; null if there is none (any more). */
  readonly apiKey: Pick<
    typeof apiKeys.$inferSelect,
    'name' | 'scopes' | 'hash' | 'expiresAt' | 'secondaryExpiresAt'
  > | null;
}

export type FoundSession = StoredSession & Standing;
export type FoundLink = StoredLink & Standing;

/** Finds the session of a cookie by its possible hashes, even if it has ended. @throws StoreUnavailableError */
export async function findSession(db: Database, hashes: readonly string[]): Promise<FoundSession | undefined> {
  return find(db, consoleSessions, hashes);
}

/** Finds a one-time link by the possible hashes of its token, even if it is used or expired. @throws StoreUnavailableError */
export async function findLink(db: Database, hashes: readonly string[]): Promise<FoundLink | undefined> {
  return find(db, consoleLinks, hashes);
}

async function find<Table extends typeof consoleSessions | typeof consoleLinks>(
  db: Database,
  table: Table,
  hashes: readonly string[],
): Promise<(Table['$inferSelect'] & Standing) | undefined> {
  const hasCredential = or(eq(apiKeys.hash, table.credential), eq(apiKeys.secondaryHash, table.credential));
  const query = db
    .select()
    .from(table as typeof consoleSessions)
    .leftJoin(apiKeys, and(eq(apiKeys.id, table.apiKeyId), hasCredential))
    .leftJoin(organizations, eq(organizations.id, table.organizationId))
    .where(inArray(table.hash, [...hashes]));
  const [found] = await askStore('d1', () => query);
  if (!found) return undefined;
  const rows = found as unknown as Record<string, Table['$inferSelect']>;
  const row = rows.console_sessions ?? rows.console_links;
  return row && { ...row, organization: found.organizations, apiKey: found.api_keys };
}

/** Finds what decides whether a session counts that is not stored yet. @throws StoreUnavailableError */
export async function findStanding(
  db: Database,
  { organizationId, apiKeyId, credential }: Pick<SignIn, 'organizationId' | 'apiKeyId' | 'credential'>,
): Promise<Standing> {
  const hasCredential = or(eq(apiKeys.hash, credential), eq(apiKeys.secondaryHash, credential));
  const findOrganization = db
    .select()
    .from(organizations)
    .where(eq(organizations.id, organizationId ?? ''));
  const findKey = db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.id, apiKeyId ?? ''), hasCredential));
  const [[organization], [apiKey]] = await askStore('d1', () => db.batch([findOrganization, findKey]));
  return { organization: organization ?? null, apiKey: apiKey ?? null };
}

/** Builds the statements that create a session, and that end the oldest ones of its holder beyond a number. */
export function insertSession(db: Database, session: StoredSession, atMost: number): Statement[] {
  const { holder } = session;
  const kept = sql`SELECT hash FROM ${consoleSessions} WHERE holder = ${holder} ORDER BY created_at DESC, rowid DESC LIMIT ${atMost}`;
  return [
    db.insert(consoleSessions).values(session),
    db.delete(consoleSessions).where(and(eq(consoleSessions.holder, holder), sql`hash NOT IN (${kept})`)),
  ];
}

/** Builds the statement that ends the session of a cookie. @param hashes the possible hashes of its value */
export function removeSession(db: Database, hashes: readonly string[]): Statement {
  return db.delete(consoleSessions).where(inArray(consoleSessions.hash, [...hashes]));
}

/** Builds the statement that creates a one-time link. */
export function insertLink(db: Database, link: Omit<StoredLink, 'usedAt'>): Statement {
  return db.insert(consoleLinks).values(link);
}

/** Builds the statement that uses a link up. @param now milliseconds since the epoch */
export function useLink(db: Database, hash: string, now: number): Statement {
  return db.update(consoleLinks).set({ usedAt: now }).where(eq(consoleLinks.hash, hash));
}

/** Whether a link can still be used, for the guard of a write. @param now milliseconds since the epoch */
export function isUnused(db: Database, hash: string, now: number): SQL {
  const isUsable = and(eq(consoleLinks.hash, hash), isNull(consoleLinks.usedAt), gt(consoleLinks.expiresAt, now));
  return sql`EXISTS ${db.select({ hash: consoleLinks.hash }).from(consoleLinks).where(isUsable)}`;
}
