import { and, desc, eq, gte, lt, lte, or, type SQL } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents } from './schema.ts';

export type StoredAuditEvent = typeof auditEvents.$inferSelect;

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

/** The newest first, those behind the event of a time and an id. @throws StoreUnavailableError */
export function listAuditEvents(
  db: Database,
  { organizationId, actor, target, action, from, to }: AuditFilter,
  { after, limit }: { after: { at: number; id: string } | undefined; limit: number },
): Promise<StoredAuditEvent[]> {
  const { at, id } = auditEvents;
  const is = (column: Parameters<typeof eq>[0], value: string | undefined): SQL | undefined =>
    value === undefined ? undefined : eq(column, value);
  const page = db
    .select()
    .from(auditEvents)
    .where(
      and(
        is(auditEvents.organizationId, organizationId),
        is(auditEvents.actor, actor),
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
