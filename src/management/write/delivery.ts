import { PUSHES_PER_REQUEST } from '../../constants.ts';
import { deliverPushes } from '../../gates/pushes.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { findChange, pushesOwedAbout, pushesOwedBy, pushesOwedTo } from '../../store/gate-pushes.ts';
import { asTyped } from '../http/answer.ts';
import type { ManagementContext } from '../http/context.ts';
import { ProblemError } from '../http/problem.ts';
import { accepted, mayFollow } from './accepted.ts';

/**
 * Delivers the pushes that a write still owes, up to `PUSHES_PER_REQUEST`.
 * @param version the write's version
 * @throws StoreUnavailableError
 */
export async function deliverOwedBy({ var: { services } }: ManagementContext, version: number): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedBy(db, version, PUSHES_PER_REQUEST));
}

/**
 * Delivers the pushes that the last writes about a target still owe, up to `PUSHES_PER_REQUEST`. Call it before an answer that states how
 * the target is: the answer must hold at the gates too, even if an earlier write failed to push.
 * @throws StoreUnavailableError
 */
export async function deliverOwedAbout({ var: { services } }: ManagementContext, target: string): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedAbout(db, target, PUSHES_PER_REQUEST));
}

/**
 * Delivers the pushes that are still owed to a client's gates, up to `PUSHES_PER_REQUEST`. Call it before a client_id is used again: a
 * gate that does not know yet that the previous client was deleted would continue with that client's record.
 * @throws StoreUnavailableError
 */
export async function deliverOwedTo({ var: { services } }: ManagementContext, clientId: string): Promise<void> {
  const { db, gates } = services;
  await deliverPushes(db, gates, await pushesOwedTo(db, clientId, PUSHES_PER_REQUEST));
}

/**
 * Answers a DELETE of a missing resource. An earlier request may have deleted it and failed to push, so this first delivers the owed
 * pushes. If more are owed than one request delivers, the answer is 202 again.
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
  await deliverPushes(services.db, services.gates, owed.slice(0, PUSHES_PER_REQUEST));
  // The scheduled handler or the next retry delivers the rest.
  if (owed.length > PUSHES_PER_REQUEST)
    throw new StoreUnavailableError('gate', 'more pushes are owed than one request delivers');
  throw new ProblemError('not_found');
}
