import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { type Measurement, quantile } from './load.ts';
import { BOTH, DPOP, PRIVATE_KEY_JWT } from './subjects.ts';

/** One round: the measurement of each subject, by name. */
export type Round = ReadonlyMap<string, Measurement>;

export interface Plan {
  readonly connections: number;
  readonly rounds: number;
  /** The length of one measurement. Each round measures every subject once. */
  readonly seconds: number;
}

/** The results of a run, as written to the file. */
export interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly plan: Plan;
  /** Medians over the rounds, except errors, which are summed. */
  readonly results: readonly ({ readonly name: string } & Measurement)[];
  /** Edgemint's requests per second divided by those of another subject. */
  readonly ratios: readonly ({ readonly to: string } & Ratio)[];
  /** Requests per second with a key divided by those with a secret. */
  readonly withoutSecret: readonly ({ readonly of: string } & Ratio)[];
  readonly growth: readonly Growth[];
}

/** The median, least and greatest ratio of the rounds. */
interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** The cost of a request with many clients, compared with few. */
export interface Growth {
  readonly question: string;
  /** Milliseconds: the median of the rounds' medians. */
  readonly few: number;
  readonly many: number;
  /** `many` divided by `few`: the median, least and greatest ratio of the rounds. */
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
  readonly errors: number;
}

/** Summarizes the rounds of a request, each measured with few clients and with many. */
export function growth(question: string, rounds: readonly { few: Measurement; many: Measurement }[]): Growth {
  const ratios = rounds.map(({ few, many }) => many.p50 / few.p50);
  return {
    question,
    few: median(rounds.map(({ few }) => few.p50)),
    many: median(rounds.map(({ many }) => many.p50)),
    median: median(ratios),
    least: Math.min(...ratios),
    greatest: Math.max(...ratios),
    errors: rounds.reduce((sum, { few, many }) => sum + few.errors + many.errors, 0),
  };
}

/** Summarizes the rounds. */
export function report(plan: Plan, rounds: readonly Round[], growth: readonly Growth[]): Report {
  const names = [...(rounds[0]?.keys() ?? [])];
  return {
    machine: machine(),
    plan,
    results: names.map((name) => ({ name, ...summary(rounds.flatMap((round) => round.get(name) ?? [])) })),
    ratios: ['floor', 'oidc-provider'].map((to) => ({ to, ...ratio(rounds, 'edgemint', to) })),
    withoutSecret: [PRIVATE_KEY_JWT, DPOP, BOTH].map((of) => ({ of, ...ratio(rounds, of, 'edgemint') })),
    growth,
  };
}

function summary(measured: readonly Measurement[]): Measurement {
  const middle = (of: (one: Measurement) => number) => median(measured.map(of));
  return {
    requestsPerSecond: middle((one) => one.requestsPerSecond),
    p50: middle((one) => one.p50),
    p99: middle((one) => one.p99),
    errors: measured.reduce((sum, { errors }) => sum + errors, 0),
    generatorCpu: middle((one) => one.generatorCpu),
  };
}

function ratio(rounds: readonly Round[], of: string, to: string): Ratio {
  const rate = (round: Round, name: string) => round.get(name)?.requestsPerSecond ?? Number.NaN;
  const ratios = rounds.map((round) => rate(round, of) / rate(round, to));
  return { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios) };
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((one, other) => one - other),
    0.5,
  );
}

function machine() {
  const version = (name: string) => {
    const manifest = readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8');
    return (JSON.parse(manifest) as { version: string }).version;
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    node: process.version.slice(1),
    workerd: version('workerd'),
    'oidc-provider': version('oidc-provider'),
  };
}

/** Formats the report as a Markdown page. */
export function toMarkdown({ machine, plan, results, ratios, withoutSecret, growth }: Report): string {
  const rows = results.map(({ name, requestsPerSecond, p50, p99, errors, generatorCpu }) => {
    const cells = [Math.round(requestsPerSecond), p50.toFixed(2), p99.toFixed(2), errors, percent(generatorCpu)];
    return `| ${[name, ...cells].join(' | ')} |`;
  });
  const grown = growth.map(({ question, few, many, median, least, greatest, errors }) => {
    const range = `${median.toFixed(2)} (${least.toFixed(2)} to ${greatest.toFixed(2)})`;
    return `| ${[question, few.toFixed(2), many.toFixed(2), range, errors].join(' | ')} |`;
  });
  const isAimMet = ratios.every(({ to, median }) => (to === 'floor' ? median >= 0.85 : median > 1));
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  return `# Benchmark

Written by \`npm run bench\`: tokens by \`POST\` of a \`client_credentials\` form, ES256 JWTs of about the same size from all three.

- **edgemint**: the built Worker, all that it does for a token included.
- **edgemint introspection**: the same Worker asked about one of its tokens, by a caller that it knows.
- **floor**: a Worker that parses the form, calls one Durable Object, signs one token, and does nothing else.
- **oidc-provider**: on Node, its store in memory, with JWT access tokens.

| | requests/s | p50 ms | p99 ms | errors | generator |
|---|--:|--:|--:|--:|--:|
${rows.join('\n')}

${ratios.map(({ to, ...found }) => `- edgemint / ${to}: ${shown(found)}`).join('\n')}

The aim is at least 0.85 of the floor, and more than oidc-provider.${isAimMet ? '' : ' It is not met yet.'}

## Without a shared secret

The same Worker's requests per second with a signed assertion in place of the secret, with a proof of the key that the token is to be bound
to, and with both, by those with a secret alone. Each assertion and each proof is used once, and was signed before the clock ran.

${withoutSecret.map(({ of, ...found }) => `- ${of} / edgemint: ${shown(found)}`).join('\n')}

## Many clients

The same questions about an organization with 100 clients and about one with 100,000, each on a Worker of its own, over one connection: the
management API's lists and searches, a page of up to 50, and a token request of one of the clients.

| | p50 ms of 100 | p50 ms of 100,000 | ratio | errors |
|---|--:|--:|--:|--:|
${grown.join('\n')}

The aim is a ratio of no more than 1.5.

## How it was measured

${facts.join(', ')}.

${plan.rounds} rounds of ${plan.seconds} s each, over ${plan.connections} kept-alive connections on loopback. The subjects take turns, every second round in
reverse, one loaded at a time while the others idle. Figures are medians over the rounds, ratios the medians of the rounds' own ratios.

Each subject is a process of its own; a Worker's work is done by one thread, while Node signs in others beside its own. The load comes
from one more process on the same machine, bytes made beforehand over the same number of connections for all; "generator" is the share of a core
that it took, so what it takes from the measured is known, and small. Local stores answer at once, without a network: this compares what
the code costs, not what a deployment serves.
`;
}

function shown({ median, least, greatest }: Ratio): string {
  return `**${median.toFixed(2)}** (${least.toFixed(2)} to ${greatest.toFixed(2)} over the rounds)`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
