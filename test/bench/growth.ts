import { type Measurement, measure } from './load.ts';
import { population } from './population.ts';
import type { Plan } from './rounds.ts';
import { median, type Spread, spread } from './statistics.ts';

const [FEW, MANY] = [100, 100_000];

/** The cost of a request with many clients, compared with few. */
export interface Growth {
  readonly question: string;
  /** Milliseconds: the median of the rounds' medians. */
  readonly few: number;
  readonly many: number;
  /** `many` divided by `few`, in the rounds. */
  readonly ratio: Spread;
  readonly errors: number;
}

/** Measures the same requests for an organization with few clients and for one with many. */
export async function measureGrowth(plan: Plan): Promise<Growth[]> {
  const few = await population(FEW);
  const many = await population(MANY);
  try {
    const found: Growth[] = [];
    for (const [question, target] of many.questions) {
      const other = few.questions.get(question) ?? target;
      const seconds = plan.seconds / 3;
      for (const warmed of [other, target]) await measure(warmed, 1, seconds);
      const rounds = [];
      for (let number = 1; number <= plan.rounds; number++) {
        rounds.push({ few: await measure(other, 1, seconds), many: await measure(target, 1, seconds) });
      }
      found.push(summarizeGrowth(question, rounds));
      console.log(`${question}: measured`);
    }
    return found;
  } finally {
    await Promise.all([few.stop(), many.stop()]);
  }
}

function summarizeGrowth(question: string, rounds: readonly { few: Measurement; many: Measurement }[]): Growth {
  return {
    question,
    few: median(rounds.map(({ few }) => few.p50)),
    many: median(rounds.map(({ many }) => many.p50)),
    ratio: spread(rounds.map(({ few, many }) => many.p50 / few.p50)),
    errors: rounds.reduce((sum, { few, many }) => sum + few.errors + many.errors, 0),
  };
}
