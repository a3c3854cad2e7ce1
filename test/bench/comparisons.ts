import { SUBJECTS, type SubjectName } from './options.ts';
import type { Round } from './rounds.ts';
import { type Spread, spread } from './statistics.ts';

/** A subject compared with another: the ratios of the rounds, each of measurements that followed one another. */
export interface Comparison {
  readonly of: string;
  readonly to: string;
  /** Requests per second of one divided by those of the other: more is better. */
  readonly requests: Spread;
  /** CPU time per request of the other divided by that of the one: more is better. */
  readonly cpu: Spread;
  /** p99 of the one divided by that of the other: less is better. */
  readonly p99: Spread;
}

function compare(rounds: readonly Round[], of: string, to: string): Comparison | undefined {
  const pairs = rounds.flatMap((round) => {
    const [one, other] = [round.get(of), round.get(to)];
    return one && other ? [{ one, other }] : [];
  });
  if (pairs.length === 0) return undefined;
  return {
    of,
    to,
    requests: spread(pairs.map(({ one, other }) => one.requestsPerSecond / other.requestsPerSecond)),
    cpu: spread(pairs.map(({ one, other }) => other.cpu / one.cpu)),
    p99: spread(pairs.map(({ one, other }) => one.p99 / other.p99)),
  };
}

const COMPARED: Readonly<Record<SubjectName, readonly SubjectName[]>> = {
  secret: ['full-floor', 'floor', 'oidc-provider'],
  unlimited: ['full-floor', 'secret'],
  assertion: ['secret'],
  proof: ['secret'],
  both: ['secret'],
  introspection: ['secret'],
  jwks: ['secret'],
  'full-floor': ['floor'],
  floor: [],
  'oidc-provider': [],
};

/** The pairs that are compared: a subject with the same one of the other checkout, with what bounds it, and with a secret. */
export function comparisons(rounds: readonly Round[]): Comparison[] {
  const own = SUBJECTS.flatMap((of) => [
    { of, to: `${of} of the other` },
    ...COMPARED[of].map((to) => ({ of, to })),
    ...COMPARED[of].map((to) => ({ of: `${of} of the other`, to })),
  ]);
  return own.flatMap(({ of, to }) => compare(rounds, of, to) ?? []);
}
