import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { USAGE_FLUSH_MAX, USE_FLUSH_MAX } from '../../src/client-gate/constants.ts';
import { USAGE_LAG } from '../../src/constants.ts';
import { TOP_CLIENTS } from '../../src/store/constants.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { raiseCounts } from '../../src/store/usage-days.ts';
import { organizationUsage } from '../../src/store/usage-reports.ts';
import { gateOf } from '../client-gate/gate.ts';
import { api, type Credentials, create, createClient, done, getToken, requestToken, world } from '../http.ts';
import { crowd, rowsReadDuring } from './crowds.ts';
import { problemOf, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = new Date('2028-03-10T10:30:00Z').getTime();
const FIRST_HOUR = START - HOUR / 2;
const TODAY = new Date('2028-03-10T00:00:00Z').getTime();
const iso = (at: number) => new Date(at).toISOString();
const db = database(env.DB);

interface Client {
  client_id: string;
  client_name: string | null;
  issued: number;
  refused: number;
  missed_at_most?: number;
}

interface Interval {
  start: string;
  issued: number;
  refused: Record<string, number>;
  clients?: Client[];
  resource_servers?: { resource_server: string | null; issued: number }[];
}

interface Report<Item> {
  data: Item[];
  next_cursor: string | null;
  complete_until: string;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

const keyOf = async (organization_id: string, scope = 'clients:read') =>
  (await create('api-keys', { organization_id, name: crypto.randomUUID(), scopes: [scope] })).api_key ?? '';

const usageOf = (organization: string | undefined, query = '') =>
  done<Report<Interval>>('GET', `usage?${organization ? `organization_id=${organization}` : ''}${query}`);
const topOf = (organization: string | undefined, query = '') =>
  done<Report<Client>>('GET', `usage/top-clients?${organization ? `organization_id=${organization}` : ''}${query}`);

/** Lets the gate flush its counts to D1. */
async function flush(client: Credentials): Promise<void> {
  vi.setSystemTime(Date.now() + USE_FLUSH_MAX * 1000);
  await runDurableObjectAlarm(gateOf(client));
}

/** Has a client's gate tell D1 of so many issued tokens, or of another outcome, in each of these hours. */
function tell(clientId: string, hours: readonly number[], count: number, outcome = 'issued'): Promise<void> {
  return flushUsage(db, clientId, { counts: hours.map((hour) => ({ hour, outcome, count })) }, START);
}

test('the requests of all clients are summed by hour and by day, with the reasons, the clients and the resource servers', async () => {
  const {
    worker,
    api: other,
    organization,
    identifier,
  } = await world('summed', { rate_limit: { per_minute: 1, burst: 3 } });
  await getToken(worker);
  await getToken(worker);
  await requestToken(worker, { scope: 'unknown' });
  await requestToken(worker);
  await requestToken(other);
  expect((await usageOf(organization)).data).toEqual([]);
  await flush(worker);
  await flush(other);

  const refused = { invalid_scope: 1, rate_limited: 1, unauthorized_client: 1 };
  const sums = { issued: 2, refused };
  expect((await usageOf(organization)).data).toEqual([{ start: iso(FIRST_HOUR), ...sums }]);
  expect((await usageOf(organization, '&interval=day')).data).toEqual([{ start: iso(TODAY), ...sums }]);
  const [first, second] = [
    { client_id: worker.client_id, client_name: 'worker', issued: 2, refused: 2 },
    { client_id: other.client_id, client_name: 'api', issued: 0, refused: 1 },
  ];
  for (const interval of ['hour', 'day']) {
    const [byClient] = (await usageOf(organization, `&interval=${interval}&group_by=client`)).data;
    expect(byClient).toMatchObject({ ...sums, clients: [first, second] });
    const [topped] = (await usageOf(organization, `&interval=${interval}&group_by=client&top=1`)).data;
    expect(topped?.clients).toHaveLength(1);
    const [byServer] = (await usageOf(organization, `&interval=${interval}&group_by=resource_server`)).data;
    expect(byServer).toEqual({ ...byServer, ...sums, resource_servers: [{ resource_server: identifier, issued: 2 }] });
  }
  const top = await topOf(organization);
  expect(top.data).toEqual(
    [first, second].map((client) => ({ ...client, organization_id: organization, missed_at_most: 0 })),
  );
  expect(top.complete_until).toBe(iso(Date.now() - USAGE_LAG * 1000));
  expect(USAGE_LAG).toBeGreaterThan(USAGE_FLUSH_MAX);
  expect(await organizationUsage(db, organization, { from: TODAY, to: Date.now() })).toEqual({ issued: 2, refused: 3 });
  expect(await organizationUsage(db, organization, { from: START, to: Date.now() })).toEqual({ issued: 0, refused: 0 });
});

test('the root key sees the sum of all organizations, a key that of its own', async () => {
  const [one, other] = [await world('one'), await world('other')];
  await tell(one.worker.client_id, [FIRST_HOUR], 5);
  await tell(other.worker.client_id, [FIRST_HOUR], 7);
  const issued = async (query: string, key?: string) => {
    const { data } = await done<Report<Interval>>('GET', `usage?from=${iso(FIRST_HOUR)}${query}`, {
      ...(key && { key }),
    });
    return data.reduce((sum, interval) => sum + interval.issued, 0);
  };
  const before = (await issued('')) - 12;
  await tell(one.worker.client_id, [FIRST_HOUR], 6);
  expect(await issued('')).toBe(before + 13);
  const key = await keyOf(one.organization);
  expect(await issued('', key)).toBe(6);
  expect(await issued(`&organization_id=${one.organization}`, key)).toBe(6);
  expect(await issued(`&organization_id=${other.organization}`)).toBe(7);
  for (const path of ['usage', 'usage/top-clients']) {
    const foreign = await api('GET', `${path}?organization_id=${other.organization}`, { key });
    await problemOf(foreign, 404);
    const unable = await keyOf(one.organization, 'audit:read');
    await problemOf(await api('GET', path, { key: unable }), 403);
  }
  const { data } = await done<Report<Client>>('GET', 'usage/top-clients', { key });
  expect(data.map(({ client_id }) => client_id)).toEqual([one.worker.client_id]);
});

test('pages hold each interval once, the newest first, and a range bounds them', async () => {
  const { worker, organization } = await world('paged');
  const hours = Array.from({ length: 9 }, (_, index) => FIRST_HOUR - index * 7 * HOUR);
  await tell(worker.client_id, hours, 1);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Report<Interval> = await usageOf(organization, `&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
    expect(page.data.length).toBeLessThanOrEqual(2);
    seen.push(...page.data.map(({ start }) => start));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen).toEqual(hours.map(iso));
  const range = `&from=${iso(hours[4] ?? 0)}&to=${iso(hours[1] ?? 0)}`;
  expect((await usageOf(organization, range)).data.map(({ start }) => start)).toEqual(hours.slice(1, 5).map(iso));
  const days = await usageOf(organization, `&interval=day&from=${iso(TODAY - DAY + 1)}&to=2028-03-10T01:00:00%2B01:00`);
  expect(days.data).toEqual([{ start: iso(TODAY), issued: 2, refused: {} }]);
  expect((await topOf(organization, range)).data).toMatchObject([{ issued: 4, refused: 0 }]);
});

test('a parameter that is not possible says so', async () => {
  for (const [path, parameter, query] of [
    ['usage', 'interval', 'interval=week'],
    ['usage', 'group_by', 'group_by=scope'],
    ['usage', 'from', 'from=yesterday'],
    ['usage', 'from', `from=${iso(START)}&to=${iso(START - 1)}`],
    ['usage', 'from', `from=${iso(START + 1)}`],
    ['usage', 'from', `from=${iso(START - 33 * DAY)}`],
    ['usage', 'top', 'top=5'],
    ['usage', 'top', 'group_by=client&top=101'],
    ['usage', 'limit', 'limit=101'],
    ['usage', 'cursor', 'cursor=x'],
    ['usage/top-clients', 'limit', 'limit=0'],
    ['usage/top-clients', 'from', `from=${iso(START)}&to=${iso(START - 1)}`],
  ]) {
    const { errors } = await problemOf(await api('GET', `${path}?${query}`), 422);
    expect(errors, query).toMatchObject([{ parameter }]);
  }
  await problemOf(await api('GET', 'usage?organization_id=org_unknown'), 404);
});

test('a report reads as many rows for a thousand clients as for ten', async () => {
  const reads: unknown[] = [];
  for (const count of [10, 1000]) {
    const organization = await crowd(count, {});
    const ids = await rowsOf<{ client_id: string }>(
      'SELECT client_id FROM clients WHERE organization_id = ? ORDER BY client_id',
      organization,
    );
    // Each client has one token more than the one before, on both days.
    const counts = [FIRST_HOUR, FIRST_HOUR - DAY].flatMap((hour) =>
      ids.map(({ client_id: clientId }, index) => ({
        clientId,
        hour,
        kind: 'outcomes' as const,
        key: 'issued',
        count: index + 1,
      })),
    );
    for (let from = 0; from < counts.length; from += 250) {
      const [first, ...others] = raiseCounts(db, counts.slice(from, from + 250));
      if (first) await db.batch([first, ...others]);
    }
    const rows: number[] = [];
    for (const query of [
      `usage?organization_id=${organization}`,
      `usage?organization_id=${organization}&interval=day&group_by=resource_server`,
      `usage?organization_id=${organization}&interval=day&group_by=client`,
      `usage/top-clients?organization_id=${organization}`,
    ]) {
      rows.push((await rowsReadDuring(() => done('GET', query))).rows);
    }
    reads.push(rows);
    const top = await topOf(organization);
    expect(top.data.map(({ issued }) => issued)).toEqual(Array.from({ length: 10 }, (_, index) => 2 * (count - index)));
    const [day] = (await usageOf(organization, '&interval=day&group_by=client&top=100')).data;
    expect(day?.clients).toHaveLength(Math.min(count, TOP_CLIENTS));
    expect(day?.issued).toBe((count * (count + 1)) / 2);
  }
  expect(reads[1]).toEqual(reads[0]);
  expect(Math.max(...(reads[0] as number[]))).toBeLessThan(40);
}, 60_000);

test('a client that is not among the first of each day is said to have at most so many requests more', async () => {
  const organization = await crowd(TOP_CLIENTS + 1, {});
  const ids = await rowsOf<{ client_id: string }>(
    'SELECT client_id FROM clients WHERE organization_id = ?',
    organization,
  );
  const [late = '', ...others] = ids.map(({ client_id }) => client_id);
  const counted = (clientId: string, hour: number, count: number) => ({
    clientId,
    hour,
    kind: 'outcomes' as const,
    key: 'issued',
    count,
  });
  const [first, ...more] = raiseCounts(db, [
    ...others.map((clientId) => counted(clientId, FIRST_HOUR, 3)),
    counted(late, FIRST_HOUR, 2),
    counted(late, FIRST_HOUR - DAY, 50),
  ]);
  if (first) await db.batch([first, ...more]);
  const { data } = await topOf(organization, '&limit=2');
  expect(data).toMatchObject([
    { client_id: late, issued: 50, missed_at_most: 3 },
    { issued: 3, missed_at_most: 0 },
  ]);
});

test('the counts of a deleted client stay in the sums, without its name; those of a deleted organization in the instance’s', async () => {
  const { organization } = await world('deleted');
  const client_id = `former-${organization.slice(-6)}`;
  await createClient({ organization_id: organization, client_name: 'former', client_id });
  await tell(client_id, [FIRST_HOUR], 5);
  await done('DELETE', `clients/${client_id}`);
  expect((await usageOf(organization)).data).toMatchObject([{ issued: 5 }]);
  const gone = { client_id, client_name: null, organization_id: null, issued: 5 };
  expect((await topOf(organization)).data).toMatchObject([gone]);

  // Another organization creates the id again. Its name is not shown to this one.
  const { organization: heir } = await world('heir');
  await createClient({ organization_id: heir, client_name: 'again', client_id });
  expect((await topOf(organization)).data).toMatchObject([gone]);
  await tell(client_id, [FIRST_HOUR], 2);
  expect((await topOf(heir)).data).toMatchObject([{ client_id, client_name: 'again', issued: 2 }]);
  expect((await usageOf(organization)).data).toMatchObject([{ issued: 5 }]);

  const total = async () => (await usageOf(undefined, `&from=${iso(FIRST_HOUR)}&interval=hour`)).data[0]?.issued;
  const before = await total();
  await done('DELETE', `organizations/${organization}?cascade=true`);
  expect(await total()).toBe(before);
  expect(await rowsOf('SELECT day FROM usage_days WHERE owner = ?', organization)).toEqual([]);
});

test('what older code wrote is moved, exactly once, also if it writes meanwhile and again later', async () => {
  const { worker, organization } = await world('moved');
  const older = (hour: number, outcome: string, count: number) =>
    env.DB.prepare('INSERT OR REPLACE INTO client_usage VALUES (?, ?, ?, ?)').bind(
      worker.client_id,
      hour,
      outcome,
      count,
    );
  await env.DB.batch([older(FIRST_HOUR, 'issued', 4), older(FIRST_HOUR - DAY, 'rate_limited', 2)]);
  const ofClient = () => done<Report<Interval>>('GET', `clients/${worker.client_id}/usage`);
  const [first, second] = [
    { issued: 4, refused: {} },
    { issued: 0, refused: { rate_limited: 2 } },
  ];
  expect((await ofClient()).data).toMatchObject([first, second]);
  await Promise.all([runScheduled(START), runScheduled(START)]);
  expect(await rowsOf('SELECT hour FROM client_usage WHERE client_id = ?', worker.client_id)).toEqual([]);
  expect((await ofClient()).data).toMatchObject([first, second]);
  expect((await usageOf(organization)).data).toMatchObject([first, second]);

  // After a rollback, the gate tells its absolute count to older code.
  await older(FIRST_HOUR, 'issued', 9).run();
  expect((await ofClient()).data[0]).toMatchObject({ issued: 9 });
  await tell(worker.client_id, [FIRST_HOUR], 7);
  await runScheduled(START);
  expect((await usageOf(organization)).data[0]).toMatchObject({ issued: 9 });
});
