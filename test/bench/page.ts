import type { Comparison } from './comparisons.ts';
import type { Growth } from './growth.ts';
import type { Plan, Summary } from './rounds.ts';
import { comparisonsTable, growthTable, resultsTable } from './tables.ts';

/** The results of a run. */
export interface Report {
  readonly plan: Plan;
  readonly results: readonly Summary[];
  readonly comparisons: readonly Comparison[];
  readonly growth: readonly Growth[];
}

/** Formats the report as a Markdown page. */
export function toMarkdown({ results, comparisons, growth }: Report): string {
  return [resultsTable(results), comparisonsTable(comparisons), growthTable(growth)].join('\n\n');
}
