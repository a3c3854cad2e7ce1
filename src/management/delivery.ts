import { PUSHES_PER_REQUEST } from '../constants.ts';
import { deliverPushes } from '../gate/pushes.ts';
import { pushesOwedAbout, pushesOwedBy } from '../store/gate-pushes.ts';
import type { ManagementContext } from './context.ts';
import { ProblemError } from './problem.ts';

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
 * What a DELETE of something that is not there ends with: it may have been deleted by a request before this one, whose pushes failed.
 * @throws ProblemError `not_found`; StoreUnavailableError
 */
export async function absent(context: ManagementContext, target: string): Promise<never> {
  await deliverOwedAbout(context, target);
  throw new ProblemError('not_found');
}
