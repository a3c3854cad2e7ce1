import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { comparisons } from './comparisons.ts';
import { measureCosts } from './costs.ts';
import { edgemintSubject } from './edgemint-subjects.ts';
import { measureGrowth } from './growth.ts';
import { machine } from './machine.ts';
import { measureMemory } from './memory.ts';
import { type Options, type PartName, readOptions, type SubjectName } from './options.ts';
import { deployedLogShare, floor, fullFloor, oidcProvider } from './other-subjects.ts';
import { type Report, toMarkdown } from './page.ts';
import { measureRounds, type Plan, type Round, summarize } from './rounds.ts';
import { silenceRuntime } from './runtime.ts';
import type { Subject } from './subject.ts';

// Measures, prints the results and writes them to a file. It asserts nothing. Only a run without options changes the published page.

const options = readOptions(process.argv.slice(2));
const plan: Plan = options.isQuick
  ? { connections: 16, rounds: 11, seconds: 1 }
  : { connections: 16, rounds: 7, seconds: 3.5 };
const directory = new URL(options.isWhole ? '../../docs/' : '../../dist/', import.meta.url);

/** How many tokens go through one isolate. */
const TOKENS = options.isQuick ? 20_000 : 100_000;

silenceRuntime();
const rounds = options.subjects.length > 0 ? await measureSubjects(options) : [];
const results = summarize(rounds);
const has = (part: PartName) => options.parts.includes(part);
await write({
  machine: machine(),
  plan,
  logShare: deployedLogShare(),
  results,
  comparisons: comparisons(rounds),
  memory: has('memory') ? await measureMemory(TOKENS) : [],
  growth: has('growth') ? await measureGrowth(plan) : [],
  costs: has('price') ? await measureCosts(options.isQuick, results) : [],
});

async function measureSubjects({ subjects: names, against }: Options): Promise<Round[]> {
  const subjects: Subject[] = [];
  try {
    // One after the other, because each must find its own runtime.
    for (const name of names) subjects.push(...(await start(name, against)));
    return await measureRounds(subjects, plan);
  } finally {
    await Promise.all(subjects.map(({ stop }) => stop()));
  }
}

async function start(name: SubjectName, against: string | undefined): Promise<Subject[]> {
  switch (name) {
    case 'floor':
      return [await floor()];
    case 'full-floor':
      return [await fullFloor()];
    case 'oidc-provider':
      return [await oidcProvider()];
    default: {
      const own = await edgemintSubject(name);
      if (against === undefined) return [own];
      return [own, { ...(await edgemintSubject(name, resolve(against))), name: `${name} of the other` }];
    }
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
