import type { Comparison } from './comparisons.ts';
import type { Cost } from './costs.ts';
import type { Growth } from './growth.ts';
import type { Machine } from './machine.ts';
import { type Footprint, growthOf } from './memory.ts';
import { PIECES, PIECES_BETWEEN, PIECES_ERROR, PIECES_MEASURED } from './pieces.ts';
import { PRICES_READ } from './prices.ts';
import type { Plan, Summary } from './rounds.ts';
import {
  aimsTable,
  comparisonsTable,
  costsTable,
  growthTable,
  memoryTable,
  piecesTable,
  resultsTable,
} from './tables.ts';
import { aimsOf } from './targets.ts';
import { wrapped } from './wrapped.ts';

/** The results of a run. A part that was not measured is empty. */
export interface Report {
  readonly machine: Machine;
  readonly plan: Plan;
  readonly logShare: number;
  readonly results: readonly Summary[];
  readonly comparisons: readonly Comparison[];
  readonly costs: readonly Cost[];
  readonly memory: readonly Footprint[];
  readonly growth: readonly Growth[];
}

/** Formats the report as a Markdown page. */
export function toMarkdown(report: Report): string {
  const sections = [summary, aims, speed, pieces, price, memory, growth, method];
  return `${sections
    .map((section) => section(report))
    .filter((text) => text !== '')
    .map(wrapped)
    .join('\n\n')}\n`;
}

// The first ten lines are what a reader who compares products wants to know: each fact is one line.
function summary({ results, comparisons, costs, memory, machine }: Report): string {
  const subject = (name: string) => results.find((result) => result.name === name);
  const [secret, other] = [subject('secret'), subject('oidc-provider')];
  const floor = comparisons.find(({ of, to }) => of === 'secret' && to === 'full-floor');
  const dollars = costs.map(({ profile, total }) => `$${total.toFixed(2)} (${profile})`);
  const lines = [
    secret &&
      `- **Speed**: ${perCore(secret)} tokens a second per core; ${ms(secret.p50)} at p50, ${ms(secret.p99)} at p99, fully loaded.`,
    costs.length > 0 && `- **A million tokens**, list price: ${dollars.join(', ')}.`,
    secret &&
      '- **For that**: live check of secret and rate limit, durable usage counts, revocation, an ES256 JWT, a log by sample.',
    floor &&
      `- **Against the least code** for these duties on Cloudflare: ${floor.cpu.median.toFixed(2)} of its speed, by CPU time.`,
    other && `- **Against oidc-provider** on Node, its store in memory: ${perCore(other)} tokens a second per core.`,
    memory.length > 0 && `- **Memory**: ${memoryText(memory)}.`,
  ].filter((line) => typeof line === 'string');
  return `# Benchmark

What a token costs, for an engineer who chooses an authorization server. Written by \`npm run bench\` on ${machine.date}.

${lines.join('\n')}`;
}

function aims(report: Report): string {
  const found = aimsOf(report);
  if (found.length === 0) return '';
  return `## Aims

${aimsTable(found)}`;
}

function speed({ results, comparisons, logShare }: Report): string {
  if (results.length === 0) return '';
  return `## Speed

All get ES256 tokens of about the same size by \`POST\` of a \`client_credentials\` form, except where it says otherwise.

- **secret**: the built Worker with the variables of its \`wrangler.toml\`, asked by 250 clients in turn that have the default rate limit.
- **unlimited**: one client whose rate limit is so high that its gate need not write it down.
- **assertion**, **proof**, **both**: 25 busy clients, with \`private_key_jwt\` instead of the secret, with a DPoP proof, and with both. Each is
  used once, and was signed before the clock ran. A client that uses fewer than 64 of them in a minute costs more: a row for each.
- **introspection**: one of its tokens, by a caller that it knows. **jwks**: its keys.
- **full-floor**: the least code that has the duties of \`secret\`. It hashes the secret, makes the same call to a Durable Object, with the
  same deadline; the object compares the hash, counts, and writes a row per hundred requests; it answers with the same headers, and logs the same share of its requests
  (${logShare}). [Its source](../test/bench/full-floor/index.ts) says what it leaves out.
- **floor**: a Worker that parses the form, calls one Durable Object, signs one token, and does nothing else.
- **oidc-provider**: on Node, its store in memory, with JWT access tokens.

${resultsTable(results)}

The ratios of the rounds: of CPU time and of requests more is better, of p99 less.

${comparisonsTable(comparisons)}

What a figure means for a deployment: **CPU per request** is what a request costs in compute; a million microseconds divided by it is
what a core can do, and Cloudflare runs as many isolates as there is load. **Requests per second** is the same on one thread, with the
waiting in it: one isolate at full load. It is not a limit of the service, but the figure for one client has one, because all its
requests go through one gate. **p50 and p99** are latencies with 16 requests always waiting for one thread, so they show queues and pauses; a
deployment adds the way to the gate, which is one round trip inside Cloudflare's network. **generator** is the share of a core that the
load generator took from the same machine. **The full floor** is what the duties cost; the rest is what this code costs.`;
}

function pieces({ results }: Report): string {
  if (results.length === 0) return '';
  const { worker, floor } = PIECES_BETWEEN;
  return `## What remains, piece by piece

What a token request does beyond the full floor, and what it would mean to give that up. Measured by hand on ${PIECES_MEASURED}: copies of
the Worker, from each of which one piece more had been cut out, took turns of 200 requests of \`unlimited\`. The whole Worker took ${worker} µs
of CPU for a request, and the full floor ${floor} µs. The standard error of a piece is ${PIECES_ERROR} µs.

${piecesTable(PIECES)}

No piece has one large cost: a profile shows promises, small objects and calls into the runtime, a microsecond or less each. About 9 µs of the
sum are V8's compiler, which a young isolate keeps busy. The deadline of the gate call takes 12 µs more, and both have it.

A request of \`secret\` writes as well, about 10 µs on average: two rows when its client begins to ask, an alarm and a row in seven seconds from
then on, and a row for each tenth of the burst that it spends faster than its rate refills. Without them a killed gate forgets its counts, and
grants again what was spent.`;
}

function price({ costs, logShare }: Report): string {
  if (costs.length === 0) return '';
  const errors = costs.reduce((sum, cost) => sum + cost.errors, 0);
  return `## Price of a million tokens

At [the list prices](../test/bench/prices.ts) of Workers Paid of ${PRICES_READ}, beyond what the plan includes, without storage and the base fee.
A success is logged with the share ${logShare}.

${costsTable(costs)}

A module in front of the built Worker counts each operation, and takes rows from what the storage reports. **busy**, **assertion** and **assertion and proof** are 20 clients that
ask every 100 ms, as often as the default rate limit allows. Those of **every 30 s** ask every 30 s, in real time, and the runtime evicts their gates after 10 s, as
Cloudflare does. ${errors} requests failed. The first request of a client, which loads its record, was not counted.

- The flush of usage to D1 is rarer than the run is long. A flush of each gate in the course of a day was counted with the clock moved
  forward, and a 24th of what the first one of a day writes more. It is charged to the tokens of its mean interval.
- **CPU** is that of the same requests at full load, of the whole runtime: too much, because Cloudflare bills the CPU of a Worker, and the
  duration of a Durable Object.
- **Duration** is from call to answer. In production storage confirms a write later: 10 ms of it add $0.016 to a million. A gate that waits
  idle can hibernate, and is not billed.
- The key ring and the scheduled handler cost the same however many tokens there are. Only their reads that fell into the count are here.`;
}

function memory({ memory }: Report): string {
  if (memory.length === 0) return '';
  return `## Memory

Tokens of 250 clients through one isolate: its heap after a garbage collection, and the resident memory of the runtime's process with all
local stores. ${sentence(memoryText(memory))}.

${memoryTable(memory)}`;
}

function growth({ growth }: Report): string {
  if (growth.length === 0) return '';
  return `## Many clients

The same questions about an organization with 100 clients and about one with 100,000, each on a Worker of its own, over one connection: the
management API's lists and searches, a page of up to 50, and a token request of one of the clients.

${growthTable(growth)}

The aim is a ratio of no more than 1.5.`;
}

function method({ machine, plan }: Report): string {
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  return `## How it was measured

${facts.join(', ')}.

${plan.rounds} rounds of ${plan.seconds} s each, over ${plan.connections} kept-alive connections on loopback. The subjects take turns, every second round in
reverse, one loaded at a time while the others idle, each warmed up before its clock runs. Figures are medians over the rounds, ratios the
medians of the rounds' own ratios, with the least and the greatest in parentheses.

Each subject is a process of its own, and its CPU time is that of all its threads. A Worker's work is done by one thread, while Node signs in
others beside its own. What the Workers log goes to /dev/null. The load comes from one more process on the same machine, bytes made beforehand
over the same number of connections for all. Local stores answer at once, without a network: this compares what the code costs, not what a
deployment serves.`;
}

function memoryText(footprints: readonly Footprint[]): string {
  const [first, last] = [footprints[0]?.tokens ?? 0, footprints.at(-1)?.tokens ?? 0];
  const change = growthOf(footprints, 'heap') * 100;
  const from = `from ${first.toLocaleString('en')} to ${last.toLocaleString('en')} tokens`;
  const heap = Math.round((footprints.at(-1)?.heap ?? 0) / 1e6);
  return `${from} of one isolate, the heap changes by ${change.toFixed(1)} %, to ${heap} MB`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function perCore({ cpu }: Summary): string {
  return String(Math.round(1e6 / cpu));
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`;
}
