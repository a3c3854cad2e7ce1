import type { NotedRefusal } from '../../gates/protocol.ts';
import { type Explanation, explanationOf } from './explanations.ts';

/** The refusals for one reason, in plain words. */
export interface ReasonSummary extends Explanation {
  readonly reason: string;
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastAt: number;
}

/** Explains each reason of these refusals once, the latest first. */
export function summarize(refusals: readonly NotedRefusal[]): ReasonSummary[] {
  const byReason = [...Map.groupBy(refusals, ({ reason }) => reason)];
  const summaries = byReason.map(([reason, alike]) => ({
    reason,
    count: alike.reduce((sum, { count }) => sum + count, 0),
    lastAt: Math.max(...alike.map(({ last_at }) => last_at)),
    ...explanationOf(reason),
  }));
  return summaries.sort((one, other) => other.lastAt - one.lastAt);
}
