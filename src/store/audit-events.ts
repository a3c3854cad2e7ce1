import { and, asc, desc, eq, gt, gte, lt, lte, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { GateAuditEvent } from '../gates/protocol.ts';
import { currentTrace } from '../log/trace.ts';
import { ATTEMPT_FILTER } from './actors.ts';
import type { AuditAction } from './audit-actions.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, clients } from './schema.ts';
import { dueNow, owe, wakeOwed } from './webhook-outbox.ts';

export type StoredAuditEvent = typeof auditEvents.$inferSelect;

/**
 * Inserts the audit events that a gate kept, and owes them to webhooks. Events that are already there, by their id, are left as they are.
 * @param now milliseconds since the epoch
 * @returns whether D1 took them; false if it refuses the content of at least one, so that a repeat fails as well. Then none was inserted.
 * @throws StoreUnavailableError
 */
export async function recordEvents(db: Database, events: readonly GateAuditEvent[], now: number): Promise<boolean> {
  const [first, ...others] = events.map((event) => db.insert(auditEvents).values(rowOf(event)).onConflictDoNothing());
  if (!first) return true;
  const ids = events.map(({ id }) => id);
  const statements = [first, ...others, owe(db, 'audit', ids, now), wakeOwed(db, ids, now)] as const;
  return askStore('d1', () => db.batch(statements).then(() => true, rethrowUnlessRefused));
}

// Each column is named here, so that a column that an event has no value for is a compile error. An event that already lies in a gate's
// outbox could otherwise never be inserted.
function rowOf(event: GateAuditEvent): NewAuditEvent {
  const { id, at, organizationId, actor, action, target, address, changes, requestId = null } = event;
  return { id, at, organizationId, actor, action, target, address, changes, version: null, requestId };
}

type NewAuditEvent = Required<typeof auditEvents.$inferInsert>;

// D1 names the SQLite error code in its message: a constraint such as NOT NULL, a value that is too big, or one of the wrong type. SQLite's
// own text for a constraint counts without the code as well, as in `askStore()`. The documentation has no list of them:
// https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
const REFUSAL = /SQLITE_(?:CONSTRAINT|TOOBIG|MISMATCH)|D1_TYPE_ERROR|constraint failed/;

/** Returns false if D1 refused what the statements contain, and throws any other error again. */
function rethrowUnlessRefused(error: unknown): false {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (REFUSAL.test(cause.message)) return false;
  throw error;
}

export interface AuditFilter {
  /** undefined for all organizations. */
  readonly organizationId?: string | undefined;
  readonly actor?: string | undefined;
  readonly target?: string | undefined;
  readonly action?: string | undefined;
  readonly requestId?: string | undefined;
  /** `from` and `to` are in milliseconds since the epoch, and inclusive. */
  readonly from?: number | undefined;
  readonly to: number;
}

/**
 * Records that attempts to guess a client's secret were throttled: one event for each client and hour, if the client exists.
 * @param now milliseconds since the epoch
 * @returns the ids of the webhooks to which the event is owed, and which can be sent it now
 * @throws StoreUnavailableError
 */
export async function recordThrottling(
  db: Database,
  clientId: string,
  address: string,
  now: number,
): Promise<string[]> {
  // Every isolate builds the same id, so that only the first one's event is inserted.
  const id = `evt_throttled_${Math.floor(now / 3_600_000)}_${clientId}`;
  const event = db
    .select({
      id: sql<string>`${id}`.as('id'),
      at: sql<number>`${now}`.as('at'),
      organizationId: clients.organizationId,
      actor: sql<string>`${ATTEMPT_FILTER}`.as('actor'),
      action: sql<AuditAction>`'client.attempts_throttled'`.as('action'),
      target: clients.clientId,
      address: sql<string>`${address}`.as('address'),
      changes: sql<Record<string, unknown>>`'{}'`.as('changes'),
      version: sql<null>`NULL`.as('version'),
      requestId: sql<string | null>`${currentTrace()?.requestId ?? null}`.as('request_id'),
    })
    .from(clients)
    .where(eq(clients.clientId, clientId));
  const record = db.insert(auditEvents).select(event).onConflictDoNothing();
  const [, , woken] = await askStore('d1', () =>
    db.batch([record, owe(db, 'audit', [id], now), wakeOwed(db, [id], now)]),
  );
  return dueNow(woken, now);
}

/**
 * Lists audit events by time, the newest first unless another order is given.
 * @param page `after`: the last event of the previous page; `limit`: the greatest number of events
 * @throws StoreUnavailableError
 */
export function listAuditEvents(
  db: Database,
  { organizationId, actor, target, action, requestId, from, to }: AuditFilter,
  { after, limit, order = 'newest' }: AuditPage,
): Promise<StoredAuditEvent[]> {
  const { at, id } = auditEvents;
  const is = (column: SQLWrapper, value: string | undefined): SQL | undefined =>
    value === undefined ? undefined : sql`${column} = ${value}`;
  const [beyond, sorted] = order === 'newest' ? [lt, desc] : [gt, asc];
  const earliest = order === 'newest' ? from : Math.max(from ?? 0, after?.at ?? 0);
  const latest = order === 'newest' ? Math.min(to, after?.at ?? to) : to;
  const page = db
    .select()
    .from(auditEvents)
    .where(
      and(
        // The unary plus keeps SQLite from using an index. A request has few events, so only its index is used, if it is named.
        is(requestId === undefined ? auditEvents.organizationId : sql`+${auditEvents.organizationId}`, organizationId),
        is(auditEvents.requestId, requestId),
        // Within an organization, the actor's index would scan the events of all others.
        is(organizationId === undefined ? auditEvents.actor : sql`+${auditEvents.actor}`, actor),
        is(auditEvents.target, target),
        is(auditEvents.action, action),
        earliest === undefined ? undefined : gte(at, earliest),
        lte(at, latest),
        after && or(beyond(at, after.at), beyond(id, after.id)),
      ),
    )
    .orderBy(sorted(at), sorted(id))
    .limit(limit);
  return askStore('d1', () => page);
}

export interface AuditPage {
  readonly after: { readonly at: number; readonly id: string } | undefined;
  readonly limit: number;
  readonly order?: 'newest' | 'oldest';
}
