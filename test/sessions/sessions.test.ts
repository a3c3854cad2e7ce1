import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SESSIONS_PER_ACTOR } from '../../src/sessions/constants.ts';
import { api, create, done, ISSUER, send } from '../http.ts';
import { calls, failing, hanging, startNewIsolate } from '../instruments.ts';
import { everyRow, keyWith, rowsOf } from '../management/rows.ts';
import { runScheduled } from '../management/scheduled.ts';
import { COOKIE, cookieOf, SAME_ORIGIN, session, signIn, withCookie } from './browser.ts';

let organization: string;
let key: string;
let counter = 0;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  key = await keyWith(organization, ['clients:read', 'roles:write', 'api-keys:write']);
});

afterEach(() => {
  vi.useRealTimers();
});

const newKey = (more: object = {}) =>
  create('api-keys', { organization_id: organization, name: `key ${++counter}`, scopes: ['clients:read'], ...more });
const statusOf = async (cookie: string, path = '/v1/clients') => (await withCookie('GET', path, cookie)).status;
const detailOf = async (response: Response) => (await response.json<{ detail: string }>()).detail;

describe('a session', () => {
  test('begins with an API key and has its rights', async () => {
    const response = await signIn({ api_key: key });
    expect(response.status).toBe(201);
    expect(response.headers.get('Set-Cookie')).toMatch(
      /^__Host-edgemint-session=emo_\w{57}; Path=\/; Max-Age=28800; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(response.headers.get('Cache-Control')).toContain('no-store');
    const shown = await response.json<Record<string, unknown>>();
    expect(shown).toMatchObject({
      kind: 'api_key',
      organization: { id: organization, name: 'Acme' },
      scopes: ['clients:read', 'roles:write', 'api-keys:write'],
      is_instance_admin: false,
      return_url: null,
    });
    const cookie = cookieOf(response);
    expect(await statusOf(cookie)).toBe(200);
    expect((await withCookie('POST', '/v1/roles', cookie, { name: 'r' })).status).toBe(201);
    expect(await statusOf(cookie, '/v1/api-keys')).toBe(403);
    expect(await (await withCookie('GET', '/console/session', cookie)).json()).toEqual(shown);
  });

  test('with the root key lasts 15 minutes, on the clock of the service', async () => {
    const response = await signIn({ api_key: env.ROOT_API_KEY });
    expect(response.headers.get('Set-Cookie')).toContain('Max-Age=900;');
    expect(await response.json()).toMatchObject({ kind: 'root', organization: null, is_instance_admin: true });
    const cookie = cookieOf(response);
    expect(await statusOf(cookie, '/v1/signing-keys')).toBe(200);
    vi.setSystemTime(Date.now() + 15 * 60_000);
    const ended = await withCookie('GET', '/v1/signing-keys', cookie);
    expect(ended.status).toBe(401);
    expect(await detailOf(ended)).toBe('The session has ended: its time is over. Sign in again.');
  });

  test('ends after 8 hours, and not after the key', async () => {
    const cookie = await session({ api_key: key });
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const short = await signIn({ api_key: (await newKey({ expires_at: soon })).api_key });
    expect(await short.json()).toMatchObject({ expires_at: soon });
    vi.setSystemTime(Date.now() + 3_600_000);
    expect([await statusOf(cookie), await statusOf(cookieOf(short))]).toEqual([200, 401]);
    vi.setSystemTime(Date.now() + 7 * 3_600_000);
    expect(await statusOf(cookie)).toBe(401);
  });

  test('ends by signing out, and the cookie is removed even without a session', async () => {
    const cookie = await session({ api_key: key });
    const response = await withCookie('DELETE', '/console/session', cookie);
    expect(response.status).toBe(204);
    expect(response.headers.get('Set-Cookie')).toMatch(`${COOKIE}=; Path=/; Max-Age=0;`);
    expect(await statusOf(cookie)).toBe(401);
    expect(await statusOf(cookie, '/console/session')).toBe(401);
    const again = await withCookie('DELETE', '/console/session', cookie);
    expect([again.status, again.headers.get('Set-Cookie')?.includes('Max-Age=0')]).toEqual([204, true]);
  });

  test('has a new value at each sign-in, and ends the one before in the same browser', async () => {
    const first = await session({ api_key: key });
    const response = await signIn({ api_key: key }, { Cookie: first });
    const second = cookieOf(response);
    expect(second).not.toBe(first);
    expect([await statusOf(first), await statusOf(second)]).toEqual([401, 200]);
    // A value that another party chose is never taken over.
    const chosen = `${COOKIE}=emo_${'a'.repeat(57)}`;
    expect(cookieOf(await signIn({ api_key: key }, { Cookie: chosen }))).not.toBe(chosen);
    expect(await statusOf(chosen)).toBe(401);
  });

  test('ends with its key: deleted, expired, reported as leaked', async () => {
    const [deleted, leaked, expired] = [await newKey(), await newKey(), await newKey()];
    const cookies = await Promise.all([deleted, leaked, expired].map(({ api_key }) => session({ api_key })));
    await done('DELETE', `api-keys/${deleted?.id}`);
    await api('POST', 'leaked-secrets', { key: null, body: { secret: leaked?.api_key } });
    await env.DB.prepare('UPDATE api_keys SET expires_at = ? WHERE id = ?').bind(Date.now(), expired?.id).run();
    expect(await Promise.all(cookies.map((cookie) => statusOf(cookie)))).toEqual([401, 401, 401]);
    const response = await withCookie('GET', '/v1/clients', cookies[0] ?? '');
    expect(await detailOf(response)).toContain('its key was deleted or changed, or has expired');
  });

  test('ends with the value of the key that it began with', async () => {
    const { id, api_key } = await newKey();
    const old = await session({ api_key });
    const rotated = await done<Record<string, string>>('POST', `api-keys/${id}/rotate`);
    const renewed = await session({ api_key: rotated.api_key });
    expect([await statusOf(old), await statusOf(renewed)]).toEqual([200, 200]);
    await done('DELETE', `api-keys/${id}/secondary`);
    expect([await statusOf(old), await statusOf(renewed)]).toEqual([401, 200]);
  });

  test('knows which value of its key it began with, so that the old value cannot take the key over', async () => {
    const { id, api_key } = await newKey({ scopes: ['clients:read', 'api-keys:write'] });
    const old = await session({ api_key });
    const rotated = await done<Record<string, string>>('POST', `api-keys/${id}/rotate`);
    await api('GET', 'me', { key: String(rotated.api_key) });
    expect(await (await withCookie('GET', '/v1/me', old)).json()).toMatchObject({ rank: 'secondary', id });
    const taking = await withCookie('POST', `/v1/api-keys/${id}/rotate`, old, { replace_primary: true });
    expect(taking.status).toBe(409);
  });

  test('takes its key over only with `api-keys:write`: the new value would outlive the session', async () => {
    const { id, api_key } = await newKey();
    const cookie = await session({ api_key });
    expect((await withCookie('POST', `/v1/api-keys/${id}/rotate`, cookie, {})).status).toBe(403);
    expect((await withCookie('DELETE', `/v1/api-keys/${id}/secondary`, cookie)).status).toBe(403);
    expect((await api('POST', `api-keys/${id}/rotate`, { key: String(api_key), body: {} })).status).toBe(201);
  });

  test('has the scopes that the key has now, and ends with the organization', async () => {
    const { id: other } = await create('organizations', { name: `other ${++counter}` });
    const { id, api_key } = await newKey({ organization_id: other });
    const cookie = await session({ api_key });
    await env.DB.prepare(`UPDATE api_keys SET scopes = '["roles:read"]' WHERE id = ?`).bind(id).run();
    expect([await statusOf(cookie), await statusOf(cookie, '/v1/roles')]).toEqual([403, 200]);
    await done('PATCH', `organizations/${other}`, { body: { status: 'disabled' } });
    const ended = await withCookie('GET', '/v1/roles', cookie);
    expect([ended.status, await detailOf(ended)]).toEqual([401, expect.stringContaining('deleted or disabled')]);
    await done('PATCH', `organizations/${other}`, { body: { status: 'active' } });
    expect(await statusOf(cookie, '/v1/roles')).toBe(200);
    await done('DELETE', `organizations/${other}?cascade=true`);
    expect(await statusOf(cookie, '/v1/roles')).toBe(401);
  });

  test('of the root key ends when the root key changes', async () => {
    const cookie = await session({ api_key: env.ROOT_API_KEY });
    await env.DB.prepare(`UPDATE console_sessions SET credential = 'of another key' WHERE kind = 'root'`).run();
    expect(await statusOf(cookie, '/v1/signing-keys')).toBe(401);
  });

  test('is one of a bounded number', async () => {
    const { id, api_key } = await newKey();
    const oldest = await session({ api_key });
    for (let count = 1; count < SESSIONS_PER_ACTOR; count++) await session({ api_key });
    expect(await statusOf(oldest)).toBe(200);
    await session({ api_key });
    expect(await statusOf(oldest)).toBe(401);
    const rows = await rowsOf('SELECT id FROM console_sessions WHERE holder = ?', id);
    expect(rows.length).toBe(SESSIONS_PER_ACTOR);
  });

  test('is purged when it has ended', async () => {
    await session({ api_key: key });
    expect((await rowsOf('SELECT id FROM console_sessions')).length).toBeGreaterThan(0);
    vi.setSystemTime(Date.now() + 9 * 3_600_000);
    await runScheduled(Date.now());
    expect(await rowsOf('SELECT id FROM console_sessions')).toEqual([]);
  });

  test('survives a new isolate, costs one D1 query a request, and is one for HEAD', async () => {
    const cookie = await session({ api_key: key });
    startNewIsolate();
    await statusOf(cookie);
    const before = calls.d1;
    await withCookie('GET', '/v1/clients', cookie);
    const bySession = calls.d1 - before;
    await api('GET', 'clients', { key });
    expect(bySession).toBe(calls.d1 - before - bySession);
    expect((await withCookie('HEAD', '/v1/clients', cookie)).status).toBe(200);
  });

  test('is in the audit log with its beginning, its end and what it did', async () => {
    const { id, api_key } = await newKey({ scopes: ['roles:write'] });
    const cookie = await session({ api_key });
    const { id: sessionId } = await (await withCookie('GET', '/console/session', cookie)).json<{ id: string }>();
    await withCookie('POST', '/v1/roles', cookie, { name: `role ${++counter}` });
    await withCookie('DELETE', '/console/session', cookie);
    const events = await rowsOf('SELECT action, target, actor FROM audit_events WHERE actor = ? ORDER BY at', id);
    expect(events.map(({ action }) => action)).toEqual(['session.created', 'role.created', 'session.ended']);
    expect([events[0]?.target, events[2]?.target]).toEqual([sessionId, sessionId]);
  });
});

describe('a cookie is not enough', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['of another site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }],
    ['of another host of the domain', { 'Sec-Fetch-Site': 'same-site', Origin: 'https://app.example.com' }],
    ['that the user typed', { 'Sec-Fetch-Site': 'none', Origin: undefined }],
    ['of a browser that does not say where from', { 'Sec-Fetch-Site': undefined }],
    ['with another origin', { Origin: 'https://evil.example' }],
    ['with the origin of a sandbox', { Origin: 'null' }],
    ['without an origin', { Origin: undefined }],
    ['with another port', { Origin: `${ISSUER}:8443` }],
    ['over http', { Origin: ISSUER.replace('https', 'http') }],
  ])('for a request %s', async (_, changed) => {
    const cookie = await session({ api_key: key });
    const headers = Object.fromEntries(
      Object.entries({ ...SAME_ORIGIN, ...changed, Cookie: cookie, 'Content-Type': 'application/json' }).filter(
        ([, value]) => value !== undefined,
      ),
    ) as Record<string, string>;
    const before = await everyRow();
    const body = JSON.stringify({ name: `forged ${++counter}` });
    const response = await send('/v1/roles', { method: 'POST', headers, body });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      type: 'urn:edgemint:problem:forbidden',
      detail: expect.stringMatching(/^The session cookie was not accepted\. .*API key/),
    });
    const signingOut = await send('/console/session', { method: 'DELETE', headers });
    const signingIn = await send('/console/session', {
      method: 'POST',
      headers,
      body: JSON.stringify({ api_key: key }),
    });
    expect([signingOut.status, signingIn.status]).toEqual([403, 403]);
    expect([signingOut, signingIn].map((one) => one.headers.get('Set-Cookie'))).toEqual([null, null]);
    expect(await everyRow()).toEqual(before);
    if (headers['Sec-Fetch-Site'] !== 'same-origin') {
      const reading = await send('/v1/clients', { headers });
      expect([reading.status, (await send('/console/session', { headers })).status]).toEqual([403, 403]);
    }
  });

  test('for a form, which any site can send', async () => {
    const headers = { ...SAME_ORIGIN, 'Content-Type': 'text/plain' };
    const response = await send('/console/session', {
      method: 'POST',
      headers,
      body: JSON.stringify({ api_key: key }),
    });
    expect([response.status, response.headers.get('Set-Cookie')]).toEqual([415, null]);
  });

  test('no script of another site may read an answer: there are no CORS headers', async () => {
    const cookie = await session({ api_key: key });
    const response = await withCookie('GET', '/v1/clients', cookie);
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(response.headers.get('Cache-Control')).toContain('no-store');
    const preflight = await send('/v1/clients', { method: 'OPTIONS', headers: { Origin: 'https://evil.example' } });
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull();
  });

  test('a request with an Authorization header never uses it', async () => {
    const cookie = await session({ api_key: env.ROOT_API_KEY });
    for (const Authorization of ['Bearer nonsense', 'Bearer', 'Basic YTpi']) {
      const response = await withCookie('GET', '/v1/signing-keys', cookie, undefined, { Authorization });
      expect([Authorization, response.status]).toEqual([Authorization, 401]);
    }
    const weaker = await withCookie('GET', '/v1/signing-keys', cookie, undefined, { Authorization: `Bearer ${key}` });
    expect(weaker.status).toBe(403);
  });

  test('two cookies of its name are refused, and cookies of other names are not it', async () => {
    const cookie = await session({ api_key: key });
    const value = cookie.slice(COOKIE.length + 1);
    const two = await withCookie('GET', '/v1/clients', `${cookie}; ${COOKIE}=emo_other`);
    expect([two.status, await detailOf(two)]).toEqual([401, expect.stringContaining('two session cookies')]);
    for (const name of [`x${COOKIE}`, COOKIE.toUpperCase(), COOKIE.slice('__Host-'.length), `${COOKIE}2`])
      expect(await statusOf(`${name}=${value}`)).toBe(401);
    expect(await statusOf(`theme=dark; ${cookie}; a=b`)).toBe(200);
  });

  test('invented values cost no D1 query, and name no reason', async () => {
    await statusOf(await session({ api_key: key }));
    const before = calls.d1;
    for (const value of ['', 'x', `emo_${'0'.repeat(57)}`, key, `eml_${'0'.repeat(57)}`])
      expect(await statusOf(`${COOKIE}=${value}`)).toBe(401);
    expect(calls.d1).toBe(before);
  });

  test('the endpoints of machines do not take it, except introspection', async () => {
    const cookie = await session({ api_key: env.ROOT_API_KEY });
    for (const path of ['token', 'revoke', 'rotate-secret']) {
      const headers = { ...SAME_ORIGIN, Cookie: cookie, 'Content-Type': 'application/x-www-form-urlencoded' };
      const body = 'grant_type=client_credentials&token=t';
      const response = await send(`/oauth2/${path}`, { method: 'POST', headers, body });
      expect([path, response.status]).toEqual([path, 401]);
    }
  });

  test('a session cannot sign in as a key', async () => {
    const cookie = await session({ api_key: key });
    expect((await signIn({ api_key: cookie.slice(COOKIE.length + 1) })).status).toBe(401);
    expect((await api('GET', 'me', { key: cookie.slice(COOKIE.length + 1) })).status).toBe(401);
  });
});

describe('signing in', () => {
  test.each<[string, unknown, number]>([
    ['a wrong key', { api_key: 'emk_wrong' }, 401],
    ['an invented link', { link: `eml_${'0'.repeat(57)}` }, 401],
    ['Cloudflare Access, which is not set up', { access: true }, 401],
    ['nothing', {}, 422],
    ['two things', { api_key: 'emk_x', link: 'x' }, 422],
    ['something else', { password: 'x' }, 422],
    ['no text', { api_key: 1 }, 422],
    ['a list', [], 422],
    ['null', null, 422],
    ['too much', { api_key: 'x'.repeat(5000) }, 413],
  ])('with %s is refused', async (_, body, status) => {
    const response = await signIn(body);
    expect([response.status, response.headers.get('Set-Cookie')]).toEqual([status, null]);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  });

  test('with wrong keys is held back, and with the right one is not', async () => {
    const headers = { 'CF-Connecting-IP': '192.0.2.77' };
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 25; attempt++)
      statuses.push((await signIn({ api_key: 'emk_wrong' }, headers)).status);
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429]);
    const held = await signIn({ api_key: 'emk_wrong' }, headers);
    expect(Number(held.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect((await signIn({ api_key: key }, headers)).status).toBe(201);
    expect((await signIn({ api_key: 'emk_wrong' }, { 'CF-Connecting-IP': '192.0.2.78' })).status).toBe(401);
  });

  test('without D1 is answered 503, and so is the use of a session', async () => {
    const cookie = await session({ api_key: key });
    const ways = () =>
      Promise.all([
        signIn({ api_key: key }),
        withCookie('GET', '/v1/clients', cookie),
        withCookie('GET', '/console/session', cookie),
        withCookie('DELETE', '/console/session', cookie),
      ]);
    for (const during of [failing, hanging]) {
      const answers = await during('d1', ways);
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
      expect(answers.map((answer) => answer.headers.has('Retry-After'))).toEqual([true, true, true, true]);
      expect(answers.map((answer) => answer.headers.get('Set-Cookie'))).toEqual([null, null, null, null]);
    }
    expect(await statusOf(cookie)).toBe(200);
  });

  test('leaves nothing in D1 by which the cookie or key could be used', async () => {
    const cookie = await session({ api_key: key });
    const rows = JSON.stringify(await everyRow());
    expect(rows).not.toContain(cookie.slice(COOKIE.length + 1));
    expect(rows).not.toContain(key);
  });

  test('with a method that there is not', async () => {
    const response = await withCookie('PUT', '/console/session', '');
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD, POST, DELETE']);
  });
});
