import { type SQL, sql } from 'drizzle-orm';
import type { AuthMethod } from '../gates/protocol.ts';
import type { Client } from './clients.ts';
import { acceptsMethod, clients, lastUseOf, methodIndex } from './schema.ts';
import { allOf } from './sql.ts';

// Reads an organization's clients in the order of an index, from a position on. `INDEXED BY` makes SQLite use that index or fail, because
// it has no statistics and would sometimes choose another one.

/** By what lists of clients are ordered. */
export const CLIENT_SORTS = ['name', 'created_at', 'last_used_at'] as const;
export type ClientSort = (typeof CLIENT_SORTS)[number];

export interface ClientOrder {
  readonly by: ClientSort;
  readonly isDescending: boolean;
}

/** The place of a client in an order: its lower-cased name or its time, and its id. */
export interface ClientPosition {
  readonly key: string | number;
  readonly clientId: string;
}

/** Some clients of an organization, as an index has them in an order. */
export interface IndexRange {
  readonly index: string;
  /** The conditions on the first columns of the index, and bounds of `key`. */
  readonly where: SQL | undefined;
  /** By what the index orders them. */
  readonly key: SQL;
  /** Whether no two of them have the same key. Otherwise the index orders those by their ids. */
  readonly isUnique: boolean;
}

const loweredName = sql`lower(${clients.clientName})`;
const organizationIs = (organizationId: string) => sql`${clients.organizationId} = ${organizationId}`;

/** What is read of an organization's clients by an index. At most one of `owner`, `method` and `status` is used for an order by name. */
export interface IndexedFilter {
  readonly organizationId: string;
  /** A prefix of the name, compared without case. */
  readonly name?: string | undefined;
  readonly owner?: string | undefined;
  readonly method?: AuthMethod | undefined;
  readonly status?: Client['status'] | undefined;
  /** Only clients that were not used at or after this time. Milliseconds since the epoch. */
  readonly unusedSince?: number | undefined;
}

/** Returns the clients that have a name with the prefix `name`, or all, by name. One of the other filters may be given as well. */
export function rangeByName({ organizationId, name, owner, method, status }: IndexedFilter): IndexRange {
  const [index, isIndexed] =
    owner !== undefined
      ? ['clients_owner', sql`${clients.owner} = ${owner}`]
      : method !== undefined
        ? [methodIndex(method), acceptsMethod(clients, method)]
        : status !== undefined
          ? ['clients_status', sql`${clients.status} = ${status}`]
          : ['clients_name', undefined];
  const where = allOf(organizationIs(organizationId), isIndexed, name === undefined ? undefined : beginsWith(name));
  return { index, where, key: loweredName, isUnique: true };
}

/** Returns all clients by their creation. */
export function rangeByCreation({ organizationId }: IndexedFilter): IndexRange {
  const where = organizationIs(organizationId);
  return { index: 'clients_created', where, key: sql`${clients.createdAt}`, isUnique: false };
}

/** Returns the clients by their last use, or creation if they never were used: a range for each status that is wanted. */
export function rangesByLastUse({ organizationId, status, unusedSince }: IndexedFilter): IndexRange[] {
  const key = lastUseOf(clients);
  const isUnused = unusedSince === undefined ? undefined : sql`${key} < ${unusedSince}`;
  return (status === undefined ? clients.status.enumValues : [status]).map((each) => ({
    index: 'clients_last_use',
    where: allOf(organizationIs(organizationId), sql`${clients.status} = ${each}`, isUnused),
    key,
    isUnique: false,
  }));
}

/** Whether a name begins with a text. A range, which an index can serve: up to the text followed by the last Unicode character. */
export function beginsWith(name: string): SQL {
  return sql`(${loweredName} >= lower(${name}) AND ${loweredName} < lower(${name}) || ${'\u{10ffff}'})`;
}

/**
 * Selects the first clients of some ranges, in one order, with the columns `client_id` and `key`.
 * @param extra a further column, with its name
 */
export function scan(
  ranges: readonly IndexRange[],
  { after, isDescending }: { readonly after?: ClientPosition | undefined; readonly isDescending: boolean },
  limit: number,
  extra = sql``,
): SQL {
  const direction = sql.raw(isDescending ? 'DESC' : 'ASC');
  const parts = ranges.flatMap(({ index, where, key, isUnique }) =>
    placesAfter({ key, isUnique }, after, isDescending).map((place) => {
      const order = isUnique ? sql`${key} ${direction}` : sql`${key} ${direction}, ${clients.clientId} ${direction}`;
      return sql`SELECT ${clients.clientId} AS client_id, ${key} AS key${extra} FROM ${clients} INDEXED BY ${sql.identifier(index)}
        WHERE ${allOf(where, place)} ORDER BY ${order} LIMIT ${limit}`;
    }),
  );
  const [only, ...others] = parts;
  if (only && others.length === 0) return only;
  const all = sql.join(
    parts.map((part) => sql`SELECT * FROM (${part})`),
    sql` UNION ALL `,
  );
  return sql`SELECT * FROM (${all}) ORDER BY key ${direction}, client_id ${direction} LIMIT ${limit}`;
}

/**
 * Returns conditions for what comes after a position. Two for one position, because SQLite cannot look up a pair of values by an
 * expression.
 */
function placesAfter(
  { key, isUnique }: Pick<IndexRange, 'key' | 'isUnique'>,
  after: ClientPosition | undefined,
  isDescending: boolean,
): (SQL | undefined)[] {
  if (after === undefined) return [undefined];
  const isPast = sql.raw(isDescending ? '<' : '>');
  const beyond = isUnique ? sql`${key} ${isPast} lower(${after.key})` : sql`${key} ${isPast} ${after.key}`;
  const sameKey = sql`${key} = ${after.key} AND ${clients.clientId} ${isPast} ${after.clientId}`;
  return isUnique ? [beyond] : [sameKey, beyond];
}
