import { and, eq, lte, type SQL, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { IDEMPOTENCY_AGE, PUSHES_PER_REQUEST } from '../constants.ts';
import { currentTrace } from '../log/trace.ts';
import type { AuditAction } from './audit-actions.ts';
import type { CascadedEvents } from './cascades.ts';
import type { Database } from './database.ts';
import { askStore, ConstraintError } from './errors.ts';
import { type OwedPush, selectOwedBy } from './gate-pushes.ts';
import { generateId } from './id.ts';
import { auditEvents, changes, gatePushes, gates, idempotencyKeys, versionSequence } from './schema.ts';
import { among, listOf } from './sql.ts';
import { dueNow, insertNotices, type Notice, owe, wakeOwed } from './webhook-outbox.ts';

export type Statement = BatchItem<'sqlite'>;

/** An audit event: who changed which resource, and how. It contains no secret values. */
export interface AuditEvent {
  /** Generated if absent. */
  readonly id?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly organizationId: string | null;
  /** One of `ACTORS`, an API key's id, or a client_id. */
  readonly actor: string;
  readonly action: AuditAction;
  /** The id of the changed resource. */
  readonly target: string;
  readonly address: string;
  readonly changes: Record<string, unknown>;
}

/** The answer to store for a request with an `Idempotency-Key`. */
export type KeptAnswer = Omit<typeof idempotencyKeys.$inferSelect, 'version' | 'createdAt'>;

export interface Write {
  readonly event: AuditEvent;
  /** A condition that must still hold; otherwise nothing is written. */
  readonly guard?: SQL | undefined;
  /** Selects the ids of the clients whose records the statements change. It is evaluated before they run. */
  readonly affectedClients?: SQL | undefined;
  readonly statements: readonly Statement[];
  /** What the statements remove or change besides the event's target: one audit event for each. */
  readonly cascade?: readonly CascadedEvents[] | undefined;
  readonly answer?: KeptAnswer | undefined;
  /** Whether isolates see the change only when their lease ends, so that its progress must be recorded. */
  readonly settles?: boolean;
  /** Further events for webhooks. */
  readonly notices?: readonly Notice[] | undefined;
}

export interface Written {
  readonly version: number;
  /** The pushes that the write owes to gates, up to `PUSHES_PER_REQUEST` plus one. With that one more, a request must not wait for them. */
  readonly owed: readonly OwedPush[];
  /** The ids of the webhooks to which the write owes an event, and which can be sent it now. */
  readonly webhooks: readonly string[];
}

/** The guard of a write failed, because a concurrent write changed what it is based on. Nothing was written. */
export class StaleWriteError extends Error {
  override readonly name = 'StaleWriteError';
}

/** The version that the current write takes, for use in its statements. */
export const nextVersion = sql<number>`(SELECT ${versionSequence.value} FROM ${versionSequence})`;

/**
 * Commits a management write in one transaction: its version, the pushes that it owes to gates, the statements, the audit event, and the
 * deliveries that it owes to webhooks.
 * @throws StaleWriteError, ConstraintError, StoreUnavailableError
 */
export async function write(
  db: Database,
  { event, guard, affectedClients, statements, cascade = [], answer, settles = false, notices = [] }: Write,
): Promise<Written> {
  const pushes = affectedClients ? [insertPushes(db, affectedClients)] : [];
  const change = affectedClients || settles ? [insertChange(db, event, settles)] : [];
  const id = event.id ?? generateId('evt');
  const requestId = currentTrace()?.requestId ?? null;
  const record = db.insert(auditEvents).values({ ...event, id, version: nextVersion, requestId });
  const noticed = notices.length > 0 ? oweNotices(db, notices, event.at) : [];
  const recorded = cascade.length > 0 ? withCascaded(id) : listOf([id]);
  const woken = wakeOwed(db, sql`${recorded} UNION ALL ${listOf(notices.map((notice) => notice.id))}`, event.at);
  const kept = answer ? keepAnswer(db, answer, event.at) : [];
  try {
    const [[sequence], ...results] = await askStore('d1', () =>
      db.batch([
        takeVersion(db, guard),
        ...pushes,
        ...change,
        // Before the statements, which remove what the events name.
        ...cascade.map((cascaded, kind) => insertCascaded(db, { ...event, id, requestId }, cascaded, kind)),
        ...statements,
        record,
        ...kept,
        ...noticed,
        owe(db, 'audit', recorded, event.at),
        woken,
        ...(affectedClients ? [selectOwedBy(db, nextVersion, PUSHES_PER_REQUEST + 1)] : []),
      ]),
    );
    const owed = affectedClients ? (results.pop() as OwedPush[]) : [];
    const webhooks = dueNow(results.at(-1) as Awaited<typeof woken>, event.at);
    return { version: sequence?.value ?? 0, owed, webhooks };
  } catch (error) {
    if (error instanceof ConstraintError && error.constraint === GUARD) throw new StaleWriteError();
    throw error;
  }
}

const GUARD = 'version_sequence_value';

// If the guard fails, the value is NULL. The column is NOT NULL, so the whole batch fails.
function takeVersion(db: Database, guard: SQL | undefined) {
  const next = sql`${versionSequence.value} + 1`;
  const value = guard ? sql`CASE WHEN ${guard} THEN ${next} END` : next;
  return db
    .insert(versionSequence)
    .values({ id: 1, value: 1 })
    .onConflictDoUpdate({ target: versionSequence.id, set: { value } })
    .returning({ value: versionSequence.value });
}

type RecordedEvent = AuditEvent & { readonly id: string; readonly requestId: string | null };

// The ids begin with the cause's, so that they are found by the primary key. They have no version: what a later write about one of the
// targets still owes is not every push of the cascade.
function insertCascaded(
  db: Database,
  cause: RecordedEvent,
  { action, events }: CascadedEvents,
  kind: number,
): Statement {
  const { id, at, actor, address, requestId } = cause;
  return db
    .insert(auditEvents)
    .select(sql`SELECT ${`${id}_${kind}_`} || ROW_NUMBER() OVER (), ${at}, organization_id, ${actor},
    ${action}, target, ${address}, json_set(changes, '$.cascade_of', ${id}), NULL, ${requestId} FROM (${events})`);
}

/** Selects the ids of an event and of those that `insertCascaded` inserted for it. */
function withCascaded(id: string): SQL {
  // The next character after the underscore ends the range. Generated ids have one length, so no other event is in it.
  return sql`SELECT id FROM ${auditEvents} WHERE id >= ${id} AND id < ${`${id}\``}`;
}

function insertPushes(db: Database, affectedClients: SQL): Statement {
  return db
    .insert(gatePushes)
    .select(
      sql`SELECT ${gates.name}, ${nextVersion}, ${gates.clientId} FROM ${gates} WHERE ${among(gates.clientId, affectedClients)}`,
    );
}

// Records a change that its request cannot wait for, so that its progress can be polled.
function insertChange(db: Database, { at, organizationId, action, target }: AuditEvent, settles: boolean): Statement {
  const gatesOwed = sql`(SELECT COUNT(*) FROM ${gatePushes} WHERE ${gatePushes.version} = ${nextVersion})`;
  const isWanted = settles ? sql`TRUE` : sql`${gatesOwed} > ${PUSHES_PER_REQUEST}`;
  return db
    .insert(changes)
    .select(sql`SELECT ${nextVersion}, ${organizationId}, ${action}, ${target}, ${gatesOwed}, ${at},
    ${settles ? null : 0} WHERE ${isWanted}`);
}

function oweNotices(db: Database, notices: readonly Notice[], at: number): Statement[] {
  const ids = notices.map(({ id }) => id);
  return [insertNotices(db, notices), owe(db, 'notices', ids, at)];
}

function keepAnswer(
  db: Database,
  { actor, key, fingerprint, status, sealedBody }: KeptAnswer,
  at: number,
): Statement[] {
  const isSame = and(eq(idempotencyKeys.actor, actor), eq(idempotencyKeys.key, key));
  const isExpired = lte(idempotencyKeys.createdAt, at - IDEMPOTENCY_AGE * 1000);
  return [
    db.delete(idempotencyKeys).where(and(isSame, isExpired)),
    db
      .insert(idempotencyKeys)
      .values({ actor, key, fingerprint, version: nextVersion, status, sealedBody, createdAt: at }),
  ];
}
