import type { Dependents } from '../../store/sql.ts';
import { ProblemError } from '../http/problem.ts';

/** Refuses a change that resources depend on. @throws ProblemError `conflict` that names them, if there are any */
export function refuseDependents(dependents: Dependents, detail: string): void {
  if (dependents.total > 0) throw new ProblemError('conflict', { detail, dependents });
}
