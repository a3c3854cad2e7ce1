import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { version } from '../../package.json';
import { CALLER_AGE } from '../../src/constants.ts';
import { api, create, done, getToken, ISSUER, postForm, world } from '../http.ts';
import { failing, startNewIsolate, withFault } from '../instruments.ts';
import { pointedAt, problemOf, rowsOf } from './rows.ts';
import { runScheduled } from './scheduled.ts';

const START = new Date('2028-03-01T12:00:00Z').getTime();
const HOUR = 3_600_000;
const iso = (at: number) => new Date(at).toISOString();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

let counter = 0;

interface Key {
  id: string;
  api_key: string;
}

/** Creates a world with an API key that reads clients and introspects. */
async function fresh(fields: object = {}) {
  const made = await world(`key-use-${++counter}`);
  const body = { organization_id: made.organization, name: 'key', scopes: ['clients:read', 'tokens:introspect'] };
  const { id, api_key } = await create<Key>('api-keys', { ...body, ...fields });
  return { ...made, id, key: api_key };
}

const use = (key: string) => api('GET', 'clients', { key });

function introspectWith(key: string, token: string): Promise<Response> {
  return postForm('/oauth2/introspect', { token }, { headers: { Authorization: `Bearer ${key}` } });
}

async function lastUsed(id: string): Promise<string | null> {
  return (await done<{ last_used_at: string | null }>('GET', `api-keys/${id}`)).last_used_at;
}

/** Waits until the last use of a key, which is written in the background, has this value. */
const noted = (id: string, at: number) => vi.waitFor(async () => expect(await lastUsed(id)).toBe(iso(at)));

describe('the last use of a key', () => {
  test('is noted in the background, to the hour', async () => {
    const { id, key } = await fresh();
    expect(await lastUsed(id)).toBeNull();
    await use(key);
    await noted(id, START);
    vi.setSystemTime(START + HOUR - 1);
    await use(key);
    startNewIsolate();
    await use(key);
    vi.setSystemTime(START + HOUR);
    expect(await lastUsed(id)).toBe(iso(START));
    await use(key);
    await noted(id, START + HOUR);
  });

  test('is noted for an introspection as well', async () => {
    const { id, key, worker } = await fresh();
    const { access_token } = await getToken(worker);
    expect(await (await introspectWith(key, access_token)).json()).toMatchObject({ active: true });
    await noted(id, START);
  });

  test('changes neither the key’s version nor the audit log', async () => {
    const { id, key } = await fresh();
    const tag = (await api('GET', `api-keys/${id}`)).headers.get('ETag');
    await use(key);
    await noted(id, START);
    expect((await api('GET', `api-keys/${id}`)).headers.get('ETag')).toBe(tag);
    const { data } = await done<{ data: { action: string }[] }>('GET', `audit-events?target=${id}`);
    expect(data.map(({ action }) => action)).toEqual(['api_key.created']);
  });

  test('is not waited for, and who cannot be told of it can use the key all the same', async () => {
    const { id, key } = await fresh();
    let asked = 0;
    // The first D1 call, the look-up of the key, succeeds; the write of its last use fails.
    const fault = (call: () => Promise<unknown>) => (++asked === 1 ? call() : Promise.reject(new Error('gone')));
    const answer = await withFault('d1', fault, () => introspectWith(key, 'x'));
    expect(answer.status).toBe(200);
    expect(asked).toBe(2);
    expect(await lastUsed(id)).toBeNull();
  });

  test('is not a use where the key is dead or may not', async () => {
    const { id, key } = await fresh({ expires_at: iso(START + 1000) });
    vi.setSystemTime(START + 1000);
    await problemOf(await use(key), 401);
    expect(await lastUsed(id)).toBeNull();
  });
});

describe('a key that is no more is dead at once, and for introspection once its caller’s memory has ended,', () => {
  const ways: [string, (key: Key) => Promise<unknown>][] = [
    ['deleted', ({ id }) => done('DELETE', `api-keys/${id}`)],
    ['leaked', ({ api_key }) => done('POST', 'leaked-secrets', { body: { secret: api_key }, key: null })],
  ];

  test.each(ways)('having been %s', async (_, end) => {
    const { id, key, worker } = await fresh();
    const { access_token } = await getToken(worker);
    expect((await use(key)).status).toBe(200);
    expect((await introspectWith(key, access_token)).status).toBe(200);
    await end({ id, api_key: key });
    const refused = await use(key);
    expect(refused.headers.get('WWW-Authenticate')).toContain('error="invalid_token"');
    await problemOf(refused, 401);
    vi.setSystemTime(START + CALLER_AGE * 1000);
    expect((await introspectWith(key, access_token)).status).toBe(401);
    startNewIsolate();
    expect((await introspectWith(key, access_token)).status).toBe(401);
  });

  test('having expired: to the millisecond, for introspection too', async () => {
    const { key, worker } = await fresh({ expires_at: iso(START + 5000) });
    const { access_token } = await getToken(worker);
    vi.setSystemTime(START + 4999);
    expect((await use(key)).status).toBe(200);
    expect((await introspectWith(key, access_token)).status).toBe(200);
    vi.setSystemTime(START + 5000);
    expect((await use(key)).status).toBe(401);
    expect((await introspectWith(key, access_token)).status).toBe(401);
  });

  test('its organization having been disabled', async () => {
    const { key, organization } = await fresh();
    expect((await use(key)).status).toBe(200);
    await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
    expect((await use(key)).status).toBe(401);
  });
});

test('with D1 gone a key is 503, never 401', async () => {
  const { key } = await fresh();
  await problemOf(await failing('d1', () => use(key)), 503);
  expect((await failing('d1', () => introspectWith(key, 'x'))).status).toBe(503);
});

describe('the rotation of a key', () => {
  interface Rotated extends Key {
    hint: string;
    expires_at: string | null;
    last_used_at: string | null;
    rotated_at: string | null;
    secondary: null | { hint: string; expires_at: string | null; last_used_at: string | null; safe_to_delete: boolean };
  }
  const DAY = 24 * HOUR;
  const rotate = (id: string, body: object = {}, key?: string) =>
    api('POST', `api-keys/${id}/rotate`, { body, ...(key !== undefined && { key }) });
  const rotated = async (id: string, body: object = {}, key?: string) => {
    const answer = await rotate(id, body, key);
    expect(answer.status, await answer.clone().text()).toBe(201);
    return answer.json<Rotated>();
  };
  const shown = (id: string) => done<Rotated>('GET', `api-keys/${id}`);
  const status = async (key: string) => (await use(key)).status;

  test('gives it a new value with the same id, scopes and organization, and both are accepted until the old one is deleted', async () => {
    const { id, key, organization } = await fresh();
    await use(key);
    await noted(id, START);
    vi.setSystemTime(START + 2 * HOUR);
    const { api_key, ...made } = await rotated(id);
    expect(made).toMatchObject({
      id,
      organization_id: organization,
      scopes: ['clients:read', 'tokens:introspect'],
      hint: api_key.slice(-4),
      expires_at: null,
      last_used_at: iso(START),
      rotated_at: iso(START + 2 * HOUR),
      secondary: { hint: key.slice(-4), expires_at: null, last_used_at: iso(START), safe_to_delete: false },
    });
    expect([await status(key), await status(api_key)]).toEqual([200, 200]);
    await vi.waitFor(async () => expect((await shown(id)).secondary?.last_used_at).toBe(iso(START + 2 * HOUR)));
    expect((await done<{ rank: string }>('GET', 'me', { key })).rank).toBe('secondary');
    expect((await done<{ rank: string }>('GET', 'me', { key: api_key })).rank).toBe('primary');
    expect(await (await introspectWith(key, 'x')).json()).toEqual({ active: false });
    vi.setSystemTime(START + 30 * DAY);
    expect((await shown(id)).secondary).toMatchObject({ safe_to_delete: true });
    await done('DELETE', `api-keys/${id}/secondary`);
    expect([await status(key), await status(api_key)]).toEqual([401, 200]);
    expect((await shown(id)).secondary).toBeNull();
    expect((await api('DELETE', `api-keys/${id}/secondary`)).status).toBe(404);
  });

  test.each([
    ['after its grace, to the millisecond', {}, 5],
    ['at once', {}, 0],
    ['no later than it would have ended by itself', { expires_at: iso(START + 3000) }, 5],
  ])('ends the old value %s', async (_, fields, grace_seconds) => {
    const { id, key } = await fresh(fields);
    const end = grace_seconds === 0 ? START : START + ('expires_at' in fields ? 3000 : 5000);
    const { api_key, secondary } = await rotated(id, { grace_seconds, expires_at: null });
    expect(secondary?.expires_at).toBe(iso(end));
    vi.setSystemTime(Math.max(START, end - 1));
    expect(await status(key)).toBe(grace_seconds === 0 ? 401 : 200);
    vi.setSystemTime(end);
    expect([await status(key), await status(api_key)]).toEqual([401, 200]);
  });

  test('is refused while two values are live, unless the request says which one ends', async () => {
    const { id, key } = await fresh();
    const second = await rotated(id);
    expect((await problemOf(await rotate(id), 409)).detail).toContain(key.slice(-4));
    const third = await rotated(id, { replace_secondary: true });
    expect([await status(key), await status(second.api_key), await status(third.api_key)]).toEqual([401, 200, 200]);
    // The answer with the third value was lost: the second one stays.
    const fourth = await rotated(id, { replace_primary: true });
    expect(fourth.secondary?.hint).toBe(second.hint);
    const values = [second, third, fourth];
    expect(await Promise.all(values.map((value) => status(value.api_key)))).toEqual([200, 401, 200]);
    const fifth = await rotated(id, { replace_primary: true, replace_secondary: true });
    expect(await Promise.all([...values, fifth].map((value) => status(value.api_key)))).toEqual([401, 401, 401, 200]);
  });

  test('by two requests at the same time succeeds once', async () => {
    const { id, key } = await fresh();
    const answers = await Promise.all([rotate(id), rotate(id), rotate(id, {}, key)]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409]);
    const winner = await answers.find((answer) => answer.status === 201)?.json<Rotated>();
    expect([await status(key), await status(winner?.api_key ?? '')]).toEqual([200, 200]);
  });

  test('by the key itself needs no scope; by its old value only if the new one was lost and never used', async () => {
    const { id, key } = await fresh({ expires_at: iso(START + DAY) });
    const lost = await rotated(id, { grace_seconds: 60 }, key);
    await problemOf(await rotate(id, { replace_secondary: true }, key), 409);
    const second = await rotated(id, { replace_primary: true }, key);
    expect(second).toMatchObject({ expires_at: iso(START + DAY), secondary: { expires_at: iso(START + 60_000) } });
    expect(await status(lost.api_key)).toBe(401);
    await use(second.api_key);
    await noted(id, START);
    await problemOf(await rotate(id, { replace_primary: true }, key), 409);
    await problemOf(await rotate(id, { replace_secondary: true, expires_at: null }, second.api_key), 403);
    await problemOf(
      await rotate(id, { replace_secondary: true, expires_at: iso(START + DAY + 1) }, second.api_key),
      403,
    );
    await done('DELETE', `api-keys/${id}/secondary`, { key: second.api_key });
    expect(await status(key)).toBe(401);
  });

  test('leaves its new value unused, even if the use of the old one is recorded after it', async () => {
    const { id, key } = await fresh();
    let [isRotated, recorded] = [false, 0];
    const late = async (call: () => Promise<unknown>, sql: string) => {
      if (!sql.startsWith('update "api_keys" set "last_used_at" = ? where')) return call();
      while (!isRotated) await scheduler.wait(5);
      const answer = await call();
      recorded += 1;
      return answer;
    };
    await withFault('d1', late, async () => {
      await rotated(id, {}, key);
      isRotated = true;
      await vi.waitFor(() => expect(recorded).toBe(1));
    });
    const [row] = await rowsOf<{ last_used_at: number | null }>('SELECT last_used_at FROM api_keys WHERE id = ?', id);
    expect(row).toMatchObject({ last_used_at: null });
  });

  test('by another key needs `api-keys:write`, every scope of the key, and no earlier end', async () => {
    const { id, organization, key } = await fresh();
    const by = async (fields: object) =>
      (await create<Key>('api-keys', { organization_id: organization, name: `by ${++counter}`, ...fields })).api_key;
    const scopes = ['clients:read', 'tokens:introspect'];
    await problemOf(await rotate(id, {}, await by({ scopes })), 403);
    await problemOf(await rotate(id, {}, await by({ scopes: ['clients:read', 'api-keys:write'] })), 403);
    const all = [...scopes, 'api-keys:write'];
    await problemOf(await rotate(id, {}, await by({ scopes: all, expires_at: iso(START + DAY) })), 403);
    await problemOf(await api('DELETE', `api-keys/${id}/secondary`, { key: await by({ scopes }) }), 403);
    const { key: stranger } = await fresh({ scopes: all });
    await problemOf(await rotate(id, {}, stranger), 404);
    expect(await status(key)).toBe(200);
    await rotated(id, {}, await by({ scopes: all }));
  });

  test.each([
    ['grace_seconds', -1],
    ['grace_seconds', 90 * 86_400 + 1],
    ['grace_seconds', 1.5],
    ['grace_seconds', '60'],
    ['expires_at', iso(START)],
    ['expires_at', iso(START - 1)],
    ['expires_at', 'soon'],
    ['replace_primary', 'yes'],
    ['unknown', 1],
  ])('takes no %s of %j', async (field, value) => {
    const { id, key } = await fresh();
    expect(await pointedAt(await rotate(id, { [field]: value }))).toEqual([`/${field}`]);
    expect((await shown(id)).hint).toBe(key.slice(-4));
  });

  test.each([
    ['has expired', { expires_at: iso(START + 1) }, () => {}],
    [
      'was reported as leaked',
      {},
      (key: string) => done('POST', 'leaked-secrets', { body: { secret: key }, key: null }),
    ],
  ])('does not revive a key that %s', async (_, fields, end) => {
    const { id, key } = await fresh(fields);
    await end(key);
    vi.setSystemTime(START + 1);
    await problemOf(await rotate(id, { expires_at: iso(START + DAY) }), 409);
    expect(await status(key)).toBe(401);
  });

  test('of the root key, of a deleted key and of none is a 404', async () => {
    const { id } = await fresh();
    await done('DELETE', `api-keys/${id}`);
    for (const target of [id, 'root', 'key_none']) await problemOf(await rotate(target), 404);
  });

  test('whose answer was lost is answered again by its Idempotency-Key', async () => {
    const { id } = await fresh();
    const repeat = () => api('POST', `api-keys/${id}/rotate`, { body: {}, headers: { 'Idempotency-Key': 'again' } });
    const [first, second] = [await repeat(), await repeat()];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(await second.json()).toEqual(await first.json());
  });

  test('leaves the new value in use if the old one is reported as leaked', async () => {
    const { id, key } = await fresh();
    const { api_key } = await rotated(id);
    await done('POST', 'leaked-secrets', { body: { secret: key }, key: null });
    expect([await status(key), await status(api_key)]).toEqual([401, 200]);
    await done('POST', 'leaked-secrets', { body: { secret: api_key }, key: null });
    expect([await status(key), await status(api_key)]).toEqual([401, 401]);
  });

  test('is known to code that knows one value only by the new one', async () => {
    const { id, key } = await fresh();
    const { api_key } = await rotated(id, { grace_seconds: 60 });
    const [row] = await rowsOf<{ hint: string; hash: string; secondary_hint: string }>(
      'SELECT * FROM api_keys WHERE id = ?',
      id,
    );
    expect([row?.hint, row?.secondary_hint]).toEqual([api_key.slice(-4), key.slice(-4)]);
  });

  test('or an end is announced to webhooks once, 14 days before', async () => {
    const { id, organization, key } = await fresh({ expires_at: iso(START + 20 * DAY) });
    await create('webhooks', {
      organization_id: organization,
      name: 'hook',
      url: 'https://hooks.example.com/in',
      events: ['api_key.expiring'],
    });
    const notices = async () =>
      (
        await rowsOf<{ data: string }>(
          "SELECT data FROM webhook_notices WHERE target = ? AND type = 'api_key.expiring' ORDER BY id",
          id,
        )
      ).map(({ data }) => JSON.parse(data));
    const noticesAfter = async (days: number) => {
      vi.setSystemTime(START + days * DAY);
      await runScheduled(Date.now());
      await runScheduled(Date.now());
      return notices();
    };
    expect(await noticesAfter(5)).toEqual([]);
    const first = { name: 'key', rank: 'primary', hint: key.slice(-4), expires_at: iso(START + 20 * DAY) };
    expect(await noticesAfter(6)).toEqual([first]);
    const { hint } = await rotated(id, { grace_seconds: 86_400, expires_at: iso(START + 40 * DAY) });
    const second = { name: 'key', rank: 'secondary', hint: key.slice(-4), expires_at: iso(START + 7 * DAY) };
    expect(await noticesAfter(6)).toEqual(expect.arrayContaining([first, second]));
    expect(await noticesAfter(8)).toHaveLength(2);
    const third = { name: 'key', rank: 'primary', hint, expires_at: iso(START + 40 * DAY) };
    expect(await noticesAfter(26)).toEqual(expect.arrayContaining([first, second, third]));
    expect(await noticesAfter(27)).toHaveLength(3);
    const owed = await rowsOf(
      "SELECT event_id FROM webhook_deliveries WHERE event = 'api_key.expiring' AND event_id LIKE ?",
      `%${id}`,
    );
    expect(owed).toHaveLength(3);
  });
});

describe('GET /v1/me', () => {
  const service = { issuer: ISSUER, version };

  test('says what an API key is, whatever it may do', async () => {
    const expires_at = iso(START + HOUR);
    const { id, key, organization } = await fresh({ expires_at });
    const response = await api('GET', 'me', { key });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      kind: 'api_key',
      id,
      name: 'key',
      organization: { id: organization, name: expect.any(String) },
      scopes: ['clients:read', 'tokens:introspect'],
      rank: 'primary',
      expires_at,
      ...service,
    });
    vi.setSystemTime(START + HOUR);
    expect((await api('GET', 'me', { key })).status).toBe(401);
  });

  test('knows the root key, also while D1 is down', async () => {
    const root = { kind: 'root', id: null, name: null, organization: null, rank: null, expires_at: null, ...service };
    const answer = await failing('d1', () => done('GET', 'me'));
    expect(answer).toEqual({ ...root, scopes: expect.arrayContaining(['clients:write', 'audit:read']) });
  });
});
