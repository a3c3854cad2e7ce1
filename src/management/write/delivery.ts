import { PUSHES_PER_REQUEST } from '../../constants.ts';
import { deliverPushes } from '../../gates/pushes.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { findChange, pushesOwedAbout, pushesOwedBy, pushesOwedTo } from '../../store/gate-pushes.ts';
import { asTyped } from '../http/answer.ts';
import type { ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { accepted, mayFollow } from './accepted.ts';

/** Hands the gates what the write of a version still owes them, as far as a request can. @throws StoreUnavailableError */
export async function deliverOwedBy({ var: { services } }: ManagementContext, version: number): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedBy(db, version, PUSHES_PER_REQUEST));
}

/**
 * Hands the gates what the last writes about a target still owe them. An answer that says how things stand says it for the gates too:
 * one that follows a write whose pushes failed makes up for them first.
 * @throws StoreUnavailableError
 */
export async function deliverOwedAbout({ var: { services } }: ManagementContext, target: string): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedAbout(db, target, PUSHES_PER_REQUEST));
}

/**
 * Hands a client's gates what they are owed still. Before a client_id is given anew: a gate that was not told of its last bearer's end
 * would go on with that one.
 * @throws StoreUnavailableError
 */
export async function deliverOwedTo({ var: { services } }: ManagementContext, clientId: string): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedTo(db, clientId, PUSHES_PER_REQUEST));
}

/**
 * What a DELETE of something that is not there ends with: it may have been deleted by a request before this one, whose pushes failed,
 * or which was answered 202 and goes on still, as this one is then.
 * @throws ProblemError `not_found`; StoreUnavailableError
 */
export async function answerMissing(context: ManagementContext, target: string): Promise<never> {
  const { services, administrator } = context.var;
  const owed = await pushesOwedAbout(services.db, target, PUSHES_PER_REQUEST + 1);
  if (owed.length > PUSHES_PER_REQUEST) {
    const version = Math.max(...owed.map((push) => push.version));
    const change = await findChange(services.db, version);
    if (change && mayFollow(administrator, change)) return asTyped(await accepted(context, version));
  }
  await deliverPushes(services.db, services.gates, owed);
  // What is left is the scheduled handler's, or the next repeat's.
  if (owed.length > PUSHES_PER_REQUEST)
    throw new StoreUnavailableError('gate', 'more is owed than a request can wait for');
  throw new ProblemError('not_found');
}
