import { and, asc, desc, eq, gt, isNotNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { auditEvents, webhookDeliveries, webhookNotices, webhooks } from './schema.ts';
import { among, listOf } from './sql.ts';
import { wake } from './webhook-outbox.ts';
import { hastenDeliveries, type StoredWebhook } from './webhooks.ts';
import type { Statement } from './write.ts';

export type Delivery = typeof webhookDeliveries.$inferSelect;

/** An event as its payload needs it. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

// ── The log ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Lists the deliveries of a webhook, the newest first. @throws StoreUnavailableError */
export function listDeliveries(
  db: Database,
  { webhookId, status }: { webhookId: string; status: Delivery['status'] | undefined },
  { after, limit }: { after: { at: number; id: string } | undefined; limit: number },
): Promise<Delivery[]> {
  const { createdAt, eventId } = webhookDeliveries;
  const isWanted = and(
    eq(webhookDeliveries.webhookId, webhookId),
    status && eq(webhookDeliveries.status, status),
    after && lte(createdAt, after.at),
    after && or(lt(createdAt, after.at), lt(eventId, after.id)),
  );
  const page = db.select().from(webhookDeliveries).where(isWanted).orderBy(desc(createdAt), desc(eventId)).limit(limit);
  return askStore('d1', () => page);
}

/** Finds a delivery with its event. @throws StoreUnavailableError */
export async function findDelivery(
  db: Database,
  webhookId: string,
  eventId: string,
): Promise<{ delivery: Delivery; event: StoredEvent | undefined } | undefined> {
  const isWanted = and(eq(webhookDeliveries.eventId, eventId), eq(webhookDeliveries.webhookId, webhookId));
  const [[delivery], ...sources] = await askStore('d1', () =>
    db.batch([db.select().from(webhookDeliveries).where(isWanted), ...selectEvents(db, listOf([eventId]))]),
  );
  return delivery && { delivery, event: toEvents(...sources).get(eventId) };
}

/** Builds the statements that send an event to a webhook, or send it again. @param now milliseconds since the epoch */
export function queueDelivery(db: Database, webhookId: string, eventId: string, event: string, now: number) {
  const queued = { status: 'pending', dueAt: now, queuedAt: now } as const;
  return [
    db
      .insert(webhookDeliveries)
      .values({ eventId, webhookId, event, ...queued, createdAt: now })
      .onConflictDoUpdate({ target: [webhookDeliveries.eventId, webhookDeliveries.webhookId], set: queued }),
    wake(db, listOf([webhookId]), now),
  ] satisfies Statement[];
}

// ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A webhook that has something to send. */
export type DueWebhook = Pick<StoredWebhook, 'id' | 'organizationId' | 'failures'>;

/**
 * Returns webhooks that have something to send, of every organization first one, then a second one, and so on.
 * @param isFailing whether their last attempt failed
 * @param now milliseconds since the epoch
 * @throws StoreUnavailableError
 */
export function listDueWebhooks(
  db: Database,
  { isFailing, now, limit }: { isFailing: boolean; now: number; limit: number },
): Promise<DueWebhook[]> {
  const { id, organizationId, failures, dueAt } = webhooks;
  const turn = sql<number>`ROW_NUMBER() OVER (PARTITION BY ${organizationId} ORDER BY ${dueAt})`.as('turn');
  const due = db
    .select({ id, organizationId, failures, dueAt, turn })
    .from(webhooks)
    .where(
      and(
        isNotNull(dueAt),
        lte(dueAt, now),
        eq(webhooks.status, 'active'),
        isFailing ? gt(failures, 0) : eq(failures, 0),
      ),
    )
    .as('due');
  const page = db
    .select({ id: due.id, organizationId: due.organizationId, failures: due.failures })
    .from(due)
    .orderBy(asc(due.turn), asc(due.dueAt))
    .limit(limit);
  return askStore('d1', () => page);
}

/**
 * Leases a webhook that is due to this sender, so that no other sends for it.
 * @param leaseEnd milliseconds since the epoch, as `now`; it identifies the sender in `recordAttempts`
 * @returns undefined if it is not due, is disabled, was deleted, or another sender has the lease
 * @throws StoreUnavailableError
 */
export async function leaseWebhook(
  db: Database,
  id: string,
  { now, leaseEnd }: { now: number; leaseEnd: number },
): Promise<StoredWebhook | undefined> {
  const isDue = and(eq(webhooks.id, id), eq(webhooks.status, 'active'), lte(webhooks.dueAt, now));
  const lease = db.update(webhooks).set({ heldUntil: leaseEnd, dueAt: leaseEnd }).where(isDue).returning();
  return (await askStore('d1', () => lease))[0];
}

/** A delivery that is due, with its event. The event is absent if it was purged. */
export interface DueDelivery {
  readonly delivery: Delivery;
  readonly event: StoredEvent | undefined;
}

/** Returns deliveries of a webhook that are due, the longest due first. @throws StoreUnavailableError */
export async function dueDeliveries(
  db: Database,
  webhookId: string,
  { now, limit }: { now: number; limit: number },
): Promise<DueDelivery[]> {
  const isDue = and(eq(webhookDeliveries.webhookId, webhookId), lte(webhookDeliveries.dueAt, now));
  const due = db.select().from(webhookDeliveries).where(isDue).orderBy(asc(webhookDeliveries.dueAt)).limit(limit);
  const ids = sql`SELECT event_id FROM (${due})`;
  const [deliveries, ...sources] = await askStore('d1', () => db.batch([due, ...selectEvents(db, ids)]));
  const events = toEvents(...sources);
  return deliveries.map((delivery) => ({ delivery, event: events.get(delivery.eventId) }));
}

/** The state of a delivery after an attempt, or after it was given up. */
export type DeliveryState = Pick<
  Delivery,
  'eventId' | 'status' | 'attempts' | 'dueAt' | 'lastAttemptAt' | 'lastStatus' | 'lastFault'
>;

/** The health of a webhook after attempts. Times are milliseconds since the epoch. */
export interface WebhookHealth {
  readonly failures: number;
  readonly failingSince: number | null;
  /** The end of the back-off; 0 if there is none. */
  readonly heldUntil: number;
  /** Whether it works again after failures, so that everything that is pending is due now. */
  readonly isBack: boolean;
}

/**
 * Records attempts, and ends the lease of their sender. If the lease is over, another sender may have it: the health stays as it is.
 * @returns when there is next something to send, milliseconds since the epoch; null if nothing is pending, or the lease is over
 * @throws StoreUnavailableError
 */
export async function recordAttempts(
  db: Database,
  webhookId: string,
  { states, health, leaseEnd, now }: RecordedAttempts,
): Promise<number | null> {
  const { failures, failingSince, heldUntil, isBack } = health;
  const next = sql`(SELECT MAX(MIN(${webhookDeliveries.dueAt}), ${heldUntil}) FROM ${webhookDeliveries}
    WHERE ${webhookDeliveries.webhookId} = ${webhookId} AND ${webhookDeliveries.dueAt} IS NOT NULL)`;
  const isOurs = and(eq(webhooks.id, webhookId), eq(webhooks.heldUntil, leaseEnd));
  const updates: Statement[] = states.map(({ eventId, ...state }) =>
    db
      .update(webhookDeliveries)
      .set(state)
      .where(and(eq(webhookDeliveries.eventId, eventId), eq(webhookDeliveries.webhookId, webhookId))),
  );
  const hastened = isBack ? [hastenDeliveries(db, webhookId, now)] : [];
  // Last, because it looks for the next delivery that is due.
  const released = db
    .update(webhooks)
    .set({ failures, failingSince, heldUntil, dueAt: next })
    .where(isOurs)
    .returning({ dueAt: webhooks.dueAt });
  const [first = released, ...others] = [...updates, ...hastened, released];
  const results = await askStore('d1', () => db.batch([first, ...others]));
  const [webhook] = results.at(-1) as Awaited<typeof released>;
  return webhook?.dueAt ?? null;
}

export interface RecordedAttempts {
  readonly states: readonly DeliveryState[];
  readonly health: WebhookHealth;
  readonly leaseEnd: number;
  readonly now: number;
}

function selectEvents(db: Database, ids: SQL) {
  return [
    db.select().from(auditEvents).where(among(auditEvents.id, ids)),
    db.select().from(webhookNotices).where(among(webhookNotices.id, ids)),
  ] as const;
}

function toEvents(
  audited: readonly (typeof auditEvents.$inferSelect)[],
  notices: readonly (typeof webhookNotices.$inferSelect)[],
): ReadonlyMap<string, StoredEvent> {
  const all: StoredEvent[] = [
    ...audited.map(({ id, at, organizationId, action, actor, target, address, changes, requestId }) => ({
      id,
      type: action,
      at,
      data: { id, organization_id: organizationId, target, actor, address, changes, request_id: requestId },
    })),
    ...notices.map(({ id, at, organizationId, type, target, data }) => ({
      id,
      type,
      at,
      data: { id, organization_id: organizationId, target, ...data },
    })),
  ];
  return new Map(all.map((event) => [event.id, event]));
}
