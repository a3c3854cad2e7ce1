import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Measurement, measure } from './load.ts';
import { population } from './population.ts';
import { type Growth, growth, type Plan, type Report, type Round, report, toMarkdown } from './report.ts';
import { accessToken, edgemint, floor, oidcProvider, type Subject } from './subjects.ts';

// Measures, prints the results and writes them to a file. It asserts nothing. `--quick` does not change the published page.

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const plan: Plan = options.quick
  ? { connections: 16, rounds: 5, seconds: 1 }
  : { connections: 16, rounds: 7, seconds: 3.5 };
const directory = new URL(options.quick ? '../../dist/' : '../../docs/', import.meta.url);

const [FEW, MANY] = [100, 100_000];

const subjects: Subject[] = [];
const rounds: Round[] = [];
try {
  subjects.push(...(await edgemint()));
  subjects.push(await floor());
  subjects.push(await oidcProvider());

  for (const { name, target } of subjects) {
    if (target.form && 'grant_type' in target.form) await accessToken(target);
    await measure(target, plan.connections, plan.seconds);
    console.log(`${name} is warm`);
  }
  for (let number = 1; number <= plan.rounds; number++) {
    rounds.push(await measureRound(number % 2 === 0 ? subjects.toReversed() : subjects));
    console.log(`round ${number} of ${plan.rounds}`);
  }
} finally {
  await Promise.all(subjects.map(({ stop }) => stop()));
}
await write(report(plan, rounds, await measureGrowth()));

async function measureRound(inOrder: readonly Subject[]): Promise<Round> {
  const round = new Map<string, Measurement>();
  for (const { name, target } of inOrder) round.set(name, await measure(target, plan.connections, plan.seconds));
  return round;
}

async function measureGrowth(): Promise<Growth[]> {
  const populations = await Promise.all([population(FEW), population(MANY)]);
  try {
    const [few, many] = populations;
    const found: Growth[] = [];
    for (const [question, target] of many.questions) {
      const other = few.questions.get(question) ?? target;
      const seconds = plan.seconds / 3;
      for (const warmed of [other, target]) await measure(warmed, 1, seconds);
      const measured = [];
      for (let number = 1; number <= plan.rounds; number++) {
        measured.push({ few: await measure(other, 1, seconds), many: await measure(target, 1, seconds) });
      }
      found.push(growth(question, measured));
      console.log(`${question}: measured`);
    }
    return found;
  } finally {
    await Promise.all(populations.map(({ stop }) => stop()));
  }
}

async function write(found: Report): Promise<void> {
  const page = toMarkdown(found);
  console.log(`\n${page}`);
  await mkdir(directory, { recursive: true });
  await writeFile(new URL('benchmark.md', directory), page);
  const rounded = (_: string, value: unknown) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);
  await writeFile(new URL('benchmark.json', directory), `${JSON.stringify(found, rounded, 2)}\n`);
}
