import { type SQL, sql } from 'drizzle-orm';
import { RESOURCE_SERVERS_PER_DAY, TOP_CLIENTS } from './constants.ts';
import type { Database } from './database.ts';
import { clients, clientUsageDays, type DayCounts, usageDays } from './schema.ts';
import type { Statement } from './write.ts';

// Usage by day: of each client, of its organization, and of the instance. The sums are raised in the transaction that raises the client's
// counts, by the difference, so that they are exact however often a flush is repeated.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The owner of the instance's sums. An organization's owner is its id. */
export const INSTANCE = '';

/** An absolute count of a client within an hour. Times are in milliseconds since the epoch. */
export interface ClientCount {
  readonly clientId: string;
  readonly hour: number;
  readonly kind: keyof DayCounts;
  /** The outcome, or the identifier of the resource server. */
  readonly key: string;
  readonly count: number;
}

/** Returns the start of the day in UTC. @param at milliseconds since the epoch */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

/** Returns the values of a day's hours with the start of each hour. @param day the start of the day, in milliseconds since the epoch */
export function hoursOf<T>(day: number, hours: Readonly<Record<string, T>>): (readonly [hour: number, value: T])[] {
  return Object.entries(hours).map(([hour, value]) => [day + Number(hour) * HOUR_MS, value] as const);
}

/**
 * Builds the statements that raise clients' counts to these, and the sums by what they rise. A count that is not greater than the stored
 * one changes nothing, and so does a client that does not exist. All of them must be in one batch, and in this order.
 */
export function raiseCounts(db: Database, counts: readonly ClientCount[]): Statement[] {
  if (counts.length === 0) return [];
  const told = counts.map(({ clientId, hour, kind, key, count }) => {
    const day = dayOf(hour);
    return { client_id: clientId, day, kind, key, hour: String((hour - day) / HOUR_MS), count };
  });
  const list = JSON.stringify(told);
  return [
    db
      .insert(usageDays)
      .select(selectSums(list))
      .onConflictDoUpdate({
        target: [usageDays.owner, usageDays.day],
        set: { counts: sql`excluded.counts`, clients: sql`excluded.clients` },
      }),
    db
      .insert(clientUsageDays)
      .select(selectClients(list))
      .onConflictDoUpdate({
        target: [clientUsageDays.clientId, clientUsageDays.day],
        set: { counts: sql`excluded.counts` },
      }),
  ];
}

// `told`: the counts of the flush. `stored`: the clients' counts of these days. `risen`: by what the counts rise.
function risen(list: string): SQL {
  return sql`
    told AS MATERIALIZED (
      SELECT value ->> 'client_id' AS client_id, value ->> 'day' AS day, value ->> 'kind' AS kind, value ->> 'key' AS key,
        value ->> 'hour' AS hour, value ->> 'count' AS count
      FROM json_each(${list})
    ),
    stored AS MATERIALIZED (
      SELECT client_id, day, kind.key AS kind, name.key AS key, hour.key AS hour, hour.value AS count
      FROM ${clientUsageDays}, json_each(counts) AS kind, json_each(kind.value) AS name, json_each(name.value) AS hour
      WHERE (client_id, day) IN (SELECT client_id, day FROM told)
    ),
    risen AS MATERIALIZED (
      SELECT organization_id, told.client_id, told.day, told.kind, told.key, told.hour, told.count - coalesce(stored.count, 0) AS count
      FROM told
      JOIN ${clients} ON clients.client_id = told.client_id
      LEFT JOIN stored ON stored.client_id = told.client_id AND stored.day = told.day AND stored.kind = told.kind
        AND stored.key = told.key AND stored.hour = told.hour
      WHERE told.count > coalesce(stored.count, 0)
    )`;
}

// `raised`: the clients' counts of the days on which one rose.
const RAISED = sql.raw(`
    raised AS MATERIALIZED (
      SELECT client_id, day, kind, key, hour, max(count) AS count
      FROM (SELECT * FROM stored UNION ALL SELECT * FROM told)
      WHERE (client_id, day) IN (SELECT client_id, day FROM risen)
      GROUP BY client_id, day, kind, key, hour
    )`);

/** Selects counts, one in a row, as one JSON object for each of the columns `by`. */
function nested(counts: string, by: string): SQL {
  return sql.raw(`
    SELECT ${by}, json_group_object(kind, json(names)) AS counts FROM (
      SELECT ${by}, kind, json_group_object(key, json(hours)) AS names FROM (
        SELECT ${by}, kind, key, json_group_object(hour, count) AS hours FROM ${counts} GROUP BY ${by}, kind, key
      ) GROUP BY ${by}, kind
    ) GROUP BY ${by}`);
}

// `WHERE TRUE`: without it, SQLite would take the `ON CONFLICT` for a part of the query.
function selectClients(list: string): SQL {
  return sql`WITH ${risen(list)}, ${RAISED} SELECT * FROM (${nested('raised', 'client_id, day')}) WHERE TRUE`;
}

// `owners`: the rows to raise. `present`: what they have. `added`: by what they rise. `summed`: the new counts of those that rise, and of
// no others: a full row has thousands, and each flush raises the instance's. `ranked`: the clients that were among those with the most
// requests, or have been counted now. A client's requests only grow, so one that is not among the first cannot be later without a flush of
// its own.
function selectSums(list: string): SQL {
  const other = sql`CASE
    WHEN kind <> 'resource_servers' OR key = '' THEN key
    WHEN (SELECT count(*) FROM present, json_each(present.counts, '$.resource_servers') WHERE present.owner = owners.owner AND present.day = owners.day)
      < ${RESOURCE_SERVERS_PER_DAY} THEN key
    WHEN EXISTS (SELECT 1 FROM present, json_each(present.counts, '$.resource_servers') AS known
      WHERE present.owner = owners.owner AND present.day = owners.day AND known.key = risen.key) THEN key
    ELSE '' END`;
  return sql`WITH ${risen(list)}, ${RAISED},
    owners AS MATERIALIZED (
      SELECT DISTINCT organization_id AS owner, client_id, day FROM risen
      UNION ALL SELECT DISTINCT ${INSTANCE}, client_id, day FROM risen
    ),
    present AS MATERIALIZED (
      SELECT owner, day, counts, clients FROM ${usageDays} WHERE (owner, day) IN (SELECT owner, day FROM owners)
    ),
    added AS MATERIALIZED (
      SELECT owners.owner, risen.day, kind, ${other} AS key, hour, count
      FROM risen JOIN owners ON owners.client_id = risen.client_id AND owners.day = risen.day
    ),
    summed AS MATERIALIZED (
      SELECT owner, day, kind, key, hour, sum(count) + coalesce((
        SELECT stored.value FROM present, json_each(present.counts, '$.' || kind) AS name, json_each(name.value) AS stored
        WHERE present.owner = added.owner AND present.day = added.day AND name.key = added.key AND stored.key = added.hour
      ), 0) AS count
      FROM added GROUP BY owner, day, kind, key, hour
    ),
    counted AS MATERIALIZED (
      SELECT client_id, day, json_object('requests', sum(issued + refused), 'hours', json_group_object(hour, json_array(issued, refused))) AS entry
      FROM (
        SELECT client_id, day, hour, coalesce(sum(count) FILTER (WHERE key = 'issued'), 0) AS issued,
          coalesce(sum(count) FILTER (WHERE key <> 'issued'), 0) AS refused
        FROM raised WHERE kind = 'outcomes' GROUP BY client_id, day, hour
      ) GROUP BY client_id, day
    ),
    ranked AS MATERIALIZED (
      SELECT owner, day, client_id, entry,
        row_number() OVER (PARTITION BY owner, day ORDER BY entry ->> 'requests' DESC, client_id) AS place
      FROM (
        SELECT owners.owner, owners.day, owners.client_id, entry FROM owners JOIN counted USING (client_id, day)
        UNION ALL
        SELECT present.owner, present.day, listed.key, listed.value FROM present, json_each(present.clients) AS listed
        WHERE (listed.key, present.day) NOT IN (SELECT client_id, day FROM counted)
      )
    ),
    top AS (
      SELECT owner, day, json_group_object(client_id, json(entry)) AS clients FROM ranked WHERE place <= ${TOP_CLIENTS} GROUP BY owner, day
    )
    SELECT owner, day, json_patch(coalesce(present.counts, '{}'), sums.counts), coalesce(top.clients, '{}')
    FROM (${nested('summed', 'owner, day')}) AS sums LEFT JOIN present USING (owner, day) LEFT JOIN top USING (owner, day)
    WHERE TRUE`;
}
