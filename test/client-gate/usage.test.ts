import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  ACTIVITY_PERSIST_MAX,
  FLUSH_RETRY_MAX,
  FLUSH_RETRY_MIN,
  OUTBOX_RETRY_MIN,
  RESOURCE_COUNTS_MAX,
  USAGE_FLUSH_MAX,
  USAGE_FLUSH_MIN,
  USE_FLUSH_MAX,
  USE_FLUSH_MIN,
} from '../../src/client-gate/constants.ts';
import { Meter } from '../../src/client-gate/meter.ts';
import { ResourceCounts } from '../../src/client-gate/resource-counts.ts';
import type { UsageCount } from '../../src/gates/protocol.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { listUsageDays } from '../../src/store/usage-reports.ts';
import { type Credentials, world } from '../http.ts';
import { failing, gateStorage, resetCalls, withFault } from '../instruments.ts';
import { usageRowsOf } from '../management/rows.ts';
import { seeded } from '../random.ts';
import { admit, alarmOf, gateOf, gates, push } from './gate.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
// Half past an hour.
const START = new Date('2027-07-01T10:30:00Z').getTime();
const FIRST_HOUR = START - HOUR / 2;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Advances the clock, then runs the gate's alarm as often as it is due. */
async function pass(client: Credentials, milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds);
  for (let set = await alarmOf(client); set !== null && set <= Date.now(); set = await alarmOf(client)) {
    await runDurableObjectAlarm(gateOf(client));
  }
}

const PERSISTED = ACTIVITY_PERSIST_MAX * 1000;
/** After so long D1 has the client's first use, and with it all counts. */
const FLUSHED = USE_FLUSH_MAX * 1000;
/** After so long D1 has all counts. */
const ALL_FLUSHED = USAGE_FLUSH_MAX * 1000;
/** After so long D1 is asked again, if it failed once. */
const RETRIED = FLUSH_RETRY_MAX * 1000;

async function issue(client: Credentials, times: number): Promise<void> {
  for (let issued = 0; issued < times; issued++) expect(await admit(client)).toMatchObject({ outcome: 'admitted' });
}

async function unflushed({ client_id }: Credentials): Promise<UsageCount[]> {
  return [...(await gates.activity({ client_id })).usage];
}

const inD1 = ({ client_id }: Credentials) => usageRowsOf(client_id);

const issued = (count: number, hour = FIRST_HOUR) => ({ hour, outcome: 'issued', count });

test('every token request of a client is counted by how it ended', async () => {
  const { worker } = await world('counted', { rate_limit: { per_minute: 1, burst: 6 } });
  await issue(worker, 2);
  await admit(worker, { scopes: ['unknown'] });
  await admit(worker, { resource: 'https://unknown.example.com' });
  await admit(worker, { claims: { unknown: true } });
  for (const client_secret of ['wrong', 'wrong as well', 'wrong again']) await admit({ ...worker, client_secret });
  await push(worker, { grants: [] });
  await admit(worker);
  for (let times = 0; times < 4; times++) await admit(worker);
  await push(worker, { status: 'disabled' });
  await admit(worker);

  const refused = { invalid_client: 4, invalid_request: 1, invalid_scope: 1, invalid_target: 1 };
  const expected = Object.entries({ ...refused, issued: 2, rate_limited: 4, unauthorized_client: 1 });
  const rows = expected.map(([outcome, count]) => ({ hour: FIRST_HOUR, outcome, count }));
  expect((await unflushed(worker)).sort((one, other) => (one.outcome < other.outcome ? -1 : 1))).toEqual(rows);

  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual(rows);
});

test('what is not about getting a token is not counted', async () => {
  const { worker } = await world('uncounted');
  const wrong = { client_id: worker.client_id, proof: { kind: 'secret', hashes: [] } } as const;
  await gates.authenticate(wrong);
  await gates.standingOf(worker.client_id, { jti: 'a', issuedAt: 0, audience: '' });
  expect(await unflushed(worker)).toEqual([]);
  expect(await alarmOf(worker)).toBeNull();
});

test('D1 is told of a use within minutes, of counts within an hour, and a gate that owes nothing is not woken any more', async () => {
  const { worker } = await world('flushed');
  await issue(worker, 3);
  await pass(worker, PERSISTED);
  expect(await inD1(worker)).toEqual([]);
  expect(await alarmOf(worker)).toBeGreaterThanOrEqual(START + USE_FLUSH_MIN * 1000);
  expect(await alarmOf(worker)).toBeLessThanOrEqual(START + USE_FLUSH_MAX * 1000);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([issued(3)]);
  expect(await unflushed(worker)).toEqual([]);
  expect(await alarmOf(worker)).toBeNull();

  const again = Date.now();
  await issue(worker, 1);
  expect(await alarmOf(worker)).toBeGreaterThanOrEqual(again + USAGE_FLUSH_MIN * 1000);
  expect(await alarmOf(worker)).toBeLessThanOrEqual(again + USAGE_FLUSH_MAX * 1000);
  await pass(worker, ALL_FLUSHED);
  expect(await inD1(worker)).toEqual([issued(4)]);
  expect(await alarmOf(worker)).toBeNull();
});

test('a use that D1 must be told of takes along the counts that were due later', async () => {
  const { worker } = await world('taken-along');
  await issue(worker, 1);
  await pass(worker, FLUSHED);
  vi.setSystemTime(START + HOUR - 1);
  await issue(worker, 1);
  expect(await alarmOf(worker)).toBeGreaterThanOrEqual(Date.now() + USAGE_FLUSH_MIN * 1000);
  resetCalls();
  vi.setSystemTime(START + HOUR);
  await issue(worker, 1);
  expect(gateStorage.alarmsSet).toBe(1);
  expect(await alarmOf(worker)).toBeLessThanOrEqual(START + HOUR + FLUSHED);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([issued(1), issued(2, FIRST_HOUR + HOUR)]);
});

test('counts go on from where they were, and each hour has its own', async () => {
  const { worker } = await world('hours');
  await issue(worker, 3);
  await pass(worker, FLUSHED);
  await issue(worker, 2);
  expect(await unflushed(worker)).toEqual([issued(5)]);
  vi.setSystemTime(START + HOUR);
  await issue(worker, 4);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([issued(5), issued(4, FIRST_HOUR + HOUR)]);
  await pass(worker, 5 * HOUR);
  await issue(worker, 1);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([issued(5), issued(4, FIRST_HOUR + HOUR), issued(1, FIRST_HOUR + 6 * HOUR)]);
});

test('an hour that is over and whole in D1 is forgotten', async () => {
  const { worker } = await world('forgotten');
  await issue(worker, 3);
  await pass(worker, FLUSHED);
  vi.setSystemTime(START + HOUR);
  await issue(worker, 1);
  await pass(worker, FLUSHED);
  const kept = await runInDurableObject(gateOf(worker), (_, { storage }) =>
    storage.sql.exec<{ activity: string }>('SELECT activity FROM meter').one(),
  );
  expect(JSON.parse(kept.activity).usage).toEqual([{ ...issued(1, FIRST_HOUR + HOUR), flushed: 1 }]);
});

test('counts that no reservation carries into storage are there before an idle gate can be evicted', async () => {
  const { worker } = await world('persisted', { rate_limit: { per_minute: 60, burst: 100 } });
  await issue(worker, 5);
  expect(await alarmOf(worker)).toBeLessThan(START + 10_000);
  await pass(worker, PERSISTED);
  await evictDurableObject(gateOf(worker));
  expect(await unflushed(worker)).toEqual([issued(5)]);
  await issue(worker, 1);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([issued(6)]);
});

test('whatever a client’s rate, an idle gate loses no count, a killed one those of 8 seconds at most, and neither grants more', async () => {
  const { worker } = await world('any-rate');
  await issue(worker, 1);
  await runInDurableObject(gateOf(worker), (_, { storage }) => {
    for (let seed = 1; seed <= 40; seed++) {
      const { below } = seeded(seed);
      const limit = { per_minute: 1 + below(1200), burst: 1 + below(60) };
      new Meter(storage.sql).forget();
      let meter = new Meter(storage.sql);
      let [now, busyAt, alarmAt] = [START, START, Number.POSITIVE_INFINITY];
      // When the requests came that are not in storage for certain; and the exact bucket, without reservations.
      let recent: number[] = [];
      let [counted, exact] = [0, limit.burst];
      const setAlarm = () => {
        alarmAt = Math.min(alarmAt, meter.nextDeadline() ?? Number.POSITIVE_INFINITY);
      };
      const evict = (kept: number) => {
        meter = new Meter(storage.sql);
        const count = meter.activity().usage.reduce((sum, each) => sum + each.count, 0);
        expect(count, `seed ${seed}`).toBeLessThanOrEqual(counted);
        expect(count, `seed ${seed}`).toBeGreaterThanOrEqual(kept);
        [counted, recent] = [count, []];
      };
      for (let step = 0; step < 150; step++) {
        const gap = [1, 100, 1000, 4000, 30_000][below(5)] ?? 0;
        const next = now + below(2 * gap);
        while (alarmAt <= next) {
          if (alarmAt - busyAt >= 10_000) evict(counted);
          [busyAt, alarmAt] = [alarmAt, Number.POSITIVE_INFINITY];
          if (meter.dueFlush(busyAt, limit)) meter.flushFailed(busyAt);
          setAlarm();
        }
        if (next - busyAt >= 10_000) evict(counted);
        exact = Math.min(limit.burst, exact + ((next - now) * limit.per_minute) / 60_000);
        [now, busyAt] = [next, next];
        for (let request = below(5); request >= 0; request--) {
          const taken = meter.take(limit, now);
          meter.settle(taken.granted ? 'issued' : 'rate_limited', now, taken);
          setAlarm();
          recent.push(now);
          counted++;
          if (taken.granted) exact--;
        }
        expect(exact, `seed ${seed}`).toBeGreaterThan(-1e-3);
        if (below(20) === 0) evict(counted - recent.filter((at) => at > now - PERSISTED).length);
      }
    }
  });
});

test('a quiet client’s counts are in storage with each answer, refusals and failures too, and set no alarm for it', async () => {
  const { worker } = await world('quiet');
  await issue(worker, 1);
  resetCalls();
  for (let minute = 1; minute <= 5; minute++) {
    await evictDurableObject(gateOf(worker));
    vi.setSystemTime(START + minute * 30_000);
    await admit(worker, minute % 2 === 0 ? {} : { scopes: ['unknown'] });
    await evictDurableObject(gateOf(worker));
    vi.setSystemTime(START + minute * 30_000 + 15_000);
    await admit({ ...worker, client_secret: 'wrong' });
  }
  expect(gateStorage).toEqual({ rowsWritten: 10, alarmsSet: 0 });
  await evictDurableObject(gateOf(worker));
  const count = (outcome: string, times: number) => ({ hour: FIRST_HOUR, outcome, count: times });
  expect(await unflushed(worker)).toEqual([issued(3), count('invalid_scope', 3), count('invalid_client', 5)]);
});

test('an eviction costs a quiet client nothing of its burst', async () => {
  const { worker } = await world('quiet-burst', { rate_limit: { per_minute: 1, burst: 40 } });
  for (let wake = 0; wake < 30; wake++) {
    vi.setSystemTime(START + wake * 30_000);
    await issue(worker, 1);
    await evictDurableObject(gateOf(worker));
  }
  await issue(worker, 20);
});

test('failed attempts without end write a few rows and alarms a minute', async () => {
  const { worker } = await world('attacked');
  await issue(worker, 1);
  resetCalls();
  for (let attempt = 0; attempt < 600; attempt++) {
    await pass(worker, 100);
    await admit({ ...worker, client_secret: 'wrong' });
  }
  expect(gateStorage.rowsWritten).toBeLessThanOrEqual(2 + 60 / 7);
  expect(gateStorage.alarmsSet).toBeLessThanOrEqual(1 + 60 / 7);
  await pass(worker, PERSISTED);
  await evictDurableObject(gateOf(worker));
  expect(await unflushed(worker)).toEqual([issued(1), { ...issued(600), outcome: 'invalid_client' }]);
});

test('an eviction before that loses what came after the last reservation, and doubles nothing', async () => {
  const { worker } = await world('evicted', { rate_limit: { per_minute: 60, burst: 100 } });
  // Written with the first two, and when a tenth of the burst is spent.
  await issue(worker, 15);
  await evictDurableObject(gateOf(worker));
  expect(await unflushed(worker)).toEqual([issued(10)]);
  await pass(worker, FLUSHED);
  await evictDurableObject(gateOf(worker));
  await issue(worker, 1);
  await pass(worker, ALL_FLUSHED);
  expect(await inD1(worker)).toEqual([issued(11)]);
});

test('a busy client’s reservations carry the counts with them: no row more is written, and none by the alarm', async () => {
  const { worker } = await world('carried', { rate_limit: { per_minute: 60_000, burst: 100 } });
  await issue(worker, 2);
  resetCalls();
  await issue(worker, 98);
  expect(gateStorage.rowsWritten).toBe(10);
  vi.setSystemTime(START + PERSISTED - 1);
  await issue(worker, 1);
  await pass(worker, 1);
  expect(gateStorage.rowsWritten).toBe(11);
  expect(await unflushed(worker)).toEqual([issued(101)]);
});

test('with D1 down the counts are kept and tried again, less and less often, across evictions', async () => {
  const { worker } = await world('down');
  await issue(worker, 3);
  await failing('d1', async () => {
    await pass(worker, FLUSHED);
    expect((await alarmOf(worker)) ?? 0).toBeGreaterThanOrEqual(Date.now() + FLUSH_RETRY_MIN * 1000);
    expect((await alarmOf(worker)) ?? 0).toBeLessThanOrEqual(Date.now() + RETRIED);
    await evictDurableObject(gateOf(worker));
    await issue(worker, 1);
    expect(await unflushed(worker)).toEqual([issued(4)]);
    await pass(worker, RETRIED);
    await evictDurableObject(gateOf(worker));
    expect((await alarmOf(worker)) ?? 0).toBeGreaterThanOrEqual(Date.now() + 2 * FLUSH_RETRY_MIN * 1000);
    await pass(worker, 2 * RETRIED);
    await pass(worker, 4 * RETRIED);
    expect((await alarmOf(worker)) ?? 0).toBeLessThanOrEqual(Date.now() + 4 * RETRIED);
    // A use that D1 does not know yet brings no attempt forward.
    const set = await alarmOf(worker);
    await issue(worker, 1);
    expect(await alarmOf(worker)).toBe(set);
  });
  await pass(worker, 4 * RETRIED);
  expect(await inD1(worker)).toEqual([issued(4), issued(1, FIRST_HOUR + 3 * HOUR)]);
  expect(await alarmOf(worker)).toBeNull();
  await issue(worker, 1);
  expect((await alarmOf(worker)) ?? 0).toBeLessThanOrEqual(Date.now() + USAGE_FLUSH_MAX * 1000);
});

test('what D1 has not taken for 48 hours is given up, and so is waking for it', async () => {
  const { worker } = await world('given-up');
  await issue(worker, 3);
  await failing('d1', async () => {
    await pass(worker, 20 * HOUR);
    await issue(worker, 2);
    await pass(worker, 27 * HOUR);
    expect(await unflushed(worker)).toEqual([issued(3), issued(2, FIRST_HOUR + 20 * HOUR)]);
    await pass(worker, 3 * HOUR);
    expect(await unflushed(worker)).toEqual([issued(2, FIRST_HOUR + 20 * HOUR)]);
    await pass(worker, 48 * HOUR);
    expect(await unflushed(worker)).toEqual([]);
    expect(await alarmOf(worker)).toBeNull();
  });
});

test('a gate that was evicted lets no alarm go off later than it was set for', async () => {
  const { worker } = await world('earlier');
  await issue(worker, 1);
  await gates.revokeToken({ client_id: worker.client_id, jti: crypto.randomUUID(), expires_at: START / 1000 + 600 });
  await failing('kv', () => runDurableObjectAlarm(gateOf(worker)));
  const again = await alarmOf(worker);
  expect(again).toBeGreaterThan(START);
  expect(again).toBeLessThanOrEqual(START + OUTBOX_RETRY_MIN * 1000);
  await evictDurableObject(gateOf(worker));
  await issue(worker, 5);
  expect(await alarmOf(worker)).toBe(again);
});

test('an alarm that goes off twice, at once or later, is as if it had gone off once', async () => {
  const { worker } = await world('doubled');
  await issue(worker, 3);
  vi.setSystemTime(START + FLUSHED);
  await runInDurableObject(gateOf(worker), (gate) => Promise.all([gate.alarm(), gate.alarm()]));
  await runInDurableObject(gateOf(worker), (gate) => gate.alarm());
  expect(await inD1(worker)).toEqual([issued(3)]);
  expect(await unflushed(worker)).toEqual([]);
});

test('what is counted while D1 is told is told the next time', async () => {
  const { worker } = await world('meanwhile');
  await issue(worker, 3);
  vi.setSystemTime(START + FLUSHED);
  await Promise.all([runDurableObjectAlarm(gateOf(worker)), issue(worker, 2)]);
  await pass(worker, ALL_FLUSHED);
  expect(await inD1(worker)).toEqual([issued(5)]);
});

test('a count in D1 is never lowered by one that comes late', async () => {
  const { worker } = await world('late');
  const flush = (...counts: UsageCount[]) => flushUsage(database(env.DB), worker.client_id, { counts }, START);
  await flush(issued(7), { ...issued(2), outcome: 'rate_limited' });
  await flush(issued(5), issued(1, FIRST_HOUR + HOUR));
  expect(await inD1(worker)).toEqual([
    issued(7),
    { ...issued(2), outcome: 'rate_limited' },
    issued(1, FIRST_HOUR + HOUR),
  ]);
});

test('nothing is written to D1 for a client that is no more', async () => {
  const absent = { client_id: 'emc_absent', client_secret: '' };
  await flushUsage(database(env.DB), absent.client_id, { counts: [issued(7)], usedAt: START }, START);
  expect(await inD1(absent)).toEqual([]);
});

test('a client’s deletion takes its counts along', async () => {
  const { worker } = await world('deleted');
  await issue(worker, 3);
  await push(worker, null);
  await pass(worker, FLUSHED);
  expect(await inD1(worker)).toEqual([]);
  expect(await unflushed(worker)).toEqual([]);
  expect(await alarmOf(worker)).toBeNull();
});

test('the sums are those of all clients, whatever fails: writes, their answers, alarms that go off twice, and gates that end', async () => {
  const { below } = seeded(5);
  const {
    worker,
    api: other,
    organization,
    identifier,
  } = await world('sums', { rate_limit: { per_minute: 6000, burst: 500 } });
  const clients = [worker, other];
  for (let step = 0; step < 250; step++) {
    const client = clients[below(2)] ?? worker;
    switch (below(6)) {
      case 0:
        await failing('d1', () => pass(client, below(40) * MINUTE));
        break;
      case 1:
        // D1 takes what it is told, and the gate does not hear of it.
        await withFault(
          'd1',
          async (call) => {
            await call();
            throw new Error('Network connection lost.');
          },
          () => pass(client, below(40) * MINUTE),
        );
        break;
      case 2:
        await pass(client, below(40) * MINUTE);
        await runInDurableObject(gateOf(client), (gate) => gate.alarm());
        break;
      case 3:
        // It fails if the gate has not been running.
        await evictDurableObject(gateOf(client)).catch(() => {});
        break;
      default:
        for (let times = below(4); times >= 0; times--)
          await admit(client, below(3) === 0 ? { scopes: ['unknown'] } : {});
    }
  }
  for (const client of clients) await pass(client, 4 * HOUR);
  const [counts, sums] = [new Map<string, number>(), new Map<string, number>()];
  for (const client of clients) {
    for (const { hour, outcome, count } of await inD1(client)) {
      counts.set(`${hour} ${outcome}`, (counts.get(`${hour} ${outcome}`) ?? 0) + count);
    }
  }
  const tokens = new Map<number, number>();
  for (const { start, outcomes = {}, resource_servers } of await daysOf(organization)) {
    for (const [outcome, hours] of Object.entries(outcomes)) {
      for (const [hour, count] of Object.entries(hours)) sums.set(`${start + Number(hour) * HOUR} ${outcome}`, count);
    }
    for (const [hour, count] of Object.entries(resource_servers?.[identifier] ?? {})) {
      tokens.set(start + Number(hour) * HOUR, count);
    }
  }
  expect(counts.size).toBeGreaterThan(20);
  expect([...sums].sort()).toEqual([...counts].sort());
  const issued = [...counts].filter(([name]) => name.endsWith(' issued'));
  expect([...tokens].sort()).toEqual(issued.map(([name, count]) => [Number.parseInt(name, 10), count]).sort());
});

/** Returns an organization's sums of all days, with the issued tokens of each resource server. */
function daysOf(organization: string) {
  return listUsageDays(database(env.DB), organization, { from: 0, to: Date.now() }, 'resource_servers');
}

test('tokens are counted by resource server, and beyond the limit together', () => {
  let counts = new ResourceCounts();
  for (let number = 0; number < RESOURCE_COUNTS_MAX + 5; number++) counts.add(`https://${number}.example`, START);
  counts.add('https://0.example', START);
  expect(counts.all()).toHaveLength(RESOURCE_COUNTS_MAX + 1);
  counts = new ResourceCounts(structuredClone([...counts.all()]));
  const owed = counts.owed();
  expect(owed[0]).toEqual({ hour: FIRST_HOUR, resource: 'https://0.example', count: 2 });
  expect(owed.at(-1)).toEqual({ hour: FIRST_HOUR, resource: '', count: 5 });
  counts.flushed(owed);
  counts.add('https://1.example', START);
  expect(counts.owed()).toEqual([{ hour: FIRST_HOUR, resource: 'https://1.example', count: 2 }]);
  counts.forget(START + HOUR);
  expect(counts.all()).toEqual([{ hour: FIRST_HOUR, resource: 'https://1.example', count: 2, flushed: 1 }]);
  counts.add('https://1.example', START);
  expect(counts.all()).toMatchObject([{ count: 3 }]);
  counts.forget(START + 49 * HOUR);
  expect(counts.all()).toEqual([]);
});
