import { waitUntil } from 'cloudflare:workers';
import type { TypedResponse } from 'hono';
import type { JSONParsed } from 'hono/utils/types';
import { PUSHES_PER_REQUEST } from '../../constants.ts';
import type { UnrecordedEvent } from '../../gates/protocol.ts';
import { deliverPushes } from '../../gates/pushes.ts';
import { clientAddress } from '../../http/client-address.ts';
import { currentTrace } from '../../log/trace.ts';
import { ConstraintError, isUnavailable } from '../../store/errors.ts';
import { generateId } from '../../store/id.ts';
import { type AuditEvent, type Write, write } from '../../store/write.ts';
import { asTyped, respond } from '../http/answer.ts';
import { actorOf } from '../http/authorization.ts';
import type { ManagementContext } from '../http/context.ts';
import { type FieldError, ProblemError } from '../http/problem.ts';
import { accepted } from './accepted.ts';
import { keptAnswer } from './idempotency.ts';
import { etag } from './preconditions.ts';

export interface Commit<Body, Status>
  extends Pick<Write, 'guard' | 'affectedClients' | 'statements' | 'cascade' | 'notices'> {
  /** The audit event: the changed resource and its fields, without secret values. */
  readonly event: Pick<AuditEvent, 'id' | 'at' | 'organizationId' | 'action' | 'target' | 'changes'>;
  /** The error to answer if the write breaks a constraint, by the constraint's name in `ConstraintError`. */
  readonly conflicts?: Readonly<Record<string, FieldError>>;
  /** The actor of the audit event, if it is not the administrator. */
  readonly actor?: string;
  readonly status: Status;
  readonly body: Body;
  /**
   * Starts propagating a change that isolates see only when their lease ends. Such a write is answered 202. If this fails, the scheduled
   * handler does it.
   */
  readonly settle?: () => Promise<void>;
  /** Whether the answer shows the written resource, so that the write's version is the answer's entity tag. */
  readonly tagged?: boolean;
}

/**
 * Commits a management write and pushes it to the gates: once it is answered with success, every gate applies it. A write is answered 202
 * and continues in the background if it affects more than `PUSHES_PER_REQUEST` gates, or if isolates see it only when their lease ends.
 * @throws ProblemError `conflict`; StaleWriteError; StoreUnavailableError, after which the write may be committed, and a retry delivers it
 */
export async function commit<Body, Status extends 200 | 201 | 204>(
  context: ManagementContext,
  commitment: Commit<Body, Status>,
): Promise<Response & TypedResponse<JSONParsed<Body>, Status, 'json'>> {
  const { services, administrator } = context.var;
  const {
    event,
    guard,
    affectedClients,
    statements,
    cascade,
    conflicts = {},
    settle,
    status,
    body,
    tagged = false,
    notices,
  } = commitment;
  const actor = commitment.actor ?? actorOf(administrator);
  const { db, gates } = services;
  const { version, owed, webhooks } = await refusingConflicts(conflicts, async () =>
    write(db, {
      event: { ...event, actor, address: clientAddress(context.req.raw) },
      guard,
      affectedClients,
      statements,
      cascade,
      notices,
      settles: settle !== undefined,
      answer: await keptAnswer(context, status, { body, tagged }),
    }),
  );
  if (owed.length > PUSHES_PER_REQUEST) {
    services.webhooks.sendSoon(webhooks);
    waitUntil(deliverPushes(db, gates, owed.slice(0, PUSHES_PER_REQUEST)).catch(() => undefined));
    return asTyped(await accepted(context, version));
  }
  if (settle) {
    await settle().catch(() => undefined);
    services.webhooks.sendSoon(webhooks);
    return asTyped(await accepted(context, version));
  }
  await deliverPushes(db, gates, owed);
  // Not before: a receiver that asks at once must see the change. If the pushes fail, the scheduled handler sends the events.
  services.webhooks.sendSoon(webhooks);
  const headers = tagged ? { ETag: etag(version) } : {};
  return asTyped(respond(context, status, body, headers));
}

/**
 * Records the audit event of an action that the client's gate has already performed, and answers 200. If D1 is unavailable, the gate keeps
 * the event until D1 is back.
 * @param event without `organizationId` if D1 could not be asked for it
 * @throws ProblemError; StoreUnavailableError if neither D1 nor the gate stored the event
 */
export async function commitOrKeep<Body>(
  context: ManagementContext,
  clientId: string,
  { event, body }: { readonly event: UnrecordedAction; readonly body: Body },
): ReturnType<typeof commit<Body, 200>> {
  const identified = { ...event, id: generateId('evt') };
  const { organizationId } = event;
  if (organizationId !== undefined) {
    try {
      return await commit(context, { event: { ...identified, organizationId }, statements: [], status: 200, body });
    } catch (error) {
      if (!isUnavailable(error, 'd1')) throw error;
    }
  }
  const { gates } = context.var.services;
  await gates.keepEvent({ client_id: clientId, event: withActor(context, identified) });
  return asTyped(respond(context, 200, body));
}

type UnrecordedAction = Pick<UnrecordedEvent, 'at' | 'target' | 'changes' | 'organizationId'> &
  Pick<AuditEvent, 'action'>;

/** Adds the administrator, the request's address and its id to an event. */
export function withActor<Event extends object>(context: ManagementContext, event: Event) {
  const { administrator } = context.var;
  const requestId = currentTrace()?.requestId;
  return { ...event, actor: actorOf(administrator), address: clientAddress(context.req.raw), requestId };
}

async function refusingConflicts<T>(
  conflicts: Readonly<Record<string, FieldError>>,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    const conflict = conflicts[error.constraint];
    // The references were found a moment ago, so another administrator has just removed one.
    const detail = 'A referenced resource was changed at the same time; retry.';
    throw new ProblemError('conflict', conflict ? { errors: [conflict] } : { detail });
  }
}
