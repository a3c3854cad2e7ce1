import { setTimeout as sleep } from 'node:timers/promises';
import { USAGE_FLUSH_MAX, USAGE_FLUSH_MIN } from '../../src/client-gate/constants.ts';
import { CountingWorker } from './counting-worker.ts';
import { type EdgemintName, edgemintSubject } from './edgemint-subjects.ts';
import { measure } from './load.ts';
import { type Operations, perToken, plus } from './operations.ts';
import { type Price, priceOfMillion } from './price.ts';
import { BUSY, type Profile, profiles } from './profiles.ts';
import { requestOf, type Target } from './requests.ts';
import type { Summary } from './rounds.ts';

/** How many requests a busy client makes before the count starts, so that the bucket no longer is full and its gate is in its rhythm. */
const BUSY_BEFORE = 120;

/** After so many milliseconds without a request a gate has been evicted (10 s in the runtime), and its alarms have gone off. */
const UNTIL_EVICTED = 22_000;

/** How far the clock is moved for a flush to be due: longer than any flush waits. */
const UNTIL_FLUSHED = 2 * 3_600_000;

const FLUSHES_OF_A_DAY = 24;

/** What a token costs in a profile. */
export interface Cost extends Price {
  readonly profile: string;
  /** The number of tokens that were counted. */
  readonly tokens: number;
  readonly errors: number;
  /** How often a gate was started, for one token. */
  readonly gateStarts: number;
}

interface Prepared {
  readonly profile: Profile;
  readonly worker: CountingWorker;
  readonly target: Promise<Target>;
}

/**
 * Counts the operations of each profile, each with a Worker of its own: the busy ones in turn, and beside them the one that mostly waits.
 * @param measured the subjects whose CPU time is known; that of others is measured
 */
export async function measureCosts(isQuick: boolean, measured: readonly Summary[]): Promise<Cost[]> {
  const cpuBySubject = await cpuOfSubjects(profiles(isQuick), measured);
  const prepared: Prepared[] = [];
  try {
    for (const profile of profiles(isQuick)) {
      const worker = await CountingWorker.start();
      prepared.push({ profile, worker, target: profile.target(worker, profile.clients) });
    }
    const costs = new Map<Profile, Cost>();
    const measureInTurn = async (some: readonly Prepared[]) => {
      for (const one of some) {
        costs.set(one.profile, await measureCost(one, cpuBySubject.get(one.profile.subject) ?? Number.NaN));
      }
    };
    const [busy, quiet] = [false, true].map((wanted) => prepared.filter(({ profile }) => isQuiet(profile) === wanted));
    await Promise.all([measureInTurn(busy ?? []), measureInTurn(quiet ?? [])]);
    return prepared.flatMap(({ profile }) => costs.get(profile) ?? []);
  } finally {
    await Promise.all(prepared.map(({ worker }) => worker.stop()));
  }
}

/** Returns the microseconds of CPU time of each profile's subject under full load. */
async function cpuOfSubjects(
  some: readonly Profile[],
  measured: readonly Summary[],
): Promise<ReadonlyMap<EdgemintName, number>> {
  const found = new Map<EdgemintName, number>();
  for (const { subject: name } of some) {
    const known = found.get(name) ?? measured.find((one) => one.name === name)?.cpu;
    found.set(name, known ?? (await measureCpu(name)));
  }
  return found;
}

async function measureCpu(name: EdgemintName): Promise<number> {
  const { target, pid, stop } = await edgemintSubject(name);
  try {
    return (await measure(target, 16, 2, pid)).cpu;
  } finally {
    await stop();
  }
}

/** Whether the gate of a client is evicted between two of its requests. */
function isQuiet({ interval }: Profile): boolean {
  return interval > UNTIL_EVICTED;
}

async function measureCost({ profile, worker, ...prepared }: Prepared, cpu: number): Promise<Cost> {
  const target = await prepared.target;
  // The first request of a client loads its record and creates tables. Neither belongs to the price of a token.
  await ask(target, { ...profile, interval: BUSY.interval, requests: isQuiet(profile) ? 1 : BUSY_BEFORE });
  if (isQuiet(profile)) await sleep(UNTIL_EVICTED);
  await worker.reset();
  const { issued, errors } = await ask(target, profile);
  // What follows a token belongs to it. Busy clients would have gone on, so there the count ends as it began.
  if (isQuiet(profile)) await sleep(UNTIL_EVICTED);
  const counted = await worker.counted();
  const flush = await countFlush(worker, target, profile);
  console.log(`${profile.name}: ${issued} tokens, operations counted`);
  const share = profile.interval / (((USAGE_FLUSH_MIN + USAGE_FLUSH_MAX) / 2) * 1000);
  const cpuMs = cpu / 1000;
  const price = priceOfMillion({ ...plus(perToken({ ...counted, cpuMs: 0 }, issued), flush, share), cpuMs });
  return { profile: profile.name, tokens: issued, errors, gateStarts: counted.gateStarts / issued, ...price };
}

/** Has each client ask at its interval, the clients spread evenly over it. */
async function ask(
  target: Target,
  { clients, interval, requests }: Pick<Profile, 'clients' | 'interval' | 'requests'>,
): Promise<{ issued: number; errors: number }> {
  let issued = 0;
  let errors = 0;
  const begun = performance.now();
  const askAs = async (client: number) => {
    for (let number = 0; number < requests; number++) {
      const due = begun + (number + client / clients) * interval;
      await sleep(Math.max(0, due - performance.now()));
      const { url, headers, form } = await requestOf(target, client);
      const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
      await response.arrayBuffer();
      if (response.ok) issued++;
      else errors++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => askAs(client)));
  return { issued, errors };
}

/**
 * Returns the operations of one flush of a gate's usage to D1, with the alarm that does it and the start of an evicted gate: those of a flush
 * in the course of a day, and a share of what the first one of a day writes more.
 */
async function countFlush(worker: CountingWorker, target: Target, profile: Profile): Promise<Operations> {
  const first = await countOneFlush(worker, target);
  // Of a busy client's price a flush is no part that can be seen. With the clock moved, its assertions would have expired.
  if (!isQuiet(profile)) return first;
  const later: Operations[] = [];
  // One of the two may be the first of the next day.
  for (let flush = 0; flush < 2; flush++) {
    await ask(target, { ...profile, interval: BUSY.interval, requests: 1 });
    later.push(await countOneFlush(worker, target));
  }
  const [usual = first] = later.toSorted((one, other) => one.d1RowsWritten - other.d1RowsWritten);
  const more = Math.max(0, first.d1RowsWritten - usual.d1RowsWritten);
  return { ...usual, d1RowsWritten: usual.d1RowsWritten + more / FLUSHES_OF_A_DAY };
}

async function countOneFlush(worker: CountingWorker, { turns = [] }: Target): Promise<Operations> {
  await sleep(UNTIL_EVICTED);
  await worker.advance(UNTIL_FLUSHED);
  await worker.reset();
  for (const { clientId = '' } of turns) await worker.runAlarm(clientId);
  const counted = await worker.counted();
  if (counted.d1RowsWritten === 0) throw new Error('No usage was flushed to D1.');
  return perToken({ ...counted, cpuMs: 0 }, turns.length);
}
