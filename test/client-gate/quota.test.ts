import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BUSY_WINDOW } from '../../src/client-gate/constants.ts';
import type { Quota, StoredActivity } from '../../src/gates/protocol.ts';
import { type Credentials, done, requestToken, world } from '../http.ts';
import { failing, gateStorage, resetCalls } from '../instruments.ts';
import { consoleOf } from '../log/lines.ts';
import { rowsOf } from '../management/rows.ts';
import { admit, alarmOf, gateOf, gates, heldRecord, push } from './gate.ts';

// Ahead of the runtime's clock, so that no alarm goes off by itself.
const START = Date.parse('2027-07-15T10:30:00Z');
const DAY_MS = 86_400_000;
const TO_MIDNIGHT = 13.5 * 3600;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

const UNLIMITED = { rate_limit: { per_minute: 1_000_000, burst: 1_000_000 } };
const enforced = (tokens_per_day: number | null, tokens_per_month: number | null = null) => ({
  quota: { tokens_per_day, tokens_per_month, action: 'enforce' },
});
const warned = (tokens_per_day: number) => ({ quota: { tokens_per_day, tokens_per_month: null, action: 'warn' } });
const stored = (fields: { quota: object }) => fields as { quota: Quota };

const newWorker = async (client: object) =>
  (await world(`w-${crypto.randomUUID()}`, { ...UNLIMITED, ...client })).worker;

/** Makes requests at once, and returns how many of them ended in each way. */
async function ask(client: Credentials, times: number): Promise<Record<string, number>> {
  const answers = await Promise.all(Array.from({ length: times }, () => admit(client)));
  const outcomes: Record<string, number> = {};
  for (const answer of answers) {
    const outcome = answer.outcome === 'rate_limited' && answer.quota ? 'quota' : answer.outcome;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

const issuedTo = async ({ client_id }: Credentials) => (await gates.activity({ client_id })).issued;
const today = async (client: Credentials) => (await issuedTo(client))?.day.count;

function activityRow(client: Credentials): Promise<StoredActivity> {
  return runInDurableObject(gateOf(client), (_, { storage }) =>
    JSON.parse(storage.sql.exec<{ activity: string }>('SELECT activity FROM meter').one().activity),
  );
}

/** Runs the gate's alarm if it is due. */
async function settleAlarm(client: Credentials): Promise<void> {
  const set = await alarmOf(client);
  if (set !== null && set <= Date.now()) await runDurableObjectAlarm(gateOf(client));
}

/** Returns the notices about a client in D1, the oldest first. */
const noticesOf = async ({ client_id }: Credentials) =>
  (
    await rowsOf<{ data: string }>(
      "SELECT data FROM webhook_notices WHERE type = 'quota.warning' AND target = ? ORDER BY at, rowid",
      client_id,
    )
  ).map(({ data }) => JSON.parse(data) as { period: string; threshold: number; limit: number });
const thresholds = async (client: Credentials) =>
  (await noticesOf(client)).map(({ period, threshold }) => `${period} ${threshold}`);

describe('an enforced quota', () => {
  test('of 50 lets exactly 50 of 200 simultaneous requests pass', async () => {
    const worker = await newWorker(enforced(50));
    expect(await ask(worker, 200)).toEqual({ admitted: 50, quota: 150 });
    expect(await ask(worker, 10)).toEqual({ quota: 10 });
    expect(await today(worker)).toBe(50);
  });

  test.each([1, 2, 7])('is exact across evictions after every %i tokens, busy or not', async (step) => {
    const worker = await newWorker(enforced(40));
    let admitted = 0;
    for (let round = 0; round < 40 / step + 2; round++) {
      admitted += (await ask(worker, step)).admitted ?? 0;
      await evictDurableObject(gateOf(worker));
      // Sometimes the gate takes the client for a quiet one.
      if (round % 3 === 0) vi.setSystemTime(Date.now() + BUSY_WINDOW * 1000);
    }
    expect(admitted).toBe(40);
  });

  test('begins again with each day, and with each month', async () => {
    const worker = await newWorker(enforced(3, 5));
    expect(await ask(worker, 4)).toEqual({ admitted: 3, quota: 1 });
    vi.setSystemTime(START + TO_MIDNIGHT * 1000 - 1);
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    vi.setSystemTime(START + TO_MIDNIGHT * 1000);
    expect(await ask(worker, 4)).toEqual({ admitted: 2, quota: 2 });
    await evictDurableObject(gateOf(worker));
    vi.setSystemTime(Date.parse('2027-07-31T23:59:59.999Z'));
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    vi.setSystemTime(Date.parse('2027-08-01T00:00:00Z'));
    expect(await ask(worker, 4)).toEqual({ admitted: 3, quota: 1 });
  });

  test('is not given again by a clock that was set back, not even after an eviction', async () => {
    const worker = await newWorker(enforced(3));
    expect(await ask(worker, 4)).toEqual({ admitted: 3, quota: 1 });
    vi.setSystemTime(START - DAY_MS);
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    await evictDurableObject(gateOf(worker));
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    const refused = await admit(worker);
    expect(refused).toMatchObject({ quota: { reset: TO_MIDNIGHT + 86_400 } });
  });

  test('counts issued tokens only', async () => {
    const worker = await newWorker(enforced(2));
    await admit(worker, { scopes: ['unknown'] });
    await admit({ ...worker, client_secret: 'wrong' });
    await gates.authenticate({ client_id: worker.client_id, proof: { kind: 'secret', hashes: [] } });
    expect(await ask(worker, 3)).toEqual({ admitted: 2, quota: 1 });
    // Who asks for too much learns that first.
    expect(await admit(worker, { scopes: ['unknown'] })).toMatchObject({ outcome: 'refused', error: 'invalid_scope' });
  });

  test('that is changed keeps the count, one that is set counts the tokens before, and a deleted client’s is forgotten', async () => {
    const worker = await newWorker({});
    expect(await ask(worker, 5)).toEqual({ admitted: 5 });
    await push(worker, stored(enforced(7)));
    expect(await ask(worker, 5)).toEqual({ admitted: 2, quota: 3 });
    await push(worker, stored(enforced(8)));
    expect(await ask(worker, 5)).toEqual({ admitted: 1, quota: 4 });
    await push(worker, stored(enforced(2)));
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    await push(worker, stored(warned(2)));
    expect(await ask(worker, 2)).toEqual({ admitted: 2 });
    const record = await heldRecord(worker);
    await push(worker, null);
    await gates.update(gateOf(worker).id.toString(), {
      client_id: worker.client_id,
      version: record.version + 2,
      record: { ...record, version: record.version + 2, ...stored(enforced(3)) },
    });
    expect((await issuedTo(worker))?.month.count).toBe(0);
  });

  test('counts what a row of older code counted by hour', async () => {
    const worker = await newWorker(enforced(10));
    await ask(worker, 6);
    await runInDurableObject(gateOf(worker), (_, { storage }) => {
      const { activity } = storage.sql.exec<{ activity: string }>('SELECT activity FROM meter').one();
      const { issued, quota_notices, ...older } = JSON.parse(activity) as StoredActivity;
      storage.sql.exec('UPDATE meter SET activity = ?', JSON.stringify(older));
    });
    await evictDurableObject(gateOf(worker));
    expect(await ask(worker, 6)).toEqual({ admitted: 4, quota: 2 });
  });

  test('holds with D1 and KV down', async () => {
    const worker = await newWorker(enforced(5));
    await ask(worker, 2);
    await failing('d1', () =>
      failing('kv', async () => {
        expect(await ask(worker, 5)).toEqual({ admitted: 3, quota: 2 });
        await settleAlarm(worker);
        await evictDurableObject(gateOf(worker));
        expect(await ask(worker, 5)).toEqual({ quota: 5 });
      }),
    );
  });

  test('costs one row for each token, of a busy client too, and no alarm besides those of the thresholds', async () => {
    const worker = await newWorker(enforced(1000));
    await ask(worker, 2);
    resetCalls();
    await ask(worker, 100);
    expect(gateStorage).toEqual({ rowsWritten: 100, alarmsSet: 0 });
  });

  test('is answered over HTTP with 429, slow_down, and when to come back', async () => {
    const worker = await newWorker(enforced(1, 100));
    const first = await requestToken(worker);
    expect(first.status).toBe(200);
    expect(first.headers.get('RateLimit-Policy')).toBe(
      '"client";q=1000000;w=60, "tokens_per_day";q=1;w=86400, "tokens_per_month";q=100;w=2678400',
    );
    expect(first.headers.get('RateLimit')).toMatch(
      new RegExp(`^"client";r=999999;t=1, "tokens_per_day";r=0;t=${TO_MIDNIGHT}, "tokens_per_month";r=99;t=\\d+$`),
    );
    let refused: Response | undefined;
    const lines = await consoleOf(async () => {
      refused = await requestToken(worker);
    });
    expect(refused?.status).toBe(429);
    expect(refused?.headers.get('Retry-After')).toBe(String(TO_MIDNIGHT));
    expect(refused?.headers.get('Cache-Control')).toBe('no-store');
    expect(await refused?.json()).toEqual({
      error: 'slow_down',
      error_description: 'The client has used up its tokens of this day (UTC).',
    });
    expect(lines.map(({ text }) => JSON.parse(text))).toMatchObject([
      { reason: 'quota_exceeded', client_id: worker.client_id },
    ]);
    expect(await done('GET', `clients/${worker.client_id}/usage`)).toMatchObject({
      data: [{ issued: 1, refused: { quota_exceeded: 1 } }],
    });
  });
});

describe('without an enforced quota', () => {
  test.each([{}, warned(1000)])('a busy client writes as few rows as ever (%j)', async (client) => {
    const worker = await newWorker({ ...client, rate_limit: { per_minute: 60_000, burst: 100 } });
    await ask(worker, 2);
    resetCalls();
    await ask(worker, 98);
    expect(gateStorage.rowsWritten).toBe(10);
    expect(await today(worker)).toBe(100);
  });

  test('nothing is refused, and no RateLimit field tells of the quota', async () => {
    const worker = await newWorker(warned(2));
    expect(await ask(worker, 4)).toEqual({ admitted: 4 });
    const response = await requestToken(worker);
    expect(response.status).toBe(200);
    expect(response.headers.get('RateLimit-Policy')).toBe('"client";q=1000000;w=60');
  });
});

describe('notices', () => {
  test.each(['warn', 'enforce'])('are in D1 at once at 80 % and 100 %, once each (%s)', async (action) => {
    const worker = await newWorker({ quota: { tokens_per_day: 10, tokens_per_month: null, action } });
    await ask(worker, 7);
    await settleAlarm(worker);
    expect(await noticesOf(worker)).toEqual([]);
    expect(await alarmOf(worker)).toBeGreaterThanOrEqual(START + 1000);
    await ask(worker, 1);
    expect(await alarmOf(worker)).toBe(START);
    await settleAlarm(worker);
    expect(await noticesOf(worker)).toEqual([
      {
        client_name: 'worker',
        owner: null,
        period: 'day',
        threshold: 80,
        limit: 10,
        issued: 8,
        action,
        resets_at: '2027-07-16T00:00:00.000Z',
      },
    ]);
    await ask(worker, 4);
    await settleAlarm(worker);
    await ask(worker, 4);
    await settleAlarm(worker);
    await evictDurableObject(gateOf(worker));
    await ask(worker, 4);
    await settleAlarm(worker);
    expect(await thresholds(worker)).toEqual(['day 80', 'day 100']);

    vi.setSystemTime(START + DAY_MS);
    await ask(worker, 20);
    await settleAlarm(worker);
    expect(await thresholds(worker)).toEqual(['day 80', 'day 100', 'day 80', 'day 100']);
  });

  test('wait for D1, also over the end of the period and an eviction, and come once', async () => {
    const worker = await newWorker(enforced(10));
    vi.setSystemTime(START + TO_MIDNIGHT * 1000 - 1000);
    await ask(worker, 8);
    await failing('d1', () => settleAlarm(worker));
    expect((await activityRow(worker)).quota_notices?.owed).toHaveLength(1);
    await evictDurableObject(gateOf(worker));
    vi.setSystemTime(START + DAY_MS);
    await settleAlarm(worker);
    await runDurableObjectAlarm(gateOf(worker));
    expect(await thresholds(worker)).toEqual(['day 80']);
    expect((await activityRow(worker)).quota_notices?.owed).toEqual([]);
  });

  test('come once if the answer of D1 is lost', async () => {
    const worker = await newWorker(enforced(10));
    await ask(worker, 10);
    await settleAlarm(worker);
    await runInDurableObject(gateOf(worker), (_, { storage }) => {
      const { activity } = storage.sql.exec<{ activity: string }>('SELECT activity FROM meter').one();
      const before = JSON.parse(activity) as StoredActivity;
      const day = before.quota_notices?.noted.day;
      const notice = { ...day, period: 'day', issued: 10, action: 'enforce', at: START };
      const again = { ...before, flush_at: Date.now(), quota_notices: { noted: { day }, owed: [notice] } };
      storage.sql.exec('UPDATE meter SET activity = ?', JSON.stringify(again));
    });
    await evictDurableObject(gateOf(worker));
    await ask(worker, 1);
    await settleAlarm(worker);
    expect(await thresholds(worker)).toEqual(['day 80', 'day 100']);
  });

  test('of a quota that is set below the count come with the next request', async () => {
    const worker = await newWorker({});
    await ask(worker, 5);
    await push(worker, stored(enforced(3)));
    expect(await ask(worker, 1)).toEqual({ quota: 1 });
    await settleAlarm(worker);
    expect(await thresholds(worker)).toEqual(['day 100']);
  });

  test('of a client that was deleted meanwhile are not sent', async () => {
    const worker = await newWorker(enforced(10));
    await ask(worker, 8);
    await done('DELETE', `clients/${worker.client_id}`);
    await runDurableObjectAlarm(gateOf(worker));
    expect(await noticesOf(worker)).toEqual([]);
  });

  test('bring the other counts along, and leave the next flush where it was', async () => {
    const worker = await newWorker(warned(10));
    await ask(worker, 8);
    await settleAlarm(worker);
    const usage = await rowsOf('SELECT counts FROM client_usage_days WHERE client_id = ?', worker.client_id);
    expect(JSON.parse(String(usage[0]?.counts)).outcomes.issued).toEqual({ 10: 8 });
    expect((await alarmOf(worker)) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(START + 1000);
  });
});
