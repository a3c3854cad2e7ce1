import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { auditEvents, webhookDeliveries, webhookNotices, webhooks } from './schema.ts';
import { among, listOf } from './sql.ts';
import type { NoticeType } from './webhook-events.ts';

/** An event about which there is no audit event. */
export interface Notice {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly organizationId: string | null;
  readonly type: NoticeType;
  /** The id of the resource that it is about. */
  readonly target: string;
  /** Its further data, without secret values. */
  readonly data: Record<string, unknown>;
}

const SOURCES = {
  audit: sql`SELECT id, organization_id, action AS type FROM ${auditEvents}`,
  notices: sql`SELECT id, organization_id, type FROM ${webhookNotices}`,
};

/**
 * Builds the statement that inserts notices, for the transaction of what they report. Notices that are there already stay as they are.
 * @param isWanted whether one of them, whose JSON is `value`, is inserted
 */
export function insertNotices(db: Database, notices: readonly Notice[], isWanted: SQL = sql`TRUE`) {
  const rows = sql`SELECT value ->> 'id', value ->> 'at', value ->> 'organizationId', value ->> 'type', value ->> 'target', value -> 'data'
    FROM json_each(${JSON.stringify(notices)}) WHERE ${isWanted}`;
  return db.insert(webhookNotices).select(rows).onConflictDoNothing();
}

/**
 * Builds the statement that owes events to the webhooks that want them, for the transaction that inserts the events, after them. A webhook
 * of the instance gets the events of every organization. Without a webhook it writes nothing, and with a repeat of the transaction nothing
 * is owed twice.
 * @param source the table of the events
 * @param eventIds the ids, or a subquery that selects them
 * @param now milliseconds since the epoch
 */
export function owe(db: Database, source: keyof typeof SOURCES, eventIds: readonly string[] | SQL, now: number) {
  const wants = sql`${webhooks.status} = 'active' AND (${webhooks.events} IS NULL
    OR EXISTS (SELECT 1 FROM json_each(${webhooks.events}) WHERE value = event.type))`;
  const events = sql`(${SOURCES[source]} WHERE id IN (${idsOf(eventIds)})) AS event`;
  const row = (
    isTheirs: SQL,
  ) => sql`SELECT event.id, ${webhooks.id}, event.type, 'pending', 0, ${now}, ${now}, ${now}, NULL, NULL, NULL
    FROM ${events} CROSS JOIN ${webhooks} ON ${isTheirs} AND ${wants}`;
  // Two queries, each of which finds its webhooks by an index.
  const rows = sql`${row(sql`${webhooks.organizationId} = event.organization_id`)}
    UNION ALL ${row(sql`${webhooks.organizationId} IS NULL`)}`;
  return db.insert(webhookDeliveries).select(rows).onConflictDoNothing();
}

/** Builds the statement that makes the webhooks due to which events are owed, for the end of the same transaction. It returns them. */
export function wakeOwed(db: Database, eventIds: readonly string[] | SQL, now: number) {
  const owed = sql`SELECT ${webhookDeliveries.webhookId} FROM ${webhookDeliveries}
    WHERE ${among(webhookDeliveries.eventId, idsOf(eventIds))} AND ${webhookDeliveries.dueAt} IS NOT NULL`;
  return wake(db, owed, now);
}

function idsOf(events: readonly string[] | SQL): SQL {
  return Array.isArray(events) ? listOf(events) : (events as SQL);
}

/** Builds the statement that makes webhooks due, now or when their lease or back-off ends. It returns them. */
export function wake(db: Database, ids: SQL, now: number) {
  const from = sql`MAX(${now}, ${webhooks.heldUntil})`;
  return db
    .update(webhooks)
    .set({ dueAt: sql`MIN(COALESCE(${webhooks.dueAt}, ${from}), ${from})` })
    .where(among(webhooks.id, ids))
    .returning({ id: webhooks.id, dueAt: webhooks.dueAt });
}

/** Returns the ids of those webhooks of `wake` that a sender can serve now: the others are leased, or wait after failures. */
export function dueNow(
  woken: readonly { readonly id: string; readonly dueAt: number | null }[],
  now: number,
): string[] {
  return woken.flatMap(({ id, dueAt }) => (dueAt !== null && dueAt <= now ? [id] : []));
}
