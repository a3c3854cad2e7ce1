import { and, eq, type SQL, sql } from 'drizzle-orm';
import { SECRETS_PER_RUN } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients, gates, quietSince } from './schema.ts';
import { allOf, among } from './sql.ts';

// Lists of an organization's secrets. Each page is read from one index, up to its limit. Times are milliseconds since the epoch.

/** The most that a page reads, and the order key and id of the last secret of the page before. */
interface PageQuery {
  readonly after: readonly [key: number, id: string] | undefined;
  readonly limit: number;
}

/** Which secrets are wanted, and so in which order: all by creation, those that end by their end, or replaced ones by their last use. */
export type SecretFilter =
  | { readonly by: 'creation' }
  /** Not leaked ones, from `now` until before `until`. */
  | { readonly by: 'end'; readonly now: number; readonly until: number }
  /** Secondary ones that nobody is known to have used after `since`. */
  | { readonly by: 'disuse'; readonly since: number };

/** Returns a page of an organization's secrets. @throws StoreUnavailableError */
export function listOrganizationSecrets(
  db: Database,
  organizationId: string,
  filter: SecretFilter,
  { after, limit }: PageQuery,
) {
  const { index, key, isWanted } = rangeOf(filter);
  // Not a comparison of pairs, which SQLite cannot look up by an expression.
  const isAfter =
    after && and(sql`${key} >= ${after[0]}`, sql`(${key} > ${after[0]} OR ${clientSecrets.id} > ${after[1]})`);
  const isListed = allOf(sql`${clientSecrets.organizationId} = ${organizationId}`, isWanted, isAfter);
  // SQLite has no statistics, and would sometimes choose another index.
  const ids = sql`SELECT id FROM ${clientSecrets} INDEXED BY ${sql.identifier(index)} WHERE ${isListed}
    ORDER BY ${key}, ${clientSecrets.id} LIMIT ${limit}`;
  const page = db
    .select({
      secret: clientSecrets,
      key,
      clientName: clients.clientName,
      hasGate: sql<number>`EXISTS (SELECT 1 FROM ${gates} WHERE ${gates.clientId} = ${clientSecrets.clientId})`,
    })
    .from(clientSecrets)
    .innerJoin(clients, eq(clients.clientId, clientSecrets.clientId))
    .where(among(clientSecrets.id, ids))
    .orderBy(key, clientSecrets.id);
  return askStore('d1', () => page);
}

function rangeOf(filter: SecretFilter): { index: string; key: SQL<number>; isWanted?: SQL } {
  // Conditions of partial indexes are repeated as they are there, without parameters.
  switch (filter.by) {
    case 'creation':
      return { index: 'client_secrets_created', key: sql<number>`${clientSecrets.createdAt}` };
    case 'end': {
      const key = sql<number>`${clientSecrets.expiresAt}`;
      const isWanted = sql`${key} IS NOT NULL AND ${clientSecrets.leakedAt} IS NULL AND ${key} > ${filter.now} AND ${key} < ${filter.until}`;
      return { index: 'client_secrets_ends', key, isWanted };
    }
    case 'disuse': {
      const key = quietSince(clientSecrets);
      return {
        index: 'client_secrets_replaced',
        key,
        isWanted: sql`${clientSecrets.rank} = 'secondary' AND ${key} <= ${filter.since}`,
      };
    }
  }
}

/**
 * Stores the organization of secrets that older code wrote, up to `SECRETS_PER_RUN`, so that lists have them. Safe to run twice.
 * @returns how many
 * @throws StoreUnavailableError
 */
export async function migrateSecrets(db: Database): Promise<number> {
  const found = await askStore('d1', () =>
    db.all(sql`UPDATE ${clientSecrets} SET organization_id =
      (SELECT organization_id FROM ${clients} WHERE ${clients.clientId} = ${clientSecrets.clientId})
      WHERE id IN (SELECT id FROM ${clientSecrets} WHERE organization_id IS NULL LIMIT ${SECRETS_PER_RUN}) RETURNING 1`),
  );
  return found.length;
}
