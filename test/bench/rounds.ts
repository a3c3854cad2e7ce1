import { type Measurement, measure } from './load.ts';
import { median } from './statistics.ts';
import type { Subject } from './subject.ts';

/** One round: the measurement of each subject, by name. */
export type Round = ReadonlyMap<string, Measurement>;

export interface Plan {
  readonly connections: number;
  readonly rounds: number;
  /** The length of one measurement. Each round measures every subject once. */
  readonly seconds: number;
}

/** Measures the subjects in turns, every second round in reverse, one loaded at a time while the others idle. */
export async function measureRounds(subjects: readonly Subject[], plan: Plan): Promise<Round[]> {
  const measureOne = ({ target, pid }: Subject) => measure(target, plan.connections, plan.seconds, pid);
  for (const subject of subjects) {
    await measureOne(subject);
    console.log(`${subject.name} is warm`);
  }
  const rounds: Round[] = [];
  for (let number = 1; number <= plan.rounds; number++) {
    const round = new Map<string, Measurement>();
    for (const subject of number % 2 === 0 ? subjects.toReversed() : subjects) {
      round.set(subject.name, await measureOne(subject));
    }
    rounds.push(round);
    console.log(`round ${number} of ${plan.rounds}`);
  }
  return rounds;
}

export type Summary = { readonly name: string } & Measurement;

/** Summarizes each subject: medians over the rounds, except errors, which are summed. */
export function summarize(rounds: readonly Round[]): Summary[] {
  const names = [...(rounds[0]?.keys() ?? [])];
  return names.map((name) => {
    const measured = rounds.flatMap((round) => round.get(name) ?? []);
    const middle = (of: (one: Measurement) => number) => median(measured.map(of));
    return {
      name,
      requestsPerSecond: middle((one) => one.requestsPerSecond),
      p50: middle((one) => one.p50),
      p99: middle((one) => one.p99),
      cpu: middle((one) => one.cpu),
      errors: measured.reduce((sum, { errors }) => sum + errors, 0),
      generatorCpu: middle((one) => one.generatorCpu),
    };
  });
}
