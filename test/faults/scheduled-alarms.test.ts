import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { alarmOf, gateOf, gates } from '../client-gate/gate.ts';
import { api as ask, type Credentials, getToken, world } from '../http.ts';
import { type Fault, failing, type Store, withFault } from '../instruments.ts';
import { rowsOf, usageRowsOf } from '../management/rows.ts';

// Half past an hour, and ahead of the runtime's clock, so that no alarm goes off by itself.
const START = new Date('2027-07-01T10:30:00Z').getTime();
const HOUR = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Owing {
  readonly worker: Credentials;
  /** The `jti` of the token that was revoked alone. */
  readonly jti: string;
}

/** Creates a client whose gate owes everything: the usage counts of three requests, and the copies and events of two revocations. */
async function owing(): Promise<Owing> {
  const { worker } = await world(crypto.randomUUID());
  const tokens = [await getToken(worker), await getToken(worker), await getToken(worker)];
  const token = tokens[0]?.access_token ?? '';
  await failing('d1', async () => {
    expect((await ask('POST', 'tokens/revoke', { body: { token } })).status).toBe(200);
    expect((await ask('POST', `clients/${worker.client_id}/revoke-tokens`)).status).toBe(200);
  });
  return { worker, jti: String(decodeJwt(token).jti) };
}

/** Returns what has arrived in D1 and KV. */
async function delivered({ worker: { client_id }, jti }: Owing) {
  const events = await rowsOf<{ action: string }>(
    "SELECT action FROM audit_events WHERE target = ? AND action LIKE '%revoked' ORDER BY action",
    client_id,
  );
  const live = await rowsOf<{ kind: string }>(
    'SELECT kind FROM live_revocations WHERE organization_id = (SELECT organization_id FROM clients WHERE client_id = ?) ORDER BY kind',
    client_id,
  );
  return {
    feed: live.map(({ kind }) => kind),
    usage: await usageRowsOf(client_id),
    events: events.map(({ action }) => action),
    token: await env.KV.get(`revoked:${client_id}:${jti}`),
    client: await env.KV.get(`client:${client_id}`, 'json'),
  };
}

const NOTHING = { feed: [], usage: [], events: [], token: null, client: null };
const ALL = {
  feed: ['client', 'token'],
  usage: [{ hour: START - HOUR / 2, outcome: 'issued', count: 3 }],
  events: ['client.tokens_revoked', 'token.revoked'],
  token: '',
  client: { status: 'active', cut_off: START / 1000 },
};

/** Counts the rows in a table of the gate. */
function kept(client: Credentials, table: 'outbox' | 'feed_outbox' | 'revocations'): Promise<number> {
  return runInDurableObject(
    gateOf(client),
    (_, { storage }) => storage.sql.exec<{ count: number }>(`SELECT COUNT(*) AS count FROM ${table}`).one().count,
  );
}

/** Runs the alarm at each time for which it is set, until nothing is owed. */
async function settle({ worker }: Owing): Promise<void> {
  for (let alarms = 0; alarms < 50; alarms++) {
    const at = await alarmOf(worker);
    const rows = (await kept(worker, 'outbox')) + (await kept(worker, 'feed_outbox'));
    const isOwed = rows > 0 || (await gates.activity(worker)).usage.length > 0;
    if (at === null || !isOwed) return;
    vi.setSystemTime(Math.max(at, Date.now()));
    await runDurableObjectAlarm(gateOf(worker));
  }
  throw new Error('something is owed for ever');
}

const alarm = ({ worker }: Owing, times: number) =>
  runInDurableObject(gateOf(worker), (gate) => Promise.all(Array.from({ length: times }, () => gate.alarm())));

/** Advances the clock until the counts are due as well. */
const untilFlush = () => vi.setSystemTime(START + 10 * 60_000);

test('the alarm tells each store what it is owed', async () => {
  const owed = await owing();
  expect(await delivered(owed)).toEqual(NOTHING);
  await runDurableObjectAlarm(gateOf(owed.worker));
  expect(await delivered(owed)).toEqual({ ...ALL, usage: [] });
  await settle(owed);
  expect(await delivered(owed)).toEqual(ALL);
  expect((await gates.activity(owed.worker)).usage).toEqual([]);
});

test.each([2, 5])('%d alarms at once tell no more than one', async (times) => {
  const owed = await owing();
  untilFlush();
  await alarm(owed, times);
  expect(await delivered(owed)).toEqual(ALL);
  expect(await kept(owed.worker, 'outbox')).toBe(0);
  await alarm(owed, times);
  expect(await delivered(owed)).toEqual(ALL);
});

test('an alarm that goes off twice, the first time without anybody noticing that it did its work, tells it once', async () => {
  const owed = await owing();
  untilFlush();
  const losing: Fault = async (call) => {
    await call();
    throw new Error('Network connection lost.');
  };
  await withFault('d1', losing, () => withFault('kv', losing, () => alarm(owed, 1)));
  expect(await delivered(owed)).toEqual(ALL);
  expect(await kept(owed.worker, 'outbox')).toBe(4);
  await settle(owed);
  expect(await delivered(owed)).toEqual(ALL);
  expect(await kept(owed.worker, 'outbox')).toBe(0);
});

test('an alarm that is late by hours tells all that anybody can still need', async () => {
  const owed = await owing();
  vi.setSystemTime(START + 5 * HOUR);
  await runDurableObjectAlarm(gateOf(owed.worker));
  // The revoked token has expired by now. Other tokens of the client may live for a day.
  expect(await delivered(owed)).toEqual({ ...ALL, feed: ['client'], token: null });
  expect(await kept(owed.worker, 'outbox')).toBe(0);
  expect(await kept(owed.worker, 'revocations')).toBe(0);
});

test('an alarm that is late by days loses no event, and no count of the last two', async () => {
  const owed = await owing();
  vi.setSystemTime(START + 47 * HOUR);
  await runDurableObjectAlarm(gateOf(owed.worker));
  expect(await delivered(owed)).toEqual({ ...ALL, feed: [], token: null, client: null });
});

test('revocations are forgotten by the alarm once their tokens have expired, however often it goes off', async () => {
  const owed = await owing();
  await settle(owed);
  expect(await kept(owed.worker, 'revocations')).toBe(1);
  vi.setSystemTime(START + HOUR);
  await alarm(owed, 2);
  expect(await kept(owed.worker, 'revocations')).toBe(1);
  const at = (await alarmOf(owed.worker)) ?? 0;
  expect(at).toBeGreaterThan(START + HOUR);
  vi.setSystemTime(at);
  await alarm(owed, 2);
  expect(await kept(owed.worker, 'revocations')).toBe(0);
});

describe.each(['d1', 'kv'] satisfies Store[])('%s failing at one call of the alarm, each in turn', (store) => {
  test.each(['is not made', 'loses its answer'])('the call %s: later alarms tell all of it, once', async (how) => {
    let failures = 0;
    for (let number = 1; ; number++) {
      const owed = await owing();
      untilFlush();
      let count = 0;
      const fault: Fault = async (call) => {
        count++;
        if (count !== number) return call();
        if (how === 'loses its answer') await call();
        throw new Error('Network connection lost.');
      };
      await withFault(store, fault, () => runDurableObjectAlarm(gateOf(owed.worker)));
      if (count < number) break;
      failures++;
      expect(await alarmOf(owed.worker), `call ${number}`).not.toBeNull();
      await settle(owed);
      expect(await delivered(owed), `call ${number}`).toEqual(ALL);
      vi.setSystemTime(START);
    }
    // D1: the usage, the audit events and the revocations; KV: the two copies.
    expect(failures).toBe(store === 'd1' ? 3 : 2);
  });
});

test('while both stores fail the alarm neither throws nor ends, and what is owed arrives when they are back', async () => {
  const owed = await owing();
  untilFlush();
  await failing('d1', () =>
    failing('kv', async () => {
      for (let alarms = 0; alarms < 8; alarms++) {
        const at = (await alarmOf(owed.worker)) ?? Number.NaN;
        vi.setSystemTime(Math.max(at, Date.now()));
        await runDurableObjectAlarm(gateOf(owed.worker));
      }
    }),
  );
  expect(await delivered(owed)).toEqual(NOTHING);
  await settle(owed);
  expect(await delivered(owed)).toEqual(ALL);
});
