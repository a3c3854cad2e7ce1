import { type SQL, sql } from 'drizzle-orm';
import {
  beginsWith,
  type ClientOrder,
  type ClientPosition,
  type IndexedFilter,
  type IndexRange,
  rangeByCreation,
  rangeByName,
  rangesByLastUse,
  scan,
} from './client-scans.ts';
import { type DescribedClient, describeClients } from './clients.ts';
import { CLIENTS_SCANNED_MAX, FEW_CLIENTS } from './constants.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { acceptsMethod, clientGrants, clientRoles, clients, lastUseOf, roleGrants } from './schema.ts';
import { allOf, listOf } from './sql.ts';

export interface ClientFilter extends IndexedFilter {
  /** Only clients that expire before this time, or have expired. Milliseconds since the epoch. */
  readonly expiresBefore?: number | undefined;
  /** A role's id. */
  readonly roleId?: string | undefined;
  /** The id of a resource server that is granted to the client, directly or by roles. */
  readonly resourceServerId?: string | undefined;
  /** Whether only clients are wanted that have a claim of their own, or may request one. */
  readonly hasClaims?: boolean;
}

export interface ClientPage {
  readonly clients: readonly DescribedClient[];
  /** After which position the next page begins; undefined if there is none. */
  readonly next: ClientPosition | undefined;
}

interface PageQuery {
  readonly after: ClientPosition | undefined;
  readonly limit: number;
}

/**
 * Returns a page of an organization's clients. What it reads does not depend on their number:
 *
 * - If one index has the wanted clients in the wanted order, the page is read from it.
 * - Else, if few clients have one of the remaining properties, all of these are checked and sorted.
 * - Else the clients are checked in the wanted order, `CLIENTS_SCANNED_MAX` at most. The page may then have fewer than `limit` clients, or
 *   none, although there are more.
 *
 * @throws StoreUnavailableError
 */
export async function listClients(
  db: Database,
  filter: ClientFilter,
  order: ClientOrder,
  query: PageQuery,
): Promise<ClientPage> {
  const { ranges, isServed } = rangesFor(filter, order);
  const conditions = conditionsOf(filter);
  const others = conditions.filter(({ name }) => !isServed.has(name));
  const key = ranges[0]?.key ?? sql`NULL`;
  if (others.length === 0) return readIndex(db, ranges, order, query);
  const rare = await findRarest(db, others);
  const rows = rare
    ? await checkAll(db, rare, conditions, { key, organizationId: filter.organizationId, ...order, ...query })
    : await checkInOrder(db, ranges, others, order, query);
  const found = await describeClients(db, listOf(rows.found.map(({ clientId }) => clientId)), orderBy(key, order));
  return { clients: found, next: rows.next };
}

type Property = keyof ClientFilter;

/** A property that listed clients must have. */
interface Condition {
  readonly name: Property;
  /** Whether the current row's client has it. */
  readonly matches: SQL;
  /** Selects the clients that have it, by an index. */
  readonly having?: SQL;
}

function rangesFor(
  filter: ClientFilter,
  { by }: ClientOrder,
): { ranges: IndexRange[]; isServed: ReadonlySet<Property> } {
  if (by === 'last_used_at') return { ranges: rangesByLastUse(filter), isServed: new Set(['status', 'unusedSince']) };
  if (by === 'created_at') return { ranges: [rangeByCreation(filter)], isServed: new Set() };
  // In the order in which `rangeByName` prefers them.
  const served = (['owner', 'method', 'status'] as const).find((name) => filter[name] !== undefined);
  return { ranges: [rangeByName(filter)], isServed: new Set(['name', ...(served ? [served] : [])]) };
}

function conditionsOf(filter: ClientFilter): Condition[] {
  const {
    organizationId,
    name,
    owner,
    method,
    status,
    unusedSince,
    expiresBefore,
    roleId,
    resourceServerId,
    hasClaims,
  } = filter;
  const inIndex = (...ranges: IndexRange[]) => scan(ranges, { isDescending: false }, FEW_CLIENTS + 1);
  const isClient = sql`client_id = ${clients.clientId}`;
  const holders = sql`SELECT client_id FROM ${clientRoles} WHERE role_id = ${roleId}`;
  const granting = sql`SELECT role_id FROM ${roleGrants} WHERE resource_server_id = ${resourceServerId}`;
  const granted = sql`SELECT client_id FROM ${clientGrants} WHERE resource_server_id = ${resourceServerId}`;
  const grantedByRole = sql`SELECT client_id FROM ${clientRoles} WHERE role_id IN (${granting})`;
  const all: Partial<Record<Property, Omit<Condition, 'name'>>> = {
    ...(name !== undefined && {
      name: { matches: beginsWith(name), having: inIndex(rangeByName({ organizationId, name })) },
    }),
    ...(owner !== undefined && {
      owner: { matches: sql`${clients.owner} = ${owner}`, having: inIndex(rangeByName({ organizationId, owner })) },
    }),
    ...(method !== undefined && {
      method: { matches: acceptsMethod(clients, method), having: inIndex(rangeByName({ organizationId, method })) },
    }),
    ...(status !== undefined && {
      status: { matches: sql`${clients.status} = ${status}`, having: inIndex(rangeByName({ organizationId, status })) },
    }),
    ...(unusedSince !== undefined && {
      unusedSince: {
        matches: sql`${lastUseOf(clients)} < ${unusedSince}`,
        having: inIndex(...rangesByLastUse({ organizationId, status, unusedSince })),
      },
    }),
    ...(expiresBefore !== undefined && {
      expiresBefore: {
        matches: sql`${clients.expiresAt} < ${expiresBefore}`,
        having: sql`SELECT client_id FROM ${clients} INDEXED BY clients_expires_at
          WHERE ${clients.organizationId} = ${organizationId} AND ${clients.expiresAt} < ${expiresBefore}`,
      },
    }),
    ...(roleId !== undefined && {
      roleId: { matches: sql`EXISTS (${holders} AND ${isClient})`, having: holders },
    }),
    ...(resourceServerId !== undefined && {
      resourceServerId: {
        matches: sql`(EXISTS (${granted} AND ${isClient}) OR EXISTS (${grantedByRole} AND ${isClient}))`,
        having: sql`${granted} UNION ALL ${grantedByRole}`,
      },
    }),
    ...(hasClaims && {
      hasClaims: { matches: sql`(${clients.claims} <> '{}' OR ${clients.requestableClaims} <> '[]')` },
    }),
  };
  return Object.entries(all).map(([each, condition]) => ({ name: each as Property, ...condition }));
}

async function readIndex(
  db: Database,
  ranges: readonly IndexRange[],
  order: ClientOrder,
  { after, limit }: PageQuery,
): Promise<ClientPage> {
  const ids = sql`SELECT client_id FROM (${scan(ranges, { after, ...order }, limit + 1)})`;
  const found = await describeClients(db, ids, orderBy(ranges[0]?.key ?? sql`NULL`, order));
  const shown = found.slice(0, limit);
  const last = found.length > limit ? shown.at(-1) : undefined;
  return { clients: shown, next: last && positionOf(last, order) };
}

/** Returns which clients have the rarest of some properties, if these are at most `FEW_CLIENTS`. */
async function findRarest(db: Database, conditions: readonly Condition[]): Promise<SQL | undefined> {
  const probes = conditions.flatMap(({ having }) => having ?? []);
  if (probes.length === 0) return undefined;
  // Not a UNION of the counts: D1 allows five terms.
  const counts = probes.map(
    (having, index) =>
      sql`(SELECT COUNT(*) FROM (SELECT * FROM (${having}) LIMIT ${FEW_CLIENTS + 1})) AS ${sql.identifier(String(index))}`,
  );
  const rows = await askStore('d1', () => db.all<Record<string, number>>(sql`SELECT ${sql.join(counts, sql`, `)}`));
  const found = probes.map((having, index) => ({ having, count: rows[0]?.[index] ?? FEW_CLIENTS + 1 }));
  const [rarest] = found.toSorted((one, other) => one.count - other.count);
  return rarest && rarest.count <= FEW_CLIENTS ? rarest.having : undefined;
}

interface FoundRows {
  readonly found: readonly ClientPosition[];
  readonly next: ClientPosition | undefined;
}

interface Row {
  readonly client_id: string;
  readonly key: string | number;
  readonly is_match: number;
}

const BY_ID = sql.raw('sqlite_autoindex_clients_1');
const toPosition = ({ client_id: clientId, key }: Row): ClientPosition => ({ clientId, key });

/** Checks each of a few clients. */
async function checkAll(
  db: Database,
  few: SQL,
  conditions: readonly Condition[],
  {
    key,
    organizationId,
    after,
    limit,
    isDescending,
    by,
  }: PageQuery & ClientOrder & { key: SQL; organizationId: string },
): Promise<FoundRows> {
  const isPast = sql.raw(isDescending ? '<' : '>');
  const isAfter =
    after &&
    (by === 'name'
      ? sql`${key} ${isPast} lower(${after.key})`
      : sql`(${key}, ${clients.clientId}) ${isPast} (${after.key}, ${after.clientId})`);
  const isWanted = allOf(
    sql`${clients.organizationId} = ${organizationId}`,
    ...conditions.map(({ matches }) => matches),
    isAfter,
  );
  const rows = await askStore('d1', () =>
    db.all<Row>(sql`SELECT ${clients.clientId} AS client_id, ${key} AS key, 1 AS is_match FROM ${clients} INDEXED BY ${BY_ID}
      WHERE ${clients.clientId} IN (SELECT client_id FROM (${few})) AND ${isWanted}
      ORDER BY ${orderBy(key, { by, isDescending })} LIMIT ${limit + 1}`),
  );
  const found = rows.slice(0, limit).map(toPosition);
  return { found, next: rows.length > limit ? found.at(-1) : undefined };
}

/** Checks the clients in the wanted order until the page is full, `CLIENTS_SCANNED_MAX` at most. */
async function checkInOrder(
  db: Database,
  ranges: readonly IndexRange[],
  conditions: readonly Condition[],
  order: ClientOrder,
  { after, limit }: PageQuery,
): Promise<FoundRows> {
  const scanned = scan(ranges, { after, ...order }, CLIENTS_SCANNED_MAX);
  // The LIMIT within `scanned` keeps its order.
  const matching = sql`SELECT scanned.client_id, scanned.key, 1 AS is_match FROM (${scanned}) AS scanned
    CROSS JOIN ${clients} INDEXED BY ${BY_ID} ON ${clients.clientId} = scanned.client_id
    WHERE ${allOf(...conditions.map(({ matches }) => matches))} LIMIT ${limit + 1}`;
  const last = sql`SELECT client_id, key, 0 AS is_match FROM (${scanned}) LIMIT 1 OFFSET ${CLIENTS_SCANNED_MAX - 1}`;
  const rows = await askStore('d1', () =>
    db.all<Row>(sql`SELECT * FROM (${matching}) UNION ALL SELECT * FROM (${last})`),
  );
  const matched = rows.filter(({ is_match }) => is_match === 1).map(toPosition);
  const end = rows.find(({ is_match }) => is_match === 0);
  const found = matched.slice(0, limit);
  return { found, next: matched.length > limit ? found.at(-1) : end && toPosition(end) };
}

function orderBy(key: SQL, { by, isDescending }: ClientOrder): SQL {
  const direction = sql.raw(isDescending ? 'DESC' : 'ASC');
  return by === 'name' ? sql`${key} ${direction}` : sql`${key} ${direction}, ${clients.clientId} ${direction}`;
}

function positionOf(
  { clientId, clientName, createdAt, lastUsedAt }: DescribedClient,
  { by }: ClientOrder,
): ClientPosition {
  const keys = { name: clientName, created_at: createdAt, last_used_at: lastUsedAt ?? createdAt };
  return { key: keys[by], clientId };
}
