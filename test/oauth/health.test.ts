import { env } from 'cloudflare:workers';
import { base64url } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import { answerAndLog } from '../../src/http/request-log.ts';
import { HEALTH_PROBE_AGE } from '../../src/oauth/constants.ts';
import { createServices } from '../../src/services.ts';
import { BACKGROUND_TASKS } from '../../src/store/background-tasks.ts';
import { runScheduled } from '../faults/owed.ts';
import { ISSUER, send } from '../http.ts';
import {
  calls,
  type Fault,
  failing,
  hanging,
  resetCalls,
  type Store,
  startNewIsolate,
  withFault,
} from '../instruments.ts';

interface Health {
  readonly status: string;
  readonly stores: Readonly<Record<'d1' | 'kv' | 'gates', 'ok' | 'unavailable'>>;
  readonly last_success: Readonly<Record<string, string | null>> | null;
}

const SCHEDULED = BACKGROUND_TASKS.filter((task) => task !== 'flush_usage');
const STORES: [store: Store, name: keyof Health['stores']][] = [
  ['d1', 'd1'],
  ['kv', 'kv'],
  ['gate', 'gates'],
];
const WELL = { d1: 'ok', kv: 'ok', gates: 'ok' };
const ONE_PROBE = { d1: 1, kv: 1, gate: 1, rateLimit: 0 };

async function health(): Promise<Health> {
  const answer = await send('/healthz');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
  return answer.json();
}

/** Checks the health 50 times at once, like many load balancers do. */
const crowd = () => Promise.all(Array.from({ length: 50 }, health));

function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  startNewIsolate();
  resetCalls();
});

afterEach(() => {
  vi.useRealTimers();
});

test('it is 500 if MASTER_KEY is not the one that sealed the signing keys, and 200 if it is there again', async () => {
  await send('/.well-known/jwks.json');
  const other = { ...env, MASTER_KEY: base64url.encode(crypto.getRandomValues(new Uint8Array(32))) };
  const withKeys = async (MASTER_KEY: string) => {
    const app = createApp(createServices({ ...env, MASTER_KEY }));
    return answerAndLog(new Request(`${ISSUER}/healthz`), async () => app.fetch(new Request(`${ISSUER}/healthz`)));
  };
  const refused = await withKeys(other.MASTER_KEY);
  expect([refused.status, await refused.json()]).toEqual([
    500,
    { error: 'server_error', error_description: 'The service is not configured.' },
  ]);
  expect((await withKeys(`${other.MASTER_KEY},${env.MASTER_KEY}`)).status).toBe(200);
  expect((await withKeys(env.MASTER_KEY)).status).toBe(200);
});

test('before anything was done no task has succeeded, and every store answers', async () => {
  const never = Object.fromEntries(BACKGROUND_TASKS.map((task) => [task, null]));
  expect(await health()).toEqual({ status: 'ok', stores: WELL, last_success: never });
});

test.each(STORES)('it tells that %s is gone, and that no other is', async (store, name) => {
  const { stores, last_success } = await failing(store, health);
  expect(stores).toEqual({ ...WELL, [name]: 'unavailable' });
  expect(last_success === null).toBe(store === 'd1');
});

test('it is 200 with all of them gone', async () => {
  const lost = () => failing('d1', () => failing('kv', () => failing('gate', health)));
  expect(await lost()).toEqual({
    status: 'ok',
    stores: { d1: 'unavailable', kv: 'unavailable', gates: 'unavailable' },
    last_success: null,
  });
});

test(`each store is asked once in ${HEALTH_PROBE_AGE} s, however many want to know`, async () => {
  await crowd();
  pass(HEALTH_PROBE_AGE - 0.001);
  await crowd();
  expect(calls).toEqual(ONE_PROBE);
  pass(0.001);
  await crowd();
  expect(calls).toEqual({ d1: 2, kv: 2, gate: 2, rateLimit: 0 });
});

test('news of a store that is lost, or back, is as old as that at most', async () => {
  await health();
  await failing('kv', async () => {
    expect((await health()).stores).toEqual(WELL);
    pass(HEALTH_PROBE_AGE);
    expect((await health()).stores).toEqual({ ...WELL, kv: 'unavailable' });
  });
  pass(HEALTH_PROBE_AGE - 0.001);
  expect((await health()).stores).toEqual({ ...WELL, kv: 'unavailable' });
  pass(0.001);
  expect((await health()).stores).toEqual(WELL);
});

test.each(STORES)('while %s hangs as well it is asked once, and all who ask are told', async (store, name) => {
  const all = await hanging(store, crowd);
  expect(new Set(all.map(({ stores }) => JSON.stringify(stores)))).toEqual(
    new Set([JSON.stringify({ ...WELL, [name]: 'unavailable' })]),
  );
  expect(calls).toEqual(ONE_PROBE);
});

test('each task’s last success is told, and that of one which fails stays where it was', async () => {
  const first = new Date().toISOString();
  await runScheduled();
  expect((await health()).last_success).toEqual({
    ...Object.fromEntries(SCHEDULED.map((task) => [task, first])),
    flush_usage: null,
  });

  pass(60);
  const second = new Date().toISOString();
  const noPurge: Fault = (call, sql) => (sql.includes('delete from "audit_events"') ? Promise.reject('lost') : call());
  await withFault('d1', noPurge, runScheduled);
  expect((await health()).last_success).toEqual({
    ...Object.fromEntries(SCHEDULED.map((task) => [task, second])),
    purge: first,
    flush_usage: null,
  });
});
