import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { QUOTA_CHECK_INTERVAL, QUOTA_CHECKS_PER_RUN, QUOTA_USAGE_LAG } from '../../src/store/constants.ts';
import { api, create, done, getToken, requestToken, world } from '../http.ts';
import { failing } from '../instruments.ts';
import { rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

afterEach(() => {
  vi.useRealTimers();
});

const name = () => `q-${crypto.randomUUID()}`;
const DAY_MS = 86_400_000;

interface Problem {
  errors: { pointer: string; detail: string }[];
}

describe('the quota of a client', () => {
  const fields = async (quota: unknown) => {
    const { worker } = await world(name(), { quota });
    return done('GET', `clients/${worker.client_id}`);
  };

  test('has defaults, and is null if it is not set', async () => {
    const { worker } = await world(name());
    expect(await done('GET', `clients/${worker.client_id}`)).toMatchObject({ quota: null });
    expect(await fields({ tokens_per_day: 5 })).toMatchObject({
      quota: { tokens_per_day: 5, tokens_per_month: null, action: 'warn' },
    });
    const both = { tokens_per_day: 10 ** 12, tokens_per_month: 1, action: 'enforce' };
    expect(await fields(both)).toMatchObject({ quota: both });
  });

  test.each([
    [{ tokens_per_day: 0 }, '/quota/tokens_per_day', 'at least 1'],
    [{ tokens_per_month: -1 }, '/quota/tokens_per_month', 'at least 1'],
    [{ tokens_per_day: 1.5 }, '/quota/tokens_per_day', 'whole number from 1 to'],
    [{ tokens_per_day: '5' }, '/quota/tokens_per_day', 'whole number from 1 to'],
    [{ tokens_per_day: 2 ** 53 }, '/quota/tokens_per_day', 'to 1000000000000'],
    [{ tokens_per_month: 10 ** 12 + 1 }, '/quota/tokens_per_month', 'at most 1000000000000'],
    [{ tokens_per_month: 1e300 }, '/quota/tokens_per_month', 'to 1000000000000'],
    [{ tokens_per_day: 5, action: 'block' }, '/quota/action', 'warn'],
    [{}, '/quota', 'tokens_per_day'],
    [{ action: 'enforce' }, '/quota', 'tokens_per_day'],
    [{ tokens_per_day: 5, tokens_per_hour: 1 }, '/quota', ''],
    [5, '/quota', ''],
  ])('%j is refused at %s', async (quota, pointer, detail) => {
    const { worker } = await world(name());
    for (const [method, path, body] of [
      ['POST', 'clients', { client_name: name(), quota }],
      ['PATCH', `clients/${worker.client_id}`, { quota }],
    ] as const) {
      const response = await api(method, path, { body });
      expect(response.status).toBe(422);
      const { errors } = await response.json<Problem>();
      const found = errors.find((error) => error.pointer.startsWith(pointer));
      expect(found?.detail).toContain(detail);
    }
  });

  test('is merged by a patch, seen by the next token request, and taken away by null', async () => {
    const { worker } = await world(name());
    const patch = (quota: unknown) => done('PATCH', `clients/${worker.client_id}`, { body: { quota } });
    await getToken(worker);
    await patch({ tokens_per_day: 2, action: 'enforce' });
    await getToken(worker);
    expect((await requestToken(worker)).status).toBe(429);
    expect(await patch({ tokens_per_day: 3, tokens_per_month: 100 })).toMatchObject({
      quota: { tokens_per_day: 3, tokens_per_month: 100, action: 'enforce' },
    });
    await getToken(worker);
    expect((await requestToken(worker)).status).toBe(429);
    await patch({ tokens_per_day: null });
    await getToken(worker);
    expect(await patch(null)).toMatchObject({ quota: null });
    await getToken(worker);
    const { data } = await done<{ data: { changes: object }[] }>('GET', `audit-events?target=${worker.client_id}`);
    expect(data[0]?.changes).toEqual({ quota: null });
  });

  test('is reported with the tokens of this day and month', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2027-07-15T10:30:00Z') });
    const { worker } = await world(name(), { quota: { tokens_per_day: 3 } });
    const report = () => done('GET', `clients/${worker.client_id}/quota`);
    const day = (issued: number, remaining: number, resets_at = '2027-07-16T00:00:00.000Z') => ({
      limit: 3,
      issued,
      remaining,
      resets_at,
    });
    const month = (issued: number) => ({
      limit: null,
      issued,
      remaining: null,
      resets_at: '2027-08-01T00:00:00.000Z',
    });
    // Its gate is not woken for that.
    expect(await report()).toEqual({ action: 'warn', day: day(0, 3), month: month(0) });
    for (let times = 0; times < 4; times++) await getToken(worker);
    expect(await report()).toEqual({ action: 'warn', day: day(4, 0), month: month(4) });
    vi.setSystemTime(Date.now() + DAY_MS);
    expect(await report()).toEqual({
      action: 'warn',
      day: day(0, 3, '2027-07-17T00:00:00.000Z'),
      month: month(4),
    });
    await failing(`gate:${worker.client_id}`, async () =>
      expect((await api('GET', `clients/${worker.client_id}/quota`)).status).toBe(503),
    );
  });
});

describe('the quota of an organization', () => {
  const AT = Date.parse('2027-07-15T10:30:00Z');
  const CHECKED = (QUOTA_CHECK_INTERVAL + 60) * 1000;

  const newOrganization = async (quota: object | null) =>
    (await create('organizations', { name: name(), quota })).id ?? '';
  /** Sets how many tokens were issued in an hour of a day. */
  const setUsage = (organization: string, day: string, issued: object) =>
    env.DB.prepare("INSERT OR REPLACE INTO usage_days VALUES (?, ?, ?, '{}')")
      .bind(
        organization,
        Date.parse(`${day}T00:00:00Z`),
        JSON.stringify({ outcomes: { issued, rate_limited: { 1: 900 } } }),
      )
      .run();
  const notices = async (organization: string) =>
    (
      await rowsOf<{ data: string }>(
        "SELECT data FROM webhook_notices WHERE type = 'quota.warning' AND target = ? ORDER BY rowid",
        organization,
      )
    ).map(({ data }) => JSON.parse(data) as { period: string; threshold: number; issued: number; resets_at: string });
  const told = async (organization: string) =>
    (await notices(organization)).map(({ period, threshold, issued }) => `${period} ${threshold}: ${issued}`);

  test('warns at 80 % and 100 % of its usage, once in each period, however often the handler runs', async () => {
    const organization = await newOrganization({ tokens_per_day: 10, tokens_per_month: 30 });
    const tag = (await api('GET', `organizations/${organization}`)).headers.get('ETag');
    let now = AT;
    const check = async () => {
      now += CHECKED;
      await Promise.all([runScheduled(now), runScheduled(now)]);
      await runScheduled(now);
    };
    await setUsage(organization, '2027-06-30', { 23: 1000 });
    await setUsage(organization, '2027-07-01', { 0: 10 });
    await setUsage(organization, '2027-07-15', { 0: 7 });
    await check();
    expect(await notices(organization)).toEqual([]);
    await setUsage(organization, '2027-07-15', { 0: 7, 10: 1 });
    await check();
    await check();
    expect(await notices(organization)).toEqual([
      expect.objectContaining({
        period: 'day',
        threshold: 80,
        limit: 10,
        issued: 8,
        action: 'warn',
        resets_at: '2027-07-16T00:00:00.000Z',
      }),
    ]);
    await setUsage(organization, '2027-07-15', { 0: 14 });
    await check();
    await check();
    expect(await told(organization)).toEqual(['day 80: 8', 'day 100: 14', 'month 80: 24']);
    // Nobody changed the organization.
    expect((await api('GET', `organizations/${organization}`)).headers.get('ETag')).toBe(tag);
  });

  test('counts what gates report after the period', async () => {
    const organization = await newOrganization({ tokens_per_day: 10 });
    const midnight = Date.parse('2027-07-16T00:00:00Z');
    await setUsage(organization, '2027-07-15', { 23: 7 });
    await runScheduled(midnight - 1000);
    await setUsage(organization, '2027-07-15', { 23: 10 });
    await setUsage(organization, '2027-07-16', { 0: 8 });
    await runScheduled(midnight + QUOTA_USAGE_LAG * 1000 - 1000);
    expect(await told(organization)).toEqual(['day 100: 10']);
    await runScheduled(midnight + QUOTA_USAGE_LAG * 1000 + CHECKED);
    expect(await told(organization)).toEqual(['day 100: 10', 'day 80: 8']);
  });

  test('is checked for a bounded number of organizations in one run, those that wait longest first', async () => {
    await env.DB.prepare('UPDATE organizations SET quota = NULL').run();
    const many = Array.from({ length: QUOTA_CHECKS_PER_RUN + 10 }, (_, index) => `org_many${index}`);
    await env.DB.batch(
      many.map((id) =>
        env.DB.prepare(
          `INSERT INTO organizations (id, name, subject, metadata, status, version, created_at, updated_at, quota)
          VALUES (?1, ?1, 'client', '{}', 'active', 1, 0, 0, '{"tokens_per_day":1,"tokens_per_month":null,"action":"warn"}')`,
        ).bind(id),
      ),
    );
    for (const id of many) await setUsage(id, '2027-07-15', { 0: 1 });
    const count = async () => (await Promise.all(many.map(notices))).flat().length;
    await runScheduled(AT);
    expect(await count()).toBe(QUOTA_CHECKS_PER_RUN);
    await runScheduled(AT + 60_000);
    expect(await count()).toBe(many.length);
    await env.DB.prepare("DELETE FROM organizations WHERE id LIKE 'org_many%'").run();
  });

  test('warns only', async () => {
    const body = { name: name(), quota: { tokens_per_day: 5, action: 'enforce' } };
    const response = await api('POST', 'organizations', { body });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: '/quota/action' }] });
    const organization = await newOrganization({ tokens_per_day: 5 });
    expect(await done('GET', `organizations/${organization}`)).toMatchObject({
      quota: { tokens_per_day: 5, tokens_per_month: null, action: 'warn' },
    });
    expect(await done('PATCH', `organizations/${organization}`, { body: { quota: null } })).toMatchObject({
      quota: null,
    });
  });
});
