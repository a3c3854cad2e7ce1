import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { USE_FLUSH_MAX } from '../../src/client-gate/constants.ts';
import { USAGE_AGE } from '../../src/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { gateOf } from '../client-gate/gate.ts';
import { api, type Credentials, create, done, getToken, requestToken, world } from '../http.ts';
import { calls, failing, resetCalls, slowing } from '../instruments.ts';
import { problemOf, rowsOf, usageRowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

interface Hour {
  hour: string;
  issued: number;
  refused: Record<string, number>;
}

const HOUR = 3_600_000;
// Half past an hour.
const START = new Date('2027-11-01T10:30:00Z').getTime();
const FIRST_HOUR = START - HOUR / 2;
const iso = (at: number) => new Date(at).toISOString();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

async function usageOf({ client_id }: Credentials, query = ''): Promise<{ data: Hour[]; next_cursor: string | null }> {
  return done('GET', `clients/${client_id}/usage${query}`);
}

/** Lets the gate flush its counts to D1. */
async function flush(client: Credentials): Promise<void> {
  vi.setSystemTime(Date.now() + USE_FLUSH_MAX * 1000);
  await runDurableObjectAlarm(gateOf(client));
}

const inD1 = ({ client_id }: Credentials) => usageRowsOf(client_id);

/** Inserts one row for each of these hours, with the counts 1, 2, 3, … */
async function insertHours({ client_id }: Credentials, hours: readonly number[]): Promise<void> {
  const insert = env.DB.prepare("INSERT INTO client_usage VALUES (?, ?, 'issued', ?)");
  await env.DB.batch(hours.map((hour, index) => insert.bind(client_id, hour, index + 1)));
}

test('how requests ended is told by hour and reason, live, and the same once D1 has it', async () => {
  const { worker } = await world('used', { rate_limit: { per_minute: 1, burst: 4 } });
  await getToken(worker);
  await getToken(worker);
  await requestToken(worker, { scope: 'unknown' });
  await requestToken(worker, { resource: 'https://unknown.example.com' });
  await requestToken(worker);
  await requestToken({ ...worker, client_secret: generateSecret('ems_') });
  const refused = { invalid_scope: 1, invalid_target: 1, rate_limited: 1, invalid_client: 1 };
  const first = { hour: iso(FIRST_HOUR), issued: 2, refused };
  expect(await usageOf(worker)).toEqual({ data: [first], next_cursor: null });

  await flush(worker);
  expect(await inD1(worker)).toHaveLength(5);
  expect(await usageOf(worker)).toEqual({ data: [first], next_cursor: null });

  vi.setSystemTime(START + HOUR);
  await getToken(worker);
  const second = { hour: iso(FIRST_HOUR + HOUR), issued: 1, refused: {} };
  expect((await usageOf(worker)).data).toEqual([second, first]);
});

test('an hour that D1 and the gate both know of is counted once', async () => {
  const { worker } = await world('both');
  await getToken(worker);
  await flush(worker);
  await getToken(worker);
  expect((await usageOf(worker)).data).toEqual([{ hour: iso(FIRST_HOUR), issued: 2, refused: {} }]);
});

test('what the gate tells D1 in the middle of the question is not missed', async () => {
  const { worker } = await world('meanwhile');
  await getToken(worker);
  const asked = slowing(300, () => usageOf(worker));
  await scheduler.wait(100);
  await flush(worker);
  expect((await asked).data).toMatchObject([{ issued: 1 }]);
});

test('pages hold each hour once, the newest first, and a range bounds them', async () => {
  const { worker } = await world('paged');
  await getToken(worker);
  const hours = Array.from({ length: 9 }, (_, index) => FIRST_HOUR - (index + 1) * 3 * HOUR);
  await insertHours(worker, hours);
  const wanted = [FIRST_HOUR, ...hours].map(iso);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await usageOf(worker, `?limit=4${cursor === null ? '' : `&cursor=${cursor}`}`);
    seen.push(...page.data.map(({ hour }) => hour));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen).toEqual(wanted);

  const range = `?from=${iso(hours[4] ?? 0)}&to=${iso(hours[1] ?? 0)}`;
  expect((await usageOf(worker, range)).data.map(({ hour }) => hour)).toEqual(wanted.slice(2, 6));
  const [first] = (await usageOf(worker, `${range}&limit=1`)).data;
  expect(first?.hour).toBe(wanted[2]);
  expect((await usageOf(worker, `?to=${iso(FIRST_HOUR - 1)}`)).data).toHaveLength(9);
  expect((await usageOf(worker, `?from=${iso(START)}`)).data).toEqual([]);
});

test('a range or a cursor that is none says so', async () => {
  const { worker } = await world('malformed');
  for (const [parameter, value] of [
    ['from', 'yesterday'],
    ['to', '2027-13-01T00:00:00Z'],
    ['limit', '0'],
    ['limit', '101'],
    ['cursor', 'x'],
    ['cursor', btoa('["a name"]').replaceAll('=', '')],
  ]) {
    const answer = await api('GET', `clients/${worker.client_id}/usage?${parameter}=${value}`);
    expect((await problemOf(answer, 422)).errors, `${parameter}=${value}`).toMatchObject([{ parameter }]);
  }
});

test('a client that never asked for a token has none, and no gate is woken for it', async () => {
  const { worker } = await world('idle');
  resetCalls();
  expect(await usageOf(worker)).toEqual({ data: [], next_cursor: null });
  expect(calls.gate).toBe(0);
});

test('another organization’s client is not found; a key of its own sees it', async () => {
  const { worker, organization } = await world('own');
  const { organization: other } = await world('other');
  const keyOf = async (organization_id: string) =>
    (await create('api-keys', { organization_id, name: 'reader', scopes: ['clients:read'] })).api_key ?? '';
  const path = `clients/${worker.client_id}/usage`;
  expect((await api('GET', path, { key: await keyOf(organization) })).status).toBe(200);
  await problemOf(await api('GET', path, { key: await keyOf(other) }), 404);
});

test('with the gate gone it is 503: half of the truth would look like all of it', async () => {
  const { worker } = await world('gone');
  await getToken(worker);
  const answer = await failing(`gate:${worker.client_id}`, () => api('GET', `clients/${worker.client_id}/usage`));
  expect(answer.headers.get('Retry-After')).toBe('2');
  await problemOf(answer, 503);
});

test('it goes with its client, and does not come back with the gate’s next alarm', async () => {
  const { worker } = await world('deleted');
  await getToken(worker);
  await flush(worker);
  await getToken(worker);
  expect(await inD1(worker)).toHaveLength(1);
  await done('DELETE', `clients/${worker.client_id}`);
  expect(await inD1(worker)).toEqual([]);
  await flush(worker);
  expect(await inD1(worker)).toEqual([]);
});

test('it is kept for 31 days, and then purged by the scheduled handler', async () => {
  const { worker, organization } = await world('old');
  const oldest = FIRST_HOUR - USAGE_AGE * 1000;
  const day = oldest - (oldest % (24 * HOUR));
  const counts = [oldest, day, day - HOUR].map((hour) => ({ hour, outcome: 'issued', count: 1 }));
  await flushUsage(database(env.DB), worker.client_id, { counts }, START);
  await runScheduled(START);
  expect((await inD1(worker)).map(({ hour }) => hour)).toEqual([day, oldest]);
  const days = "SELECT day FROM usage_days WHERE owner IN (?, '') AND day < ?";
  expect(await rowsOf(days, organization, day + 1)).toEqual([{ day }, { day }]);
  const from = iso(day - 24 * HOUR);
  expect((await usageOf(worker, `?from=${from}`)).data.map(({ hour }) => hour)).toEqual([oldest, day].map(iso));
});
