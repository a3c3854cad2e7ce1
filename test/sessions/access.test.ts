import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/platform/env.ts';
import { create, ISSUER } from '../http.ts';
import { rowsOf } from '../management/rows.ts';
import { asked, publishJson } from '../remote.ts';
import worker from '../worker.ts';
import { cookieOf, SAME_ORIGIN } from './browser.ts';

const TEAM = 'sessions-test.cloudflareaccess.com';
const AUD = 'c'.repeat(64);
const CERTS = '/cdn-cgi/access/certs';

let organization: string;
let variables: Env;
let signer: CryptoKey;
let stranger: CryptoKey;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  const pair = await generateKeyPair('RS256');
  signer = pair.privateKey;
  stranger = (await generateKeyPair('RS256')).privateKey;
  await publishJson(TEAM, CERTS, {
    keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }],
  });
  const rules = [
    { email: 'ada@example.com', admin: true },
    { group: 'ops', organization_id: organization, scopes: ['clients:read', 'api-keys:write'] },
    { service_token: 'robot.access', organization_id: organization, scopes: ['roles:read'] },
    { email: 'gone@example.com', organization_id: 'org_nothing', scopes: ['roles:read'] },
  ];
  variables = { ...env, ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: AUD, ACCESS_RULES: JSON.stringify(rules) } as Env;
});

afterEach(() => {
  vi.useRealTimers();
});

async function sendTo(target: Env, path: string, init: RequestInit): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(new URL(path, ISSUER), init) as unknown as Parameters<typeof worker.fetch>[0];
  const response = await worker.fetch(request, target, context);
  await waitOnExecutionContext(context);
  return response;
}

interface Forged {
  readonly claims?: Record<string, unknown>;
  readonly header?: { alg?: string; kid?: string };
  readonly key?: CryptoKey | Uint8Array;
}

const now = () => Math.floor(Date.now() / 1000);

function assert({ claims = {}, header = {}, key = signer }: Forged = {}): Promise<string> {
  const usual = {
    iss: `https://${TEAM}`,
    aud: [AUD],
    type: 'app',
    iat: now(),
    nbf: now(),
    exp: now() + 3600,
    sub: 's',
  };
  return new SignJWT({ ...usual, email: 'Ada@example.com', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(key);
}

async function signIn(assertion: string | undefined, target = variables): Promise<Response> {
  const headers = {
    ...SAME_ORIGIN,
    'Content-Type': 'application/json',
    ...(assertion !== undefined && { 'Cf-Access-Jwt-Assertion': assertion }),
  };
  return sendTo(target, '/console/session', { method: 'POST', headers, body: '{"access":true}' });
}

async function call(cookie: string, path: string, init: RequestInit = {}, target = variables): Promise<Response> {
  const headers = { ...SAME_ORIGIN, Cookie: cookie, 'Content-Type': 'application/json', ...init.headers };
  return sendTo(target, path, { ...init, headers });
}

const statusOf = async (cookie: string, path: string) => (await call(cookie, path)).status;
const detailOf = async (response: Response) => (await response.json<{ detail: string }>()).detail;

describe('by Cloudflare Access', () => {
  test('an administrator of the instance has the rights of the root key, by name', async () => {
    const response = await signIn(await assert());
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({
      kind: 'person',
      name: 'ada@example.com',
      organization: null,
      is_instance_admin: true,
      return_url: null,
    });
    const cookie = cookieOf(response);
    const me = await (await call(cookie, '/v1/me')).json();
    expect(me).toMatchObject({ kind: 'person', id: null, name: 'ada@example.com', organization: null, rank: null });
    expect(await statusOf(cookie, '/v1/signing-keys')).toBe(200);
    const name = `by ada ${crypto.randomUUID()}`;
    const created = await call(cookie, '/v1/organizations', { method: 'POST', body: JSON.stringify({ name }) });
    const { id } = await created.json<{ id: string }>();
    expect(created.status).toBe(201);
    const events = await rowsOf<{ actor: string }>('SELECT actor FROM audit_events WHERE target = ?', id);
    expect(events).toEqual([{ actor: 'person:ada@example.com' }]);
    const found = await call(cookie, '/v1/audit-events?actor=person:ada@example.com');
    expect((await found.json<{ data: unknown[] }>()).data.length).toBeGreaterThan(1);
  });

  test('a member of a group has the scopes of its rule in one organization, and can pass on no more', async () => {
    const claims = { email: 'bob@example.com', custom: { groups: ['ops'] } };
    const cookie = cookieOf(await signIn(await assert({ claims })));
    const statuses = await Promise.all(
      ['/v1/clients', '/v1/roles', '/v1/signing-keys'].map((path) => statusOf(cookie, path)),
    );
    expect(statuses).toEqual([200, 403, 403]);
    const make = (scopes: string[]) =>
      call(cookie, '/v1/api-keys', { method: 'POST', body: JSON.stringify({ name: crypto.randomUUID(), scopes }) });
    expect([(await make(['clients:read'])).status, (await make(['clients:write'])).status]).toEqual([201, 422]);
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    const body = JSON.stringify({ name: crypto.randomUUID(), scopes: ['clients:read'] });
    const twice = [1, 2].map(() => () => call(cookie, '/v1/api-keys', { method: 'POST', body, headers }));
    const [first, second] = [await twice[0]?.(), await twice[1]?.()];
    expect(await second?.json()).toEqual(await first?.json());
    expect((await call(cookie, '/v1/console-links', { method: 'POST', body: '{}' })).status).toBe(403);
  });

  test('a service token has rights only by its name', async () => {
    const claims = { email: undefined, common_name: 'robot.access', sub: '' };
    const cookie = cookieOf(await signIn(await assert({ claims })));
    expect(await statusOf(cookie, '/v1/roles')).toBe(200);
    const other = await assert({ claims: { ...claims, common_name: 'other.access', groups: ['ops'] } });
    expect((await signIn(other)).status).toBe(403);
  });

  test.each<[string, () => Promise<string | undefined>, number]>([
    ['without an assertion', async () => undefined, 401],
    ['with no JWT', async () => 'nonsense', 401],
    ['with a signature of another key', () => assert({ key: stranger }), 401],
    ['with a key that is not there', () => assert({ header: { kid: 'k9' } }), 401],
    ['without a signature', async () => unsigned(), 401],
    ['with HMAC', () => assert({ header: { alg: 'HS256' }, key: new Uint8Array(32) }), 401],
    ['of another team', () => assert({ claims: { iss: 'https://evil.cloudflareaccess.com' } }), 401],
    ['of another application', () => assert({ claims: { aud: ['d'.repeat(64)] } }), 401],
    ['without an audience', () => assert({ claims: { aud: undefined } }), 401],
    ['that has expired', () => assert({ claims: { exp: now() - 60 } }), 401],
    ['that never expires', () => assert({ claims: { exp: undefined } }), 401],
    ['that is not valid yet', () => assert({ claims: { nbf: now() + 600 } }), 401],
    ['of the team itself', () => assert({ claims: { type: 'org' } }), 401],
    ['of nobody', () => assert({ claims: { email: undefined } }), 401],
    ['of somebody whom no rule names', () => assert({ claims: { email: 'eve@example.com' } }), 403],
    ['of somebody whose organization is gone', () => assert({ claims: { email: 'gone@example.com' } }), 401],
  ])('nobody signs in %s', async (_, make, status) => {
    const response = await signIn(await make());
    expect([response.status, response.headers.get('Set-Cookie')]).toEqual([status, null]);
    expect(await detailOf(response)).not.toBe('');
  });

  test('an assertion for another team costs no fetch, and nor does one that was verified before', async () => {
    await signIn(await assert());
    const before = await asked(TEAM, CERTS);
    await signIn(await assert({ claims: { iss: 'https://evil.cloudflareaccess.com' } }));
    await signIn(await assert());
    expect(await asked(TEAM, CERTS)).toBe(before);
  });

  test('a session lasts as long as the assertion, and no longer than 8 hours', async () => {
    const short = await signIn(await assert({ claims: { exp: now() + 600 } }));
    expect(short.headers.get('Set-Cookie')).toMatch(/Max-Age=(600|599|598);/);
    expect((await signIn(await assert({ claims: { exp: now() + 86_400 } }))).headers.get('Set-Cookie')).toContain(
      'Max-Age=28800;',
    );
    vi.setSystemTime(Date.now() + 601_000);
    expect(await statusOf(cookieOf(short), '/v1/me')).toBe(401);
  });

  test('a session ends when a rule changes, and when Access is switched off', async () => {
    const cookie = cookieOf(await signIn(await assert()));
    const changed = { ...variables, ACCESS_RULES: '[{"email":"ada@example.com","admin":true}]' } as Env;
    const without = { ...env } as Env;
    expect([
      (await call(cookie, '/v1/me', {}, changed)).status,
      (await call(cookie, '/v1/me', {}, without)).status,
      await statusOf(cookie, '/v1/me'),
    ]).toEqual([401, 401, 200]);
  });

  test('the page is told that it can sign in, and of another person', async () => {
    const headers = { ...SAME_ORIGIN, 'Cf-Access-Jwt-Assertion': await assert() };
    const none = await sendTo(variables, '/console/session', { headers });
    expect([none.status, await none.json()]).toEqual([401, expect.objectContaining({ access: true })]);
    const cookie = cookieOf(await signIn(await assert()));
    expect((await call(cookie, '/console/session', { headers })).status).toBe(200);
    const bob = await assert({ claims: { email: 'bob@example.com' } });
    const other = await call(cookie, '/console/session', { headers: { 'Cf-Access-Jwt-Assertion': bob } });
    expect([other.status, await other.json()]).toEqual([401, expect.objectContaining({ access: true })]);
    expect(await statusOf(cookie, '/v1/me')).toBe(401);
    const again = cookieOf(await signIn(await assert()));
    const forged = await assert({ claims: { email: 'bob@example.com' }, key: stranger });
    const ignored = await call(again, '/console/session', { headers: { 'Cf-Access-Jwt-Assertion': forged } });
    expect([ignored.status, await statusOf(again, '/v1/me')]).toEqual([200, 200]);
  });

  test('a session ends when a later assertion gives other rights', async () => {
    const claims = { email: 'bob@example.com', groups: ['ops'] };
    const cookie = cookieOf(await signIn(await assert({ claims })));
    const show = async (groups: string[]) => {
      const headers = { 'Cf-Access-Jwt-Assertion': await assert({ claims: { ...claims, groups } }) };
      return (await call(cookie, '/console/session', { headers })).status;
    };
    expect([await show(['others', 'ops']), await show([])]).toEqual([200, 401]);
    expect(await statusOf(cookie, '/v1/me')).toBe(401);
    const ended = await rowsOf(
      `SELECT id FROM audit_events WHERE action = 'session.ended' AND actor = ?`,
      'person:bob@example.com',
    );
    expect(ended.length).toBe(1);
  });

  test('an assertion that has just expired ends no session', async () => {
    const cookie = cookieOf(await signIn(await assert()));
    const headers = {
      ...SAME_ORIGIN,
      'Content-Type': 'application/json',
      Cookie: cookie,
      'Cf-Access-Jwt-Assertion': await assert({ claims: { exp: now() - 5 } }),
    };
    const late = await sendTo(variables, '/console/session', { method: 'POST', headers, body: '{"access":true}' });
    expect([late.status, await statusOf(cookie, '/v1/me')]).toEqual([401, 200]);
  });

  test('the header alone gives no access to /v1', async () => {
    const headers = { ...SAME_ORIGIN, 'Cf-Access-Jwt-Assertion': await assert() };
    expect((await sendTo(variables, '/v1/me', { headers })).status).toBe(401);
  });

  test('keys that cannot be fetched are answered 503', async () => {
    const ACCESS_TEAM_DOMAIN = 'sessions-test-down.cloudflareaccess.com';
    const down = { ...variables, ACCESS_TEAM_DOMAIN } as Env;
    const response = await signIn(await assert({ claims: { iss: `https://${ACCESS_TEAM_DOMAIN}` } }), down);
    expect([response.status, response.headers.has('Retry-After')]).toEqual([503, true]);
  });

  test('a rule that is malformed is a fault of the configuration', async () => {
    const broken = { ...variables, ACCESS_RULES: '{' } as Env;
    expect((await signIn(await assert(), broken)).status).toBe(500);
    // It stops people, and no machine.
    expect((await sendTo(broken, '/healthz', {})).status).toBe(200);
  });
});

function unsigned(): string {
  const encode = (value: object) =>
    btoa(JSON.stringify(value)).replaceAll('=', '').replaceAll('+', '-').replaceAll('/', '_');
  const claims = { iss: `https://${TEAM}`, aud: [AUD], iat: now(), exp: now() + 600, email: 'ada@example.com' };
  return `${encode({ alg: 'none' })}.${encode(claims)}.AA`;
}
