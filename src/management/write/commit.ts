import { waitUntil } from 'cloudflare:workers';
import type { TypedResponse } from 'hono';
import type { JSONParsed } from 'hono/utils/types';
import { PUSHES_PER_REQUEST } from '../../constants.ts';
import type { UnrecordedEvent } from '../../gates/protocol.ts';
import { deliverPushes } from '../../gates/pushes.ts';
import { clientAddress } from '../../http/client-address.ts';
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

export interface Commit<Body, Status> extends Pick<Write, 'guard' | 'affectedClients' | 'statements'> {
  /** What the audit event tells: who was changed, and the fields, without secret values. */
  readonly event: Pick<AuditEvent, 'id' | 'at' | 'organizationId' | 'action' | 'target' | 'changes'>;
  /** What to answer when a constraint, as `ConstraintError` names it, stands against it: the field, and what would be right. */
  readonly conflicts?: Readonly<Record<string, FieldError>>;
  /** Who does it, where that is not the administrator. */
  readonly actor?: string;
  readonly status: Status;
  readonly body: Body;
  /**
   * Sees to it, in D1, that isolates stop going by what was before, for a write that takes them a while. Until they have, the answer is
   * 202. Who fails here leaves it to the scheduled handler.
   */
  readonly settle?: () => Promise<void>;
  /** Whether the answer shows what was written, so that the write's version is its entity tag. */
  readonly tagged?: boolean;
}

/**
 * Makes a management write and lets the gates hear of it: who is answered with success can count on every gate. A write that affects
 * more gates than a request can wait for, or that isolates take a while to go by, goes on after a 202.
 * @throws ProblemError `conflict`; StaleWriteError; StoreUnavailableError, where the write may stand, and a repeat goes on with it
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
    conflicts = {},
    settle,
    status,
    body,
    tagged = false,
  } = commitment;
  const actor = commitment.actor ?? actorOf(administrator);
  const { db, gates } = services;
  const { version, owed } = await rejecting(conflicts, async () =>
    write(db, {
      event: { ...event, actor, address: clientAddress(context.req.raw) },
      guard,
      affectedClients,
      statements,
      settles: settle !== undefined,
      answer: await keptAnswer(context, status, { body, tagged }),
    }),
  );
  if (owed.length > PUSHES_PER_REQUEST) {
    waitUntil(deliverPushes(db, gates, owed).catch(() => undefined));
    return asTyped(await accepted(context, version));
  }
  if (settle) {
    await settle().catch(() => undefined);
    return asTyped(await accepted(context, version));
  }
  await deliverPushes(db, gates, owed);
  const headers = tagged ? { ETag: etag(version) } : {};
  return asTyped(respond(context, status, body, headers));
}

/**
 * As `commit()`, for what the client's gate has done already, and nothing else: where D1 is gone the gate keeps the audit event for it.
 * @param event without the organization where D1 could not tell it
 * @throws ProblemError; StoreUnavailableError where neither took the event
 */
export async function commitOrKeep<Body>(
  context: ManagementContext,
  clientId: string,
  { body, ...said }: { readonly event: UnrecordedAction; readonly body: Body },
): ReturnType<typeof commit<Body, 200>> {
  const { organizationId, ...event } = { ...said.event, id: generateId('evt') };
  if (organizationId !== undefined) {
    try {
      const known = { ...event, organizationId };
      return await commit(context, { event: known, statements: [], status: 200, body });
    } catch (error) {
      if (!isUnavailable(error, 'd1')) throw error;
    }
  }
  const { gates } = context.var.services;
  await gates.keepEvent({ client_id: clientId, event: withActor(context, { ...event, organizationId }) });
  return asTyped(respond(context, 200, body));
}

type UnrecordedAction = Pick<UnrecordedEvent, 'at' | 'action' | 'target' | 'changes' | 'organizationId'>;

/** An event with who does it, and from where. */
export function withActor<Event extends object>(context: ManagementContext, event: Event) {
  return { ...event, actor: actorOf(context.var.administrator), address: clientAddress(context.req.raw) };
}

async function rejecting<T>(conflicts: Readonly<Record<string, FieldError>>, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    const conflict = conflicts[error.constraint];
    // What was looked up a moment ago is gone: only another administrator can have done that.
    const detail = 'Something that this refers to was changed meanwhile: try again.';
    throw new ProblemError('conflict', conflict ? { errors: [conflict] } : { detail });
  }
}
