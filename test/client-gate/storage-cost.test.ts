import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RateLimit } from '../../src/gates/protocol.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { type Credentials, world } from '../http.ts';
import { gateStorage, resetCalls, withFault } from '../instruments.ts';
import { seeded } from '../random.ts';
import { alarmOf, gateOf, gates, identified } from './gate.ts';

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = new Date('2027-07-01T10:30:00Z').getTime();

/** How long a gate is idle before the platform evicts it, milliseconds. */
const IDLE = 10_000;

const DEFAULT_LIMIT: RateLimit = { per_minute: 600, burst: 100 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

/** What a client's tokens cost besides the requests and the gate calls. All numbers but the last are per token. */
interface Cost {
  readonly rows: number;
  readonly alarmsSet: number;
  readonly alarmsFired: number;
  /** Rows written in D1. */
  readonly d1Rows: number;
  /** US dollars for a million tokens: a row or a set alarm is 1.00, an alarm that goes off is a request for 0.15. */
  readonly price: number;
  /** The most rows and alarms that one request wrote. */
  readonly mostPerRequest: { readonly rowsWritten: number; readonly alarmsSet: number };
}

/** Issues tokens at given times. Lets the alarms go off and the idle gate be evicted in between, as the platform does. */
async function costOf(client: Credentials, times: readonly number[]): Promise<Cost> {
  const request = await identified(client);
  // The first request creates the table. The first flush of a day inserts the rows of that day: up to six more, for all tokens of the day.
  await gates.admit(request);
  const counts = [{ hour: START - (START % 3_600_000), outcome: 'issued', count: 1 }];
  await flushUsage(database(env.DB), client.client_id, { counts }, START);
  resetCalls();
  let [alarmsFired, d1Rows, busyAt] = [0, 0, START];
  const mostPerRequest = { rowsWritten: 0, alarmsSet: 0 };
  const moveTo = async (now: number) => {
    if (now - busyAt >= IDLE) await evictDurableObject(gateOf(client));
    vi.setSystemTime(now);
    busyAt = now;
  };
  const countRows = async (call: () => Promise<unknown>) => {
    const results = (await call()) as D1Result[];
    for (const { meta } of results) d1Rows += meta.rows_written;
    return results;
  };
  await withFault('d1', countRows, async () => {
    for (const time of times) {
      for (let alarm = await alarmOf(client); alarm !== null && alarm <= time; alarm = await alarmOf(client)) {
        await moveTo(alarm);
        await runDurableObjectAlarm(gateOf(client));
        alarmsFired++;
      }
      await moveTo(time);
      const before = { ...gateStorage };
      expect(await gates.admit(request)).toMatchObject({ outcome: 'admitted' });
      for (const what of ['rowsWritten', 'alarmsSet'] as const) {
        mostPerRequest[what] = Math.max(mostPerRequest[what], gateStorage[what] - before[what]);
      }
    }
  });
  const { rowsWritten, alarmsSet } = gateStorage;
  const billed = rowsWritten + alarmsSet + d1Rows + 0.15 * alarmsFired;
  const [rows = 0, ...others] = [rowsWritten, alarmsSet, alarmsFired, d1Rows, billed].map((all) => all / times.length);
  const [set = 0, fired = 0, inD1 = 0, price = 0] = others;
  return { rows, alarmsSet: set, alarmsFired: fired, d1Rows: inD1, price, mostPerRequest };
}

/** Returns when a client asks that asks for so many tokens at a time, at intervals that differ by a fifth. */
function timesOf(tokens: number, seconds: number, together = 1): number[] {
  const { below } = seeded(7);
  let time = START;
  return Array.from({ length: tokens }, (_, index) => {
    if (index % together === 0) time += seconds * 1000 * (0.8 + below(400) / 1000);
    return Math.round(time);
  });
}

test.each<[name: string, times: readonly number[], limit: RateLimit, most: number, end?: number]>([
  // With 0.30 for the request, 0.15 for the gate call, and 0.05 for CPU and log: 1.60.
  ['a token every 30 s', timesOf(480, 30), DEFAULT_LIMIT, 1.1],
  ['a token every 30 s, on the last day of the client', timesOf(480, 30), DEFAULT_LIMIT, 1.1, START + 43_200_000],
  ['two tokens a minute, together', timesOf(200, 60, 2), DEFAULT_LIMIT, 1.1],
  ['ten tokens a minute, together', timesOf(400, 60, 10), DEFAULT_LIMIT, 0.65],
  ['a token every 5 s', timesOf(500, 5), DEFAULT_LIMIT, 1.05],
  ['a token a second', timesOf(1000, 1), DEFAULT_LIMIT, 0.32],
  // The same sum: 0.55.
  ['ten tokens a second', timesOf(2000, 0.1), DEFAULT_LIMIT, 0.05],
  ['a hundred tokens a second', timesOf(2000, 0.01), { per_minute: 60_000, burst: 1000 }, 0.02],
])('%s: a request writes one row and sets one alarm at most', async (name, times, rate_limit, most, end) => {
  const expires_at = end === undefined ? null : new Date(end).toISOString();
  const { worker } = await world(crypto.randomUUID(), { rate_limit, expires_at });
  const { mostPerRequest, ...cost } = await costOf(worker, times);
  const rounded = Object.entries(cost).map(([what, number]) => `${what} ${number.toFixed(3)}`);
  console.log(`${name}: ${rounded.join(', ')}`);
  expect(mostPerRequest.rowsWritten).toBe(1);
  expect(mostPerRequest.alarmsSet).toBeLessThanOrEqual(1);
  expect(cost.price).toBeLessThanOrEqual(most);
});
