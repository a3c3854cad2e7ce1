import { and, desc, eq, gte, lt, lte, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { GateAuditEvent } from '../gates/protocol.ts';
import { ATTEMPT_FILTER } from './actors.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, clients } from './schema.ts';

export type StoredAuditEvent = typeof auditEvents.$inferSelect;

/** Records events that may be there already, each once by its id. @throws StoreUnavailableError */
export async function recordEvents(db: Database, events: readonly GateAuditEvent[]): Promise<void> {
  const [first, ...others] = events.map((event) => db.insert(auditEvents).values(event).onConflictDoNothing());
  if (first) await askStore('d1', () => db.batch([first, ...others]));
}

export interface AuditFilter {
  /** undefined for all organizations. */
  readonly organizationId?: string | undefined;
  readonly actor?: string | undefined;
  readonly target?: string | undefined;
  readonly action?: string | undefined;
  /** Milliseconds since the epoch, both inclusive. */
  readonly from?: number | undefined;
  readonly to: number;
}

/**
 * Records that guesses at a client's secret were held back, once in an hour, if there is such a client.
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export async function recordThrottling(db: Database, clientId: string, address: string, now: number): Promise<void> {
  // The same from every isolate, so that the first one's stands.
  const id = `evt_throttled_${Math.floor(now / 3_600_000)}_${clientId}`;
  const event = db
    .select({
      id: sql<string>`${id}`.as('id'),
      at: sql<number>`${now}`.as('at'),
      organizationId: clients.organizationId,
      actor: sql<string>`${ATTEMPT_FILTER}`.as('actor'),
      action: sql<string>`'client.attempts_throttled'`.as('action'),
      target: clients.clientId,
      address: sql<string>`${address}`.as('address'),
      changes: sql<Record<string, unknown>>`'{}'`.as('changes'),
      version: sql<null>`NULL`.as('version'),
    })
    .from(clients)
    .where(eq(clients.clientId, clientId));
  await askStore('d1', () => db.insert(auditEvents).select(event).onConflictDoNothing());
}

/** The newest first, those behind the event of a time and an id. @throws StoreUnavailableError */
export function listAuditEvents(
  db: Database,
  { organizationId, actor, target, action, from, to }: AuditFilter,
  { after, limit }: { after: { at: number; id: string } | undefined; limit: number },
): Promise<StoredAuditEvent[]> {
  const { at, id } = auditEvents;
  const is = (column: SQLWrapper, value: string | undefined): SQL | undefined =>
    value === undefined ? undefined : sql`${column} = ${value}`;
  const page = db
    .select()
    .from(auditEvents)
    .where(
      and(
        is(auditEvents.organizationId, organizationId),
        // Within an organization never by what others did: the index would be walked through all of it.
        is(organizationId === undefined ? auditEvents.actor : sql`+${auditEvents.actor}`, actor),
        is(auditEvents.target, target),
        is(auditEvents.action, action),
        from === undefined ? undefined : gte(at, from),
        lte(at, Math.min(to, after?.at ?? to)),
        after && or(lt(at, after.at), lt(id, after.id)),
      ),
    )
    .orderBy(desc(at), desc(id))
    .limit(limit);
  return askStore('d1', () => page);
}
