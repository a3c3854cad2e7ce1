import type { Dependents } from '../../store/sql.ts';
import { ProblemError } from '../http/problem.ts';

/** @throws ProblemError `conflict`, which names them, where there are any */
export function refuseDependents(orphans: Dependents, detail: string): void {
  if (orphans.total > 0) throw new ProblemError('conflict', { detail, orphans });
}
