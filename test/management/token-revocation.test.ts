import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ACCESS_TOKEN_TTL_MAX } from '../../src/constants.ts';
import { api, type Credentials, create, done, getToken, introspect, world } from '../http.ts';
import { failing } from '../instruments.ts';
import { problemOf } from './rows.ts';
import { eventsAbout } from './secrets.ts';

const START = new Date('2027-12-01T12:00:00Z').getTime();

let counter = 0;
const fresh = (client?: Record<string, unknown>) => world(`revoked-${++counter}`, client);

afterEach(() => {
  vi.useRealTimers();
});

async function isActive(caller: Credentials, token: string): Promise<boolean> {
  return (await (await introspect(caller, token)).json<{ active: boolean }>()).active;
}

function named(token: string) {
  const { jti, client_id, exp = 0 } = decodeJwt<{ client_id: string }>(token);
  return { jti, client_id, expires_at: new Date(exp * 1000).toISOString() };
}

const revoke = (body: unknown, init: object = {}) => api('POST', 'tokens/revoke', { body, ...init });

async function keyOf(organization: string, scopes = ['tokens:revoke']): Promise<string> {
  const name = `key ${++counter}`;
  return (await create('api-keys', { organization_id: organization, name, scopes })).api_key ?? '';
}

describe.each([
  ['the token', (token: string): Record<string, unknown> => ({ token })],
  ['what names it', named],
])('by %s', (_, bodyOf) => {
  test('a token is revoked, no other is, and the log tells of it without it', async () => {
    const { worker, api: caller, organization } = await fresh();
    const { access_token } = await getToken(worker);
    const { access_token: other } = await getToken(worker);
    expect(await isActive(caller, access_token)).toBe(true);
    const answer = await revoke(bodyOf(access_token), { key: await keyOf(organization) });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ revoked: true });
    expect(await isActive(caller, access_token)).toBe(false);
    expect(await isActive(caller, other)).toBe(true);
    const [event] = await eventsAbout(worker.client_id, 'token.revoked');
    const { jti, expires_at } = named(access_token);
    expect(event).toMatchObject({ organization_id: organization, changes: { jti, expires_at } });
    expect(JSON.stringify(event)).not.toContain(access_token);
  });

  test('a second time is the same', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    for (let times = 0; times < 2; times++) expect((await revoke(bodyOf(access_token))).status).toBe(200);
    expect(await isActive(caller, access_token)).toBe(false);
  });

  test('another organization’s token is left as it is', async () => {
    const { worker, api: caller } = await fresh();
    const { organization } = await fresh();
    const { access_token } = await getToken(worker);
    const refused = await revoke(bodyOf(access_token), { key: await keyOf(organization) });
    expect([404, 422]).toContain(refused.status);
    expect(await isActive(caller, access_token)).toBe(true);
    expect(await eventsAbout(worker.client_id, 'token.revoked')).toEqual([]);
  });

  test('with the gate gone it is 503, and a repeat does it', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    const headers = { 'Idempotency-Key': `revocation-${++counter}` };
    const lost = await failing('gate', () => revoke(bodyOf(access_token), { headers }));
    expect(lost.headers.get('Retry-After')).toBe('2');
    await problemOf(lost, 503);
    expect((await revoke(bodyOf(access_token), { headers })).status).toBe(200);
    expect(await isActive(caller, access_token)).toBe(false);
    const again = await revoke(bodyOf(access_token), { headers });
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(await eventsAbout(worker.client_id, 'token.revoked')).toHaveLength(1);
  });
});

test('a token that has expired, and what is none, say so', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  const { worker } = await fresh({ access_token_ttl: 60 });
  const { access_token } = await getToken(worker);
  vi.setSystemTime(START + 600_000);
  for (const token of [access_token, `${access_token.slice(0, -2)}AA`, 'a.b.c', 'x']) {
    expect((await problemOf(await revoke({ token }), 422)).errors).toMatchObject([{ pointer: '/token' }]);
  }
});

test('a token whose client was deleted can be revoked still', async () => {
  const { worker, api: caller } = await fresh();
  const { access_token } = await getToken(worker);
  await done('DELETE', `clients/${worker.client_id}`);
  expect((await revoke({ token: access_token })).status).toBe(200);
  expect(await isActive(caller, access_token)).toBe(false);
  await problemOf(await revoke(named(access_token)), 404);
});

test('a jti that nobody has seen can be revoked, and no other token is', async () => {
  const { worker, api: caller } = await fresh();
  const { access_token } = await getToken(worker);
  const body = { ...named(access_token), jti: 'not-seen-yet' };
  expect((await revoke(body)).status).toBe(200);
  expect(await isActive(caller, access_token)).toBe(true);
});

test.each([
  ['nothing', {}],
  ['both forms', { token: 'x', jti: 'x', client_id: 'x', expires_at: '2027-01-01T00:00:00Z' }],
  ['a token and a part of the other form', { token: 'x', jti: 'x' }],
  ['a part of the other form', { jti: 'x', client_id: 'x' }],
  ['a time that is none', { jti: 'x', client_id: 'x', expires_at: 'soon' }],
  ['a jti that is no text', { jti: 5, client_id: 'x', expires_at: '2027-01-01T00:00:00Z' }],
  ['a jti with a space', { jti: 'a b', client_id: 'x', expires_at: '2027-01-01T00:00:00Z' }],
  ['an empty token', { token: '' }],
])('%s is refused', async (_, body) => {
  await problemOf(await revoke(body), 422);
});

test('a token that would last longer than any does is refused', async () => {
  const { worker } = await fresh();
  const expires_at = new Date(Date.now() + (ACCESS_TOKEN_TTL_MAX + 120) * 1000).toISOString();
  const refused = await problemOf(await revoke({ jti: 'x', client_id: worker.client_id, expires_at }), 422);
  expect(refused.errors).toMatchObject([{ pointer: '/expires_at' }]);
});

describe('all tokens', () => {
  test('of a client: those issued so far, and no other client’s', async () => {
    const { worker, api: caller, organization, identifier } = await fresh();
    const sibling = await create<Credentials>('clients', {
      organization_id: organization,
      client_name: 'sibling',
      grants: [{ resource_server: identifier, scopes: ['read'] }],
    });
    const tokens = [await getToken(worker), await getToken(worker), await getToken(sibling)];
    const headers = { 'Idempotency-Key': 'all-of-a-client' };
    const path = `clients/${worker.client_id}/revoke-tokens`;
    const key = await keyOf(organization);
    expect(await done('POST', path, { headers, key })).toEqual({ revoked: true });
    const activity = () => Promise.all(tokens.map(({ access_token }) => isActive(caller, access_token)));
    expect(await activity()).toEqual([false, false, true]);

    tokens.push(await getToken(worker));
    const again = await api('POST', path, { headers, key });
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect(await activity()).toEqual([false, false, true, true]);
    expect(await eventsAbout(worker.client_id, 'client.tokens_revoked')).toHaveLength(1);
  });

  test('of an organization: of all of its clients, and of no other’s', async () => {
    const { worker, api: caller, organization, identifier } = await fresh();
    const { worker: stranger, api: strangersCaller } = await fresh();
    const sibling = await create<Credentials>('clients', {
      organization_id: organization,
      client_name: 'sibling',
      grants: [{ resource_server: identifier, scopes: ['read'] }],
    });
    const [one, two, three] = [await getToken(worker), await getToken(sibling), await getToken(stranger)];
    const path = `organizations/${organization}/revoke-tokens`;
    const headers = { 'Idempotency-Key': 'all-of-an-organization' };
    expect(await done('POST', path, { key: await keyOf(organization), headers })).toEqual({ revoked: true });
    expect(await isActive(caller, one.access_token)).toBe(false);
    expect(await isActive(caller, two.access_token)).toBe(false);
    expect(await isActive(strangersCaller, three.access_token)).toBe(true);
    expect(await isActive(caller, (await getToken(sibling)).access_token)).toBe(true);
  });

  test('are left alone by who may not: another organization’s key, or one without the scope', async () => {
    const { worker, api: caller, organization } = await fresh();
    const { organization: other } = await fresh();
    const { access_token } = await getToken(worker);
    const [stranger, reader] = [await keyOf(other), await keyOf(organization, ['clients:write'])];
    for (const path of [`clients/${worker.client_id}/revoke-tokens`, `organizations/${organization}/revoke-tokens`]) {
      await problemOf(await api('POST', path, { key: stranger }), 404);
      await problemOf(await api('POST', path, { key: reader }), 403);
    }
    await problemOf(await revoke({ token: access_token }, { key: reader }), 403);
    expect(await isActive(caller, access_token)).toBe(true);
  });

  test('with the gate gone it is 503, and a repeat with the key is answered once it has heard', async () => {
    const { worker, api: caller } = await fresh();
    const { access_token } = await getToken(worker);
    const path = `clients/${worker.client_id}/revoke-tokens`;
    const headers = { 'Idempotency-Key': `lost-${++counter}` };
    const attempt = () => api('POST', path, { headers });
    await failing(`gate:${worker.client_id}`, async () => {
      await problemOf(await attempt(), 503);
      await problemOf(await attempt(), 503);
    });
    expect((await attempt()).status).toBe(200);
    expect(await isActive(caller, access_token)).toBe(false);
    expect(await eventsAbout(worker.client_id, 'client.tokens_revoked')).toHaveLength(1);
  });
});
