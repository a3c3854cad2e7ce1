import { listDurableObjectIds, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { base64url } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Gates } from '../../src/gates/gates.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { Env } from '../../src/platform/env.ts';
import { database } from '../../src/store/database.ts';
import { askStore } from '../../src/store/errors.ts';
import { readRing } from '../../src/store/ring.ts';
import { type Fault, instrument, startNewIsolate, withFault } from '../instruments.ts';
import { MOUNTED, ROUTES } from '../management/every-route.ts';
import { runScheduled } from '../management/scheduled.ts';
import { sized } from '../size.ts';
import { Canaries } from './canaries.ts';
import { type StoreTrouble, troublesTelling } from './canary-troubles.ts';
import { Lookout } from './lookout.ts';
import {
  type Ask,
  consoleWork,
  feeds,
  forms,
  keepMasterKey,
  keepStored,
  MANAGEMENT_PATHS,
  oauthRoutes,
  type Scene,
  scene,
  secretWork,
  send,
  strays,
} from './secret-bearing.ts';

// Puts known secrets into every input that can hold one, on every route and during every failure. Then searches for them in everything that
// the service wrote.

const canaries = new Canaries();
const lookout = new Lookout(canaries);
/** How often each failure occurred. */
const met = new Map<string, number>();
const root = { Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' };
const NEW_KEY = base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
const BOTH_KEYS = `${NEW_KEY},${env.MASTER_KEY}`;

/** Sends all requests, `atOnce` at a time, and returns the statuses of the answers. */
async function askAll(asks: readonly Ask[], atOnce = 100): Promise<number[]> {
  const statuses: number[] = [];
  const waiting = [...asks];
  const inTurn = async () => {
    for (let ask = waiting.shift(); ask; ask = waiting.shift()) {
      const answer = await ask();
      await answer.arrayBuffer();
      statuses.push(answer.status);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, inTurn));
  return statuses;
}

/** Returns one request to each route of the management API; each succeeds if all stores work. */
async function everyManagementCall(organization: string): Promise<Ask[]> {
  const asks: Ask[] = [];
  for (const [route, { call }] of Object.entries(ROUTES)) {
    const [method = ''] = route.split(' ');
    const { path, body, headers } = await call(organization);
    const init = { headers: { ...root, ...headers }, ...(body !== undefined && { body: JSON.stringify(body) }) };
    asks.push(() => send(method, `/v1/${path}`, init));
  }
  return asks;
}

/** Returns requests for the diagnoses of the clients whose requests are refused. */
function diagnoses({ clientIds }: Scene): Ask[] {
  const path = (id: string) => `/v1/clients/${encodeURIComponent(id)}/diagnosis`;
  return clientIds.map(
    (id): Ask =>
      () =>
        send('GET', path(id), { headers: root }),
  );
}

/** The small run sends one in this many forms of an endpoint, or stray requests of a route. Each turn sends the next ones. */
const SHARED_BY = sized({ small: 10, soak: 1 });
const share = (asks: readonly Ask[], turn: number) => asks.filter((_, index) => (index + turn) % SHARED_BY === 0);
/** Only a few forms of this endpoint get another answer while KV fails, so it receives all of its forms then. */
const ASKS_KV = '/oauth2/introspect';

const postPaths = async () =>
  (await oauthRoutes()).flatMap(([path, methods]) => (methods.includes('POST') ? [path] : []));
const paths = async () => [...(await oauthRoutes()).map(([path]) => path), ...MANAGEMENT_PATHS];
const formsOfAll = async (made: Scene): Promise<Ask[]> => (await postPaths()).flatMap((path) => forms(path, made));

async function whileAllIsWell(made: Scene): Promise<void> {
  await askAll([...(await formsOfAll(made)), ...feeds(made)]);
  startNewIsolate();
  await askAll((await paths()).flatMap((path, turn) => share(strays(path, made), turn)));
  startNewIsolate();
  await askAll([...(await everyManagementCall(made.organization)), ...(await secretWork(made, canaries))]);
  await askAll(diagnoses(made));
  await consoleWork(made);
}

const meeting =
  ({ name, fault }: StoreTrouble): Fault =>
  (...call) => {
    met.set(name, (met.get(name) ?? 0) + 1);
    return fault(...call);
  };

async function during(trouble: StoreTrouble, turn: number, made: Scene): Promise<void> {
  const hangs = trouble.name.endsWith('hangs');
  const asks = [
    ...(await postPaths()).flatMap((path) => {
      const all = forms(path, made);
      return trouble.store === 'kv' && path === ASKS_KV ? all : share(all, turn);
    }),
    ...(await everyManagementCall(made.organization)),
    ...(await secretWork(made, canaries)),
    ...share(feeds(made), turn),
    ...(await paths()).map(
      (path): Ask =>
        () =>
          send('GET', path, { headers: root }),
    ),
  ];
  // The small run meets each trouble in one kind of isolate, by turns. Only the soak meets every pair of the two.
  const isolates = sized({ small: [turn % 2 === 0 ? 'warm' : 'cold'], soak: ['warm', 'cold'] });
  // Each call to a hanging store takes a whole deadline, so run this once.
  for (const isolate of hangs ? ['cold'] : isolates) {
    if (isolate === 'cold') startNewIsolate();
    await withFault(trouble.store, meeting(trouble), async () => {
      await askAll(asks, hangs ? asks.length : undefined);
      await lookout.seeStores();
    });
    await askAll(diagnoses(made));
  }
  await keepStored(canaries);
}

/** Records the errors into which the source turns the errors of a store. */
async function errorsOf({ name, store, fault }: StoreTrouble): Promise<void> {
  // An answer that throws when it is read throws its own error, which the source does not turn into another.
  if (store === 'rateLimit' || name.endsWith('answers what throws')) return;
  const see = (error: unknown) => lookout.see('error', error);
  await askStore(store, () => fault(async () => {}, '', []), 10).catch(see);
  const { DB, CLIENT_GATE } = instrument(env);
  await withFault(store, fault, async () => {
    if (store === 'd1') await readRing(database(DB)).catch(see);
    if (store === 'gate') await new Gates(CLIENT_GATE).activity({ client_id: 'x' }).catch(see);
  });
}

/** Runs every gate's alarm, at a time in milliseconds since the epoch. */
async function ringAll(now: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now });
  const thrown = (error: unknown) => lookout.see('thrown by an alarm', error);
  for (const id of await listDurableObjectIds(env.CLIENT_GATE)) {
    await runDurableObjectAlarm(env.CLIENT_GATE.get(id)).catch(thrown);
  }
}

const HOUR = 3_600_000;

async function backgroundWork(troubles: readonly StoreTrouble[]): Promise<void> {
  const start = Date.now();
  const thrown = (error: unknown) => lookout.see('thrown by the scheduled handler', error);
  const work = async (since: number) => {
    await ringAll(start + since + HOUR);
    await runScheduled(start + since + 2 * HOUR).catch(thrown);
  };
  for (const [index, trouble] of troubles.entries()) {
    // 40 days later each time, so that a rotation of the signing keys is due.
    await withFault(trouble.store, meeting(trouble), () => work(index * 40 * 24 * HOUR));
    await keepStored(canaries);
    await lookout.seeStores();
  }
  await work(troubles.length * 40 * 24 * HOUR);
  vi.useRealTimers();
}

async function misconfigured({ stray, right }: Scene): Promise<void> {
  const wrong: Partial<Env>[] = [
    { MASTER_KEY: stray },
    { MASTER_KEY: `${env.MASTER_KEY},${stray}` },
    { MASTER_KEY: `${env.MASTER_KEY}${env.MASTER_KEY}` },
    { ROOT_API_KEY: `${stray}!` },
    { ROOT_API_KEY: stray.slice(0, 20) },
    { ISSUER: `https://${stray}:${stray}@auth.example.com/?${stray}` },
    { ISSUER: stray },
    { SIGNING_KEY_MAX_AGE: stray },
    // A well-formed master key, but the stored values were sealed under another one.
    { MASTER_KEY: NEW_KEY },
  ];
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', ...right.headers };
  for (const bindings of wrong) {
    const asks: Ask[] = [
      () => send('POST', '/oauth2/token', { headers: form, body: 'grant_type=client_credentials' }, bindings),
      () => send('POST', '/v1/clients', { headers: root, body: `{"client_secret":"${stray}"}` }, bindings),
      ...['/.well-known/jwks.json', '/v1/clients', '/v1/signing-keys', `/healthz?${stray}`].map(
        (path): Ask =>
          () =>
            send('GET', path, { headers: root }, bindings),
      ),
    ];
    const statuses = await askAll(asks);
    if (!statuses.includes(500)) throw new Error(`${Object.keys(bindings)} is taken`);
    try {
      readConfig({ ...env, ...bindings });
    } catch (error) {
      lookout.see('error', error);
    }
  }
}

async function changeMasterKey(): Promise<void> {
  const asks = [
    ['GET', 'master-keys'],
    ['POST', 'master-keys/reseal'],
    ['GET', 'master-keys'],
    ['GET', 'signing-keys'],
  ] as const;
  for (const [method, path] of asks) {
    const init = { headers: root, ...(method === 'POST' && { body: '{}' }) };
    const answer = await send(method, `/v1/${path}`, init, { MASTER_KEY: BOTH_KEYS });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  }
}

let troubles: readonly StoreTrouble[] = [];

beforeAll(async () => {
  lookout.begin();
  const made = await scene(canaries);
  await keepMasterKey(canaries, 'a new MASTER_KEY', NEW_KEY);
  troubles = troublesTelling(made.everything);
  await whileAllIsWell(made);
  await misconfigured(made);
  for (const [turn, trouble] of troubles.entries()) {
    await during(trouble, turn, made);
    await errorsOf(trouble);
  }
  await backgroundWork(troubles.filter(({ name }) => !name.endsWith('hangs')));
  await changeMasterKey();
  await keepStored(canaries, BOTH_KEYS);
  await lookout.seeStores();
  lookout.end();
}, 600_000);

afterAll(() => {
  lookout.end();
  vi.useRealTimers();
});

describe('no secret is found', () => {
  test.each([
    ['in the log', ['console.']],
    ['in an answer', ['answer']],
    ['in an error', ['error', 'thrown by']],
    ['in the audit log', ['D1 audit_events']],
    ['in D1', ['D1 ']],
    ['in KV', ['KV ']],
    ['in the storage of a gate', ['gate ']],
  ])('%s', (_, places) => {
    expect(lookout.sightings(...places)).toEqual([]);
  });
});

describe('what was searched is all that there is', () => {
  test('every route was asked, and each of the management API succeeded', async () => {
    const succeeded = (method: string, pattern: string) => {
      const path = new RegExp(`^${pattern.replace(/[:{]\w+\}?/g, '[^/]+')}$`);
      return lookout.exchanges.some((one) => one.method === method && path.test(one.path) && one.status < 300);
    };
    const missed = [...MOUNTED].filter((route) => {
      const [method = '', path = ''] = route.split(' ');
      return !succeeded(method, `/v1${path}`);
    });
    // No request to the authorization endpoint can succeed.
    const refusesAll = (path: string) => path === '/oauth2/authorize';
    const withoutParameters = (await oauthRoutes()).filter(([path]) => !path.includes(':') && !refusesAll(path));
    const others = withoutParameters.filter(([path, methods]) => !methods.some((method) => succeeded(method, path)));
    expect({ missed, others }).toEqual({ missed: [], others: [] });
  });

  test('every trouble was met', () => {
    expect(troubles.filter(({ name }) => !met.has(name))).toEqual([]);
  });

  test('every kind of failure is in the log', () => {
    const lines = lookout.written.map(({ args }) => JSON.parse(String(args[0])) as Record<string, unknown>);
    const told = new Set(lines.map(({ event, reason, outcome, ok }) => [event, reason ?? outcome ?? ok].join(' ')));
    const reasons = ['unexpected', 'misconfigured', 'd1_unavailable', 'kv_unavailable', 'gate_unavailable'];
    const failures = ['store_unavailable ', 'scheduled false', 'scheduled true', 'gate_alarm '];
    expect([...told]).toEqual(expect.arrayContaining([...reasons.map((reason) => `request ${reason}`), ...failures]));
    expect(lines.some((line) => Number(line.copies_failed) > 0)).toBe(true);
    expect(lines.some((line) => Number(line.events_failed) > 0)).toBe(true);
  });

  test('each store had something in each place', () => {
    const stores = [
      ...['D1 audit_events.changes', 'D1 client_secrets.hash', 'D1 api_keys.hash', 'D1 idempotency_keys.sealed_body'],
      ...['D1 signing_keys.sealed_private_jwk', 'D1 retired_master_keys.sealed_keys', 'D1 gate_pushes.gate'],
      ...['D1 webhooks.sealed_secrets', 'D1 webhooks.secrets', 'D1 webhook_deliveries.last_fault'],
      'D1 live_revocations.hash',
      ...['KV key', 'KV key-ring', 'KV retired-master-keys', 'KV entry', 'KV metadata'],
      ...[
        'gate record.json',
        'gate outbox.value',
        'gate feed_outbox.value',
        'gate refusals.json',
        'gate revocations.jti',
        'gate cut_off.at',
        'gate storage',
      ],
    ];
    expect(lookout.places).toEqual(expect.arrayContaining(stores));
  });

  test('the console was given lines, and nothing that has an inside', () => {
    const odd = lookout.written.filter(({ args }) => args.length !== 1 || typeof args[0] !== 'string');
    expect(odd).toEqual([]);
    expect(new Set(lookout.written.map(({ method }) => method))).toEqual(new Set(['log', 'error']));
  });
});
