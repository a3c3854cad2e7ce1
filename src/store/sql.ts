import { and, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';

/** The values as one bound parameter, to be selected from: D1 binds at most 100 parameters in a statement. */
export function listOf(values: readonly string[]): SQL {
  return sql`SELECT value FROM json_each(${JSON.stringify(values)})`;
}

/** Whether the column's value is one that the subquery selects. */
export function among(column: SQLWrapper, subquery: SQL): SQL {
  return sql`${column} IN (${subquery})`;
}

/** Whether a row is still of the version that it was read at, for the guard of a write. */
export function isAtVersion(table: SQLWrapper, key: SQLWrapper, id: string, version: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${table} WHERE ${key} = ${id} AND version = ${version})`;
}

/** All of the conditions that there are, for the guard of a write. */
export function allOf(...conditions: readonly (SQL | undefined)[]): SQL | undefined {
  return and(...conditions);
}

/** Whether a lowered name comes behind another in a list that is ordered by it. */
export function isAfter(lowered: SQLWrapper, name: string | undefined): SQL | undefined {
  return name === undefined ? undefined : sql`${lowered} > lower(${name})`;
}

/** What refers to something that is to go. */
export interface Dependent {
  readonly type: 'api_key' | 'resource_server' | 'role' | 'client';
  readonly id: string;
  readonly name: string;
}

/** The first of them, and how many there are. */
export interface Dependents {
  readonly some: readonly Dependent[];
  readonly total: number;
}

/**
 * What several queries for `id` and `name` find: so many at most, and how many there are.
 * @param kinds a query for each type of what is found
 * @throws StoreUnavailableError
 */
export async function dependentsOf(
  db: Database,
  limit: number,
  kinds: Readonly<Partial<Record<Dependent['type'], SQL>>>,
): Promise<Dependents> {
  const all = Object.entries(kinds).map(([type, query]) => sql`SELECT ${type} AS type, id, name FROM (${query})`);
  const found = sql.join(all, sql` UNION ALL `);
  const rows = await askStore('d1', () =>
    db.all<Dependent & { total: number }>(
      sql`SELECT type, id, name, COUNT(*) OVER () AS total FROM (${found}) LIMIT ${limit}`,
    ),
  );
  return { some: rows.map(({ type, id, name }) => ({ type, id, name })), total: rows[0]?.total ?? 0 };
}

/**
 * Selects the ids of an organization's own rows and the shared ones, or of the shared ones alone, in one order, up to a limit.
 * Each half comes from an index in that order, so that neither is read beyond the limit.
 */
export function ownAndShared(
  table: SQLWrapper,
  owner: SQLWrapper,
  organizationId: string | null,
  { by, isWanted, limit }: { readonly by: SQLWrapper; readonly isWanted: SQL | undefined; readonly limit: number },
): SQL {
  const half = (isOwned: SQL) => {
    const condition = isWanted ? sql`${isOwned} AND ${isWanted}` : isOwned;
    return sql`SELECT * FROM (SELECT id, ${by} AS position FROM ${table} WHERE ${condition} ORDER BY ${by} LIMIT ${limit})`;
  };
  const halves = [sql`${owner} IS NULL`, ...(organizationId === null ? [] : [sql`${owner} = ${organizationId}`])];
  return sql`SELECT id FROM (${sql.join(halves.map(half), sql` UNION ALL `)} ORDER BY position LIMIT ${limit})`;
}
