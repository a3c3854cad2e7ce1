import { and, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { foldedForm } from '../lib/folded-form.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';

/** Returns a subquery that selects the values from one bound parameter, since D1 binds at most 100 parameters per statement. */
export function listOf(values: readonly string[]): SQL {
  return sql`SELECT value FROM json_each(${JSON.stringify(values)})`;
}

/** Whether the subquery selects the column's value. */
export function among(column: SQLWrapper, subquery: SQL): SQL {
  return sql`${column} IN (${subquery})`;
}

/** Whether a row still has the version that was read, for the guard of a write. */
export function isAtVersion(table: SQLWrapper, key: SQLWrapper, id: string, version: number): SQL {
  return sql`EXISTS (SELECT 1 FROM ${table} WHERE ${key} = ${id} AND version = ${version})`;
}

/** Whether D1 makes the write by a time, for the guard of a write that must not come late. @param deadline milliseconds since the epoch */
export function isMadeBy(deadline: number): SQL {
  return sql`unixepoch('subsec') * 1000 <= ${deadline}`;
}

/** Combines the defined conditions with AND, for the guard of a write. */
export function allOf(...conditions: readonly (SQL | undefined)[]): SQL | undefined {
  return and(...conditions);
}

/** Whether a lower-cased name sorts after another. @returns undefined, for no condition, if `name` is undefined */
export function isAfter(lowered: SQLWrapper, name: string | undefined): SQL | undefined {
  return name === undefined ? undefined : sql`${lowered} > lower(${name})`;
}

/**
 * Returns the column `folded_name` of a row that is renamed. A row that is not renamed keeps its value, since a name from before that looks
 * like another one must not stand in the way of other changes.
 */
export function refolded(before: string, after: string): { readonly foldedName?: string } {
  return before === after ? {} : { foldedName: foldedForm(after) };
}

/** A resource that refers to another one, which can therefore not be deleted. */
export interface Dependent {
  readonly type: 'api_key' | 'resource_server' | 'role' | 'client' | 'webhook';
  readonly id: string;
  readonly name: string;
}

/** The first dependents of a resource, and their number. */
export interface Dependents {
  readonly shown: readonly Dependent[];
  readonly total: number;
}

/** Which dependents a query returns. Its total counts all. */
export interface DependentsShown {
  /** The types that the administrator may read. */
  readonly types: ReadonlySet<Dependent['type']>;
  readonly limit: number;
}

/**
 * Finds the dependents that several queries select.
 * @param kinds by the dependents' type, a query for their `id` and `name`
 * @throws StoreUnavailableError
 */
export async function dependentsOf(
  db: Database,
  { types, limit }: DependentsShown,
  kinds: Readonly<Partial<Record<Dependent['type'], SQL>>>,
): Promise<Dependents> {
  const isShown = ([type]: readonly [string, SQL]) => types.has(type as Dependent['type']);
  const { shown = [], hidden = [] } = Object.groupBy(Object.entries(kinds), (kind) =>
    isShown(kind) ? 'shown' : 'hidden',
  );
  const all = [
    ...shown.map(([type, query]) => sql`SELECT ${type} AS type, id, name FROM (${query})`),
    ...hidden.map(([, query]) => sql`SELECT NULL AS type, NULL AS id, NULL AS name FROM (${query})`),
  ];
  const found = sql.join(all, sql` UNION ALL `);
  const rows = await askStore('d1', () =>
    db.all<(Dependent | { type: null }) & { total: number }>(
      sql`SELECT type, id, name, COUNT(*) OVER () AS total FROM (${found}) LIMIT ${limit}`,
    ),
  );
  return {
    shown: rows.flatMap((row) => (row.type === null ? [] : [{ type: row.type, id: row.id, name: row.name }])),
    total: rows[0]?.total ?? 0,
  };
}

/**
 * Selects the ids of an organization's own rows and of the shared ones, in the order of `by`, up to a limit. Each half is read from an
 * index in that order, so neither is read beyond the limit.
 * @param organizationId null for the shared rows only
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
