import type { Dependents } from '../store/sql.ts';
import { type Orphan, ProblemError } from './problem.ts';

/** How many of those that would be orphaned are named. */
export const ORPHANS_SHOWN = 100;

/** @throws ProblemError `conflict`, which names them, where there are any */
export function refuseOrphans({ some, total }: Dependents, detail: string): void {
  if (total > 0) throw new ProblemError('conflict', { detail, orphans: { some: some as Orphan[], total } });
}
