import type { Comparison } from './comparisons.ts';
import type { Cost } from './costs.ts';

/** An aim, and what was reached. */
export interface Aim {
  readonly aim: string;
  readonly limit: string;
  readonly reached: number;
  readonly isMet: boolean;
}

interface Found {
  readonly comparisons: readonly Comparison[];
  readonly costs: readonly Cost[];
}

/** Returns the aims that the results can be compared with. */
export function aimsOf({ comparisons, costs }: Found): Aim[] {
  const ratio = (of: string, to: string, which: 'cpu' | 'p99') =>
    comparisons.find((found) => found.of === of && found.to === to)?.[which].median;
  const price = (profile: string) => costs.find((cost) => cost.profile === profile)?.total;
  return [
    atLeast('secret / full-floor, by CPU time', ratio('secret', 'full-floor', 'cpu'), 0.9),
    atLeast('assertion / secret, by CPU time', ratio('assertion', 'secret', 'cpu'), 0.8),
    atLeast('introspection / secret, by CPU time', ratio('introspection', 'secret', 'cpu'), 1),
    atMost('secret / full-floor, p99', ratio('secret', 'full-floor', 'p99'), 1.4),
    atMost('dollars for a million tokens: busy', price('busy'), 0.65),
    atMost('dollars for a million tokens: every 30 s', price('every 30 s'), 1.6),
    atMost('dollars for a million tokens: assertion', price('assertion'), 0.9),
  ].flatMap((aim) => aim ?? []);
}

function atLeast(aim: string, reached: number | undefined, limit: number): Aim | undefined {
  if (reached === undefined) return undefined;
  return { aim, limit: `at least ${limit.toFixed(2)}`, reached, isMet: reached >= limit };
}

function atMost(aim: string, reached: number | undefined, limit: number): Aim | undefined {
  if (reached === undefined) return undefined;
  return { aim, limit: `at most ${limit.toFixed(2)}`, reached, isMet: reached <= limit };
}
