import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  DELIVERIES_PER_ALARM,
  OUTBOX_RETRY_MAX,
  REFUSED_EVENT_AGE,
  SINGLE_INSERTS_PER_ALARM,
} from '../../src/client-gate/constants.ts';
import { KV_EXPIRY_MIN } from '../../src/store/constants.ts';
import { gateOf } from '../client-gate/gate.ts';
import { api, type Credentials, done, getToken, revoke, world } from '../http.ts';
import { type Fault, failing, hanging, holding, withFault } from '../instruments.ts';
import { consoleOf } from '../log/lines.ts';
import { isActive } from '../tokens/verdict.ts';
import { clientKey, drain, everyKey, owedBy, revokedKey, ring } from './copies.ts';

const START = new Date('2027-07-01T00:00:00Z').getTime();
const LIVELY = { rate_limit: { per_minute: 60_000, burst: 2000 } };

afterEach(() => {
  vi.useRealTimers();
});

// Ahead of the runtime's clock, so that alarms go off only when a test runs them.
const holdClock = () => vi.useFakeTimers({ toFake: ['Date'], now: START });
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

async function tokensOf(client: Credentials, count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, async () => (await getToken(client)).access_token));
}

async function revokeAll(client: Credentials, tokens: readonly string[]): Promise<void> {
  for (const answer of await Promise.all(tokens.map((token) => revoke(client, token)))) {
    expect(answer.status).toBe(200);
  }
}

async function expectInactive(caller: Credentials, tokens: readonly string[]): Promise<void> {
  for (const token of tokens) expect(await isActive(caller, token)).toBe(false);
}

/** Returns the puts to KV while a function runs: key, TTL in seconds, and the time at which that TTL ends by the gate's clock. */
async function puts(during: () => Promise<unknown>): Promise<[key: string, ttl: number, until: number][]> {
  const seen: [string, number, number][] = [];
  const watch: Fault = (call, method, [key, , options]) => {
    const { expirationTtl = 0 } = (options ?? {}) as KVNamespacePutOptions;
    if (method === 'put') seen.push([String(key), expirationTtl, Math.floor(Date.now() / 1000) + expirationTtl]);
    return call();
  };
  await withFault('kv', watch, during);
  return seen;
}

const fresh = (
  (count) =>
  (client: object = LIVELY) =>
    world(`outbox-${++count}`, { ...client })
)(0);

test('with KV failing every put revocations are acknowledged and in force, and each copy arrives afterwards: those, and no other, for as long as its token', async () => {
  const before = new Set((await everyKey()).keys());
  const begun = Math.floor(Date.now() / 1000);
  holdClock();
  const worlds = [await fresh({ ...LIVELY, access_token_ttl: 3600 }), await fresh({ access_token_ttl: 600 })] as const;
  const kept = await Promise.all(worlds.map(({ worker }) => tokensOf(worker, 2)));
  const revoked = [await tokensOf(worlds[0].worker, 8), await tokensOf(worlds[1].worker, 4)] as const;
  const all = revoked.flat();
  const added = async () => [...(await everyKey()).keys()].filter((key) => !before.has(key) && key !== 'key-ring');
  await failing('kv', async () => {
    for (const [index, { worker, api: caller }] of worlds.entries()) {
      await revokeAll(worker, revoked[index] ?? []);
      await expectInactive(caller, revoked[index] ?? []);
    }
    for (let round = 0; round < 8; round++) {
      later(20);
      for (const { worker } of worlds) await ring(worker);
    }
  });
  expect(await added()).toEqual([]);

  const lasting = new Map<string, number>();
  for (const { worker } of worlds) {
    for (const [key, ttl, until] of await puts(() => drain(worker))) {
      expect(until).toBe(decodeJwt(all.find((token) => revokedKey(token) === key) ?? '').exp);
      lasting.set(key, ttl);
    }
  }
  expect((await added()).toSorted()).toEqual(all.map(revokedKey).toSorted());
  for (const [index, { api: caller }] of worlds.entries()) {
    for (const token of kept[index] ?? []) expect(await isActive(caller, token)).toBe(true);
  }
  // KV has its own clock. It keeps each copy for the remaining life of the token, which the gate computes by its clock.
  vi.useRealTimers();
  const ended = Math.ceil(Date.now() / 1000);
  const held = await everyKey();
  for (const [key, ttl] of lasting) {
    const arrived = (held.get(key) ?? 0) - ttl;
    expect([arrived >= begun, arrived <= ended]).toEqual([true, true]);
  }
});

test('a copy lasts as long as its token, to the second, and as long as KV takes at least', async () => {
  holdClock();
  const { worker } = await fresh({ access_token_ttl: 100 });
  const tokens = await tokensOf(worker, 2);
  const [one = '', two = ''] = tokens;
  await revokeAll(worker, [one]);
  expect(await puts(() => ring(worker))).toEqual([[revokedKey(one), 100, decodeJwt(one).exp]]);
  later(70);
  await revokeAll(worker, [two]);
  expect(await puts(() => ring(worker))).toEqual([[revokedKey(two), KV_EXPIRY_MIN, (decodeJwt(two).exp ?? 0) + 30]]);
});

test('nothing is delivered for a token that has expired meanwhile, and the others are', async () => {
  holdClock();
  const { worker, api: caller } = await fresh({ access_token_ttl: 60 });
  const [brief = ''] = await tokensOf(worker, 1);
  await done('PATCH', `clients/${worker.client_id}`, { body: { access_token_ttl: 3600 } });
  const [long = ''] = await tokensOf(worker, 1);
  await failing('kv', async () => {
    await revokeAll(worker, [brief, long]);
    await ring(worker);
  });
  later(60);
  const delivered = await puts(() => drain(worker));
  expect([...new Set(delivered.map(([key]) => key))]).toEqual([revokedKey(long)]);
  expect(await owedBy(worker)).toEqual([]);
  await expectInactive(caller, [brief, long]);
});

test('three hundred revocations of one client go out over several alarms, each once', async () => {
  holdClock();
  const { worker } = await fresh();
  const tokens = await tokensOf(worker, 300);
  await revokeAll(worker, tokens);
  expect(await owedBy(worker)).toHaveLength(300);
  const first = await puts(() => ring(worker));
  expect(first).toHaveLength(DELIVERIES_PER_ALARM);
  let alarms = 0;
  const rest = await puts(async () => {
    alarms = await drain(worker);
  });
  expect(alarms).toBe(2);
  expect([...first, ...rest].map(([key]) => key).toSorted()).toEqual(tokens.map(revokedKey).toSorted());
});

test('a put that hangs holds up no other, and is made again', async () => {
  holdClock();
  const { worker } = await fresh();
  const [stuck = '', ...others] = await tokensOf(worker, 5);
  await revokeAll(worker, [stuck, ...others]);
  const hang: Fault = (call, _, [key]) => (key === revokedKey(stuck) ? new Promise(() => {}) : call());
  await withFault('kv', hang, async () => {
    await ring(worker);
    for (const token of others) expect(await env.KV.get(revokedKey(token))).toBe('');
    expect(await owedBy(worker)).toMatchObject([{ key: revokedKey(stuck), attempts: 1 }]);
  });
  await drain(worker);
  expect(await env.KV.get(revokedKey(stuck))).toBe('');
});

test('a put whose reply is lost is made again, and nothing is different for it', async () => {
  holdClock();
  const { worker } = await fresh();
  const tokens = await tokensOf(worker, 3);
  await revokeAll(worker, tokens);
  await holding('kv', async ({ held, lose }) => {
    const ringing = ring(worker);
    await vi.waitUntil(() => held() === 3);
    lose();
    await ringing;
  });
  const before = await everyKey();
  expect(tokens.map((token) => before.has(revokedKey(token)))).toEqual([true, true, true]);
  expect(await owedBy(worker)).toHaveLength(3);
  const again = await puts(() => drain(worker));
  expect(new Set(again.map(([key]) => key))).toEqual(new Set(tokens.map(revokedKey)));
  for (const [key, , until] of again) {
    expect(until).toBe(decodeJwt(tokens.find((token) => revokedKey(token) === key) ?? '').exp);
  }
  expect([...(await everyKey()).keys()]).toEqual([...before.keys()]);
});

test('a gate that is evicted goes on with what it owes', async () => {
  holdClock();
  const { worker, api: caller } = await fresh();
  const tokens = await tokensOf(worker, 3);
  await failing('kv', async () => {
    await revokeAll(worker, tokens);
    await ring(worker);
  });
  await evictDurableObject(gateOf(worker));
  await expectInactive(caller, tokens);
  // Runs the alarm that was set before the eviction.
  await drain(worker);
  for (const token of tokens) expect(await env.KV.get(revokedKey(token))).toBe('');
});

test('a gate evicted before its first attempt wakes by itself', async () => {
  const { worker } = await fresh();
  const [token = ''] = await tokensOf(worker, 1);
  await hanging('kv', async () => {
    await revokeAll(worker, [token]);
    await vi.waitUntil(async () => (await owedBy(worker))[0]?.attempts === 1, { interval: 100 });
    await evictDurableObject(gateOf(worker));
  });
  await vi.waitUntil(async () => (await env.KV.get(revokedKey(token))) === '', { interval: 100 });
});

test('a gate whose KV fails for an hour asks it less and less, and at least once a minute', async () => {
  holdClock();
  const { worker } = await fresh();
  const [token = ''] = await tokensOf(worker, 1);
  await revokeAll(worker, [token]);
  const waits: number[] = [];
  await failing('kv', async () => {
    while (Date.now() < START + 3_500_000) {
      await ring(worker);
      const [next] = await owedBy(worker);
      const at = next?.due_at ?? Number.NaN;
      waits.push(at - Date.now());
      // The alarm is set for that time or earlier.
      const alarm = await runInDurableObject(gateOf(worker), (_, { storage }) => storage.getAlarm());
      expect(alarm).toBeLessThanOrEqual(at);
      vi.setSystemTime(at);
    }
  });
  expect(Math.max(...waits)).toBeLessThanOrEqual(60_001);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
  expect(waits.length).toBeLessThan(140);
  expect(await puts(() => drain(worker))).toHaveLength(1);
});

test('an alarm that runs twice at once delivers what one delivers', async () => {
  holdClock();
  const { worker } = await fresh();
  const tokens = await tokensOf(worker, 5);
  await revokeAll(worker, tokens);
  await failing('d1', async () => {
    expect((await revokeAllOf(worker)).status).toBe(200);
  });
  const delivered = await puts(() =>
    runInDurableObject(gateOf(worker), (gate) => Promise.all([gate.alarm(), gate.alarm()])),
  );
  expect([...new Set(delivered.map(([key]) => key))].toSorted()).toEqual(
    [...tokens.map(revokedKey), clientKey(worker)].toSorted(),
  );
  expect(await owedBy(worker)).toEqual([]);
  expect(await eventsOf(worker)).toHaveLength(1);
});

test('two alarms that fail at once put off what is owed once, and it arrives', async () => {
  holdClock();
  const { worker } = await fresh();
  const [token = ''] = await tokensOf(worker, 1);
  await revokeAll(worker, [token]);
  await failing('kv', () => runInDurableObject(gateOf(worker), (gate) => Promise.all([gate.alarm(), gate.alarm()])));
  expect(await owedBy(worker)).toMatchObject([{ attempts: 1 }]);
  await drain(worker);
  expect(await env.KV.get(revokedKey(token))).toBe('');
});

const revokeAllOf = ({ client_id }: Credentials) => api('POST', `clients/${client_id}/revoke-tokens`);

async function eventsOf({ client_id }: Credentials): Promise<unknown[]> {
  const found = env.DB.prepare("SELECT * FROM audit_events WHERE target = ? AND action = 'client.tokens_revoked'");
  return (await found.bind(client_id).all()).results;
}

test.each([
  ['kv', 'd1'],
  ['d1', 'kv'],
] as const)('an alarm that finds %s gone delivers to %s, and the other half later', async (gone, there) => {
  holdClock();
  const { worker } = await fresh();
  await tokensOf(worker, 1);
  await failing('d1', async () => expect((await revokeAllOf(worker)).status).toBe(200));
  expect((await owedBy(worker)).map(({ store }) => store).toSorted()).toEqual(['d1', 'kv']);
  const told = async () => ({
    kv: (await env.KV.get(clientKey(worker))) !== null,
    d1: (await eventsOf(worker)).length === 1,
  });
  await failing(gone, async () => {
    await ring(worker);
    expect(await told()).toEqual({ [gone]: false, [there]: true });
  });
  expect((await owedBy(worker)).map(({ store }) => store)).toEqual([gone]);
  await drain(worker);
  expect(await told()).toEqual({ kv: true, d1: true });
});

describe('audit events that D1 refuses', () => {
  const BAD = {
    'without an actor': (event: object) => JSON.stringify({ ...event, actor: null }),
    'with an actor of the wrong type': (event: object) => JSON.stringify({ ...event, actor: {} }),
    'with a time of the wrong type': (event: object) => JSON.stringify({ ...event, at: 'today' }),
    'that is too big': (event: object) => JSON.stringify(event),
    'that breaks a constraint which D1 names without a code': (event: object) => JSON.stringify(event),
    'that is not JSON': () => '{"id":"evt_',
    'that is no object': () => 'null',
  };
  const BAD_ID = 'evt_bad';
  // The local D1 does not answer with these: it accepts much larger values than Cloudflare's, and always adds the code.
  const ERRORS: Readonly<Record<string, string>> = {
    'that is too big': 'D1_ERROR: string or blob too big: SQLITE_TOOBIG',
    'that breaks a constraint which D1 names without a code':
      'D1_ERROR: NOT NULL constraint failed: audit_events.actor',
  };
  const refusingBad =
    (error: string | undefined): Fault =>
    (call, _, bound) =>
      error !== undefined && bound.includes(BAD_ID) ? Promise.reject(new Error(error)) : call();
  const AGE_MS = REFUSED_EVENT_AGE * 1000;
  // Two of the events have no readable time, so their age is estimated from the number of attempts.
  const ATTEMPTS = (2 * REFUSED_EVENT_AGE) / OUTBOX_RETRY_MAX;

  /** Creates a client whose gate owes D1 two good events, and a bad event that is due before them. */
  async function owingBadEvent(make: (event: object) => string): Promise<Credentials> {
    holdClock();
    const { worker } = await fresh();
    await tokensOf(worker, 1);
    await failing('d1', async () => {
      for (let count = 0; count < 2; count++) expect((await revokeAllOf(worker)).status).toBe(200);
    });
    await ownStorage(worker, (sql) => {
      sql.exec("DELETE FROM outbox WHERE store = 'kv'");
      const { value } = sql.exec<{ value: string }>('SELECT value FROM outbox LIMIT 1').one();
      const bad = make({ ...JSON.parse(value), id: BAD_ID });
      sql.exec("INSERT INTO outbox VALUES ('d1', ?, ?, NULL, ?, 0)", BAD_ID, bad, START - 1);
    });
    return worker;
  }

  const ownStorage = (client: Credentials, act: (sql: SqlStorage) => unknown) =>
    runInDurableObject(gateOf(client), (_, { storage }) => void act(storage.sql));

  /** Runs the gate's alarm. @returns the log lines that it writes */
  async function linesOfAlarm(client: Credentials, fault: Fault): Promise<unknown[]> {
    const lines = await consoleOf(() => withFault('d1', fault, () => ring(client)));
    return lines.map(({ text }) => JSON.parse(text));
  }

  test.each(Object.entries(BAD))(
    'one %s does not hold up the others, and is dropped once it is old',
    async (name, make) => {
      const fault = refusingBad(ERRORS[name]);
      const worker = await owingBadEvent(make);
      const client_id = worker.client_id;
      expect(await linesOfAlarm(worker, fault)).toMatchObject([{ event: 'gate_alarm', events: 2, events_failed: 1 }]);
      expect(await eventsOf(worker)).toHaveLength(2);
      expect(await owedBy(worker)).toMatchObject([{ key: BAD_ID, attempts: 1 }]);

      vi.setSystemTime(START + AGE_MS - 1);
      await ownStorage(worker, (sql) => sql.exec('UPDATE outbox SET attempts = ?', ATTEMPTS - 1));
      expect(await linesOfAlarm(worker, fault)).toMatchObject([{ event: 'gate_alarm', events: 0, events_failed: 1 }]);
      expect(await owedBy(worker)).toMatchObject([{ key: BAD_ID, attempts: ATTEMPTS }]);

      later(60);
      expect(await linesOfAlarm(worker, fault)).toEqual([
        { event: 'audit_event_dropped', client_id, event_id: BAD_ID },
        expect.objectContaining({ event: 'gate_alarm', client_id, events: 0, events_failed: 1 }),
      ]);
      expect(await owedBy(worker)).toEqual([]);
      expect(await eventsOf(worker)).toHaveLength(2);
    },
  );

  /** The statements that each batch of events has besides, for webhooks. */
  const FOR_WEBHOOKS = 2;

  test('while D1 is down nothing is dropped, and an alarm asks it twice, however much it owes', async () => {
    // The text is one of a refusal, and must not be taken for D1's own.
    const worker = await owingBadEvent((event) => JSON.stringify({ ...event, actor: 'constraint failed' }));
    await ownStorage(worker, (sql) => {
      for (let count = 0; count < 50; count++) {
        const copy =
          'INSERT INTO outbox SELECT store, key || ?, value, expires_at, due_at, attempts FROM outbox LIMIT 1';
        sql.exec(copy, `_${count}`);
      }
    });
    vi.setSystemTime(START + 2 * AGE_MS);
    const batches: number[] = [];
    const down: Fault = (_, asked) => {
      batches.push(asked.split(';\n').length);
      return Promise.reject(new Error('D1_ERROR: D1 DB is overloaded. Too many requests queued.'));
    };
    expect(await linesOfAlarm(worker, down)).toMatchObject([{ event: 'gate_alarm', events: 0, events_failed: 53 }]);
    expect(batches).toEqual([53 + FOR_WEBHOOKS, 1 + FOR_WEBHOOKS]);
    expect(await owedBy(worker)).toHaveLength(53);
  });

  test.each([
    ['first', -1, 2],
    ['last', 1, 4],
  ])(
    'one among many that is due %s costs an alarm a few inserts, and the next alarm continues',
    async (_, shift, alarms) => {
      const worker = await owingBadEvent(BAD['without an actor']);
      const GOOD = 3 * SINGLE_INSERTS_PER_ALARM + 2;
      await ownStorage(worker, (sql) => {
        const { value } =
          sql.exec<{ value: string }>('SELECT value FROM outbox WHERE key <> ?', BAD_ID).toArray()[0] ??
          expect.unreachable();
        for (let count = 2; count < GOOD; count++) {
          const id = `evt_good_${worker.client_id}_${count}`;
          const good = JSON.stringify({ ...JSON.parse(value), id });
          sql.exec("INSERT INTO outbox VALUES ('d1', ?, ?, NULL, ?, 0)", id, good, START - 2);
        }
        sql.exec('UPDATE outbox SET due_at = ?', START - 2);
        sql.exec('UPDATE outbox SET due_at = ? WHERE key = ?', START - 2 + shift, BAD_ID);
      });
      const isBadAlone = async () => (await owedBy(worker)).every(({ key }) => key === BAD_ID);
      let rung = 0;
      while (!(await isBadAlone())) {
        let inserts = 0;
        const count: Fault = (call, asked) => {
          if (asked.includes('audit_events')) inserts++;
          return call();
        };
        await withFault('d1', count, () => ring(worker));
        rung++;
        expect(inserts).toBeLessThanOrEqual(SINGLE_INSERTS_PER_ALARM + 1);
      }
      expect(rung).toBe(alarms);
      expect(await eventsOf(worker)).toHaveLength(GOOD);
      expect(await owedBy(worker)).toMatchObject([{ key: BAD_ID, attempts: 1 }]);
    },
  );

  test('a batch that D1 does not take for an unknown reason is inserted one by one', async () => {
    holdClock();
    const { worker } = await fresh();
    await tokensOf(worker, 1);
    await failing('d1', async () => {
      for (let count = 0; count < 3; count++) expect((await revokeAllOf(worker)).status).toBe(200);
    });
    const tooLarge: Fault = (call, asked) =>
      asked.split(';\n').length > 1 + FOR_WEBHOOKS ? Promise.reject(new Error('D1_ERROR: too much.')) : call();
    await withFault('d1', tooLarge, () => ring(worker));
    expect(await eventsOf(worker)).toHaveLength(3);
  });
});
