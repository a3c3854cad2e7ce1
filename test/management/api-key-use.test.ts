import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { version } from '../../package.json';
import { CALLER_AGE } from '../../src/constants.ts';
import { api, create, done, getToken, ISSUER, postForm, world } from '../http.ts';
import { failing, startNewIsolate, withFault } from '../instruments.ts';
import { problemOf } from './rows.ts';

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
      expires_at,
      ...service,
    });
    vi.setSystemTime(START + HOUR);
    expect((await api('GET', 'me', { key })).status).toBe(401);
  });

  test('knows the root key, also while D1 is down', async () => {
    const root = { kind: 'root', id: null, name: null, organization: null, expires_at: null, ...service };
    const answer = await failing('d1', () => done('GET', 'me'));
    expect(answer).toEqual({ ...root, scopes: expect.arrayContaining(['clients:write', 'audit:read']) });
  });
});
