import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { api, create, done, manage } from '../http.ts';
import { failing, holding, withFault } from '../instruments.ts';
import { everyRow, keyWith, problemOf, rowsOf } from '../management/rows.ts';
import { cookieOf, session, signIn, withCookie } from './browser.ts';

interface Link {
  readonly id: string;
  readonly url: string;
  readonly expires_at: string;
}

const RETURN_URL = 'https://app.example.com/machines?tab=1';
const SCOPES = [
  'clients:read',
  'clients:write',
  'resource-servers:read',
  'api-keys:write',
  'portal-links:write',
] as const;

let organization: string;
let key: string;
let keyId: string;
let counter = 0;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  key = await keyWith(organization, SCOPES);
  keyId = String((await rowsOf('SELECT id FROM api_keys WHERE hint = ?', key.slice(-4)))[0]?.id);
});

afterEach(() => {
  vi.useRealTimers();
});

const tokenOf = ({ url }: Link) => new URL(url).hash.slice(1);
const consoleLink = (by?: string) => create<Link>('console-links', {}, by);
const portalFields = { scopes: ['clients:read'], return_url: RETURN_URL };
const portalLink = (more: object = {}, by = key) => create<Link>('portal-links', { ...portalFields, ...more }, by);
const open = async (link: Link) => session({ link: tokenOf(link) });
const statusOf = async (cookie: string, path = '/v1/clients') => (await withCookie('GET', path, cookie)).status;
const refusalOf = async (response: Response) => (await problemOf(response, 401)).detail;

describe('a link to the console', () => {
  test('opens one session with the rights of its key', async () => {
    const link = await consoleLink(key);
    expect(link.url).toMatch(/^https:\/\/auth\.example\.com\/console\/link#eml_\w{57}$/);
    expect(Date.parse(link.expires_at) - Date.now()).toBeLessThanOrEqual(300_000);
    const response = await signIn({ link: tokenOf(link) });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ kind: 'api_key', scopes: SCOPES });
    expect(await (await withCookie('GET', '/v1/me', cookieOf(response))).json()).toMatchObject({ id: keyId });
  });

  test('with the root key opens a session of 15 minutes', async () => {
    const response = await signIn({ link: tokenOf(await consoleLink()) });
    expect(response.headers.get('Set-Cookie')).toContain('Max-Age=900;');
    expect(await statusOf(cookieOf(response), '/v1/signing-keys')).toBe(200);
  });

  test('is used up by its use, and says so', async () => {
    const link = await consoleLink(key);
    const cookie = await open(link);
    const before = await everyRow();
    const again = await signIn({ link: tokenOf(link) });
    expect(again.headers.get('Set-Cookie')).toBeNull();
    expect(await refusalOf(again)).toMatch(/^The link was used before, and works once\./);
    expect(await everyRow()).toEqual(before);
    expect(await statusOf(cookie)).toBe(200);
  });

  test('opens one session even if it is used ten times at once', async () => {
    const link = await consoleLink(key);
    const answers = await Promise.all(Array.from({ length: 10 }, () => signIn({ link: tokenOf(link) })));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 401)]);
    const events = await rowsOf(`SELECT id FROM audit_events WHERE changes ->> 'link' = ?`, link.id);
    expect(events.length).toBe(1);
  });

  test('opens no session if its use is not stored, and is then still good', async () => {
    const link = await consoleLink(key);
    const sessions = async () => (await rowsOf('SELECT id FROM console_sessions')).length;
    const before = await sessions();
    expect((await failing('d1', () => signIn({ link: tokenOf(link) }))).status).toBe(503);
    expect(await sessions()).toBe(before);
    expect((await signIn({ link: tokenOf(link) })).status).toBe(201);
  });

  test('opens its session even if D1 fails right after it was stored', async () => {
    const link = await consoleLink(key);
    let isStored = false;
    const response = await withFault(
      'd1',
      (call, asked) => {
        if (isStored) return Promise.reject(new Error('Network connection lost.'));
        isStored = asked.includes('insert into "console_sessions"');
        return call();
      },
      () => signIn({ link: tokenOf(link) }),
    );
    expect([isStored, response.status]).toEqual([true, 201]);
    expect(await statusOf(cookieOf(response))).toBe(200);
  });

  test('is used and opens its session in one transaction, even if nobody hears of it', async () => {
    const link = await consoleLink(key);
    const count = async () => (await rowsOf('SELECT id FROM console_sessions')).length;
    const before = await count();
    await holding('d1', async ({ lose }) => {
      const answer = signIn({ link: tokenOf(link) });
      lose();
      expect((await answer).status).toBe(503);
    });
    const [{ used_at } = {}] = await rowsOf<{ used_at: number | null }>(
      'SELECT used_at FROM console_links WHERE id = ?',
      link.id,
    );
    expect(used_at !== null).toBe((await count()) > before);
  });

  test('works for 5 minutes', async () => {
    const link = await consoleLink(key);
    vi.setSystemTime(Date.now() + 301_000);
    expect(await refusalOf(await signIn({ link: tokenOf(link) }))).toBe(
      'The link is not valid any more: its time is over. Make a new one.',
    );
  });

  test('is not valid after its key', async () => {
    const { id, api_key } = await create('api-keys', {
      organization_id: organization,
      name: 'k',
      scopes: ['roles:read'],
    });
    const link = await consoleLink(api_key);
    await done('DELETE', `api-keys/${id}`);
    expect(await refusalOf(await signIn({ link: tokenOf(link) }))).toContain('its key was deleted or changed');
  });

  test('ends the session that the browser had', async () => {
    const before = await session({ api_key: key });
    const response = await signIn({ link: tokenOf(await consoleLink(key)) }, { Cookie: before });
    expect([await statusOf(before), await statusOf(cookieOf(response))]).toEqual([401, 200]);
  });

  test('cannot be made by a session, which would have no end', async () => {
    for (const cookie of [await session({ api_key: key }), await session({ api_key: env.ROOT_API_KEY })]) {
      const response = await withCookie('POST', '/v1/console-links', cookie, {});
      expect((await problemOf(response, 403)).detail).toContain('A session of the console cannot create a link.');
    }
  });

  test('is neither stored nor logged in clear, and is no key', async () => {
    const lines: string[] = [];
    const spy = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
    const link = await consoleLink(key);
    const cookie = await open(link);
    await signIn({ link: tokenOf(link) });
    await statusOf(cookie);
    spy.mockRestore();
    const everything = JSON.stringify(await everyRow()) + lines.join('\n');
    expect(lines.length).toBeGreaterThan(3);
    for (const secret of [tokenOf(link), cookie.split('=')[1] ?? '', key]) expect(everything).not.toContain(secret);
    expect((await api('GET', 'me', { key: tokenOf(link) })).status).toBe(401);
    expect((await signIn({ api_key: tokenOf(link) })).status).toBe(401);
    expect((await signIn({ link: key })).status).toBe(401);
  });
});

describe('a portal link', () => {
  test('opens a session with its scopes and no more, and leads back', async () => {
    const link = await portalLink({ name: 'Ada', scopes: ['clients:read', 'resource-servers:read'] });
    const response = await signIn({ link: tokenOf(link) });
    expect(await response.json()).toMatchObject({
      kind: 'portal',
      name: 'Ada',
      organization: { id: organization, name: 'Acme' },
      scopes: ['clients:read', 'resource-servers:read'],
      is_instance_admin: false,
      return_url: RETURN_URL,
    });
    const cookie = cookieOf(response);
    expect(await statusOf(cookie)).toBe(200);
    const body = { client_name: 'made in the portal' };
    expect((await withCookie('POST', '/v1/clients', cookie, body)).status).toBe(403);
    expect(await statusOf(cookie, '/v1/signing-keys')).toBe(403);
    expect(await (await withCookie('GET', '/v1/me', cookie)).json()).toMatchObject({
      kind: 'portal',
      id: link.id,
      name: 'Ada',
      organization: { id: organization },
      rank: null,
    });
  });

  test('gives no more than its maker has: neither at first nor later, and no API key', async () => {
    const more = await manage('portal-links', { ...portalFields, scopes: ['clients:read', 'roles:write'] }, key);
    expect((await problemOf(more, 422)).errors).toEqual([
      { pointer: '/scopes/1', detail: expect.stringContaining('cannot grant `roles:write`') },
    ]);
    // With either of these the user could come back for ever.
    for (const scope of ['portal-links:write', 'api-keys:write']) {
      expect((await manage('portal-links', { ...portalFields, scopes: [scope] }, key)).status).toBe(422);
    }
    const { id: other } = await create('organizations', { name: 'Other' });
    expect((await manage('portal-links', { ...portalFields, organization_id: other }, key)).status).toBe(404);

    const cookie = await open(await portalLink());
    const fields = { name: `key ${++counter}`, scopes: ['clients:read'] };
    expect((await withCookie('POST', '/v1/api-keys', cookie, fields)).status).toBe(403);
    expect((await withCookie('POST', '/v1/portal-links', cookie, portalFields)).status).toBe(403);
    expect((await withCookie('POST', '/v1/console-links', cookie, {})).status).toBe(403);

    await env.DB.prepare('UPDATE api_keys SET scopes = ? WHERE id = ?').bind('["api-keys:write"]', keyId).run();
    expect(await statusOf(cookie)).toBe(403);
    await env.DB.prepare('UPDATE api_keys SET scopes = ? WHERE id = ?').bind(JSON.stringify(SCOPES), keyId).run();
    expect(await statusOf(cookie)).toBe(200);
  });

  test('made by a session is no stronger than the session', async () => {
    const cookie = await session({ api_key: key });
    const response = await withCookie('POST', '/v1/portal-links', cookie, portalFields);
    expect(response.status).toBe(201);
    const portal = await open(await response.json<Link>());
    expect(await statusOf(portal)).toBe(200);
    const more = await withCookie('POST', '/v1/portal-links', cookie, { ...portalFields, scopes: ['audit:read'] });
    expect(more.status).toBe(422);
  });

  test('and its session end with the key that made the link', async () => {
    const scopes = ['portal-links:write', 'clients:read'];
    const fields = { organization_id: organization, name: `key ${++counter}`, scopes };
    const { id, api_key } = await create('api-keys', fields);
    const link = await portalLink({}, api_key);
    const cookie = await open(await portalLink({}, api_key));
    expect(await statusOf(cookie)).toBe(200);
    await done('DELETE', `api-keys/${id}`);
    expect(await statusOf(cookie)).toBe(401);
    expect((await signIn({ link: tokenOf(link) })).status).toBe(401);
  });

  test('by the root key needs an organization', async () => {
    expect((await manage('portal-links', portalFields)).status).toBe(422);
    const cookie = await open(await portalLink({ organization_id: organization }, env.ROOT_API_KEY));
    expect(await statusOf(cookie)).toBe(200);
    expect(await statusOf(cookie, `/v1/audit-events?organization_id=${organization}`)).toBe(403);
  });

  test.each([
    'javascript:alert(1)',
    'JavaScript://app.example.com/%0aalert(1)',
    'data:text/html,x',
    'http://app.example.com/',
    'http://localhost.example.com/',
    '//app.example.com',
    '/console',
    'https://user:pass@app.example.com/',
    'https://app.example.com/ x',
    'https://app.example.com/\u202e',
    'https://',
    '',
  ])('does not lead back to %j', async (return_url) => {
    const response = await manage('portal-links', { ...portalFields, return_url }, key);
    expect((await problemOf(response, 422)).errors?.map(({ pointer }) => pointer)).toEqual(['/return_url']);
  });

  test.each(['http://localhost:3000/x', 'http://127.0.0.1/', 'https://app.example.com'])(
    'leads back to %s',
    async (return_url) => {
      expect((await manage('portal-links', { ...portalFields, return_url }, key)).status).toBe(201);
    },
  );

  test('works for 10 minutes, or as long as it says, up to an hour', async () => {
    const [usual, short] = [await portalLink(), await portalLink({ expires_in: 60 })];
    expect((await manage('portal-links', { ...portalFields, expires_in: 3601 }, key)).status).toBe(422);
    const now = Date.now();
    vi.setSystemTime(now + 61_000);
    expect((await signIn({ link: tokenOf(short) })).status).toBe(401);
    vi.setSystemTime(now + 590_000);
    expect((await signIn({ link: tokenOf(usual) })).status).toBe(201);
  });

  test('is in the audit log by its id, with its maker, its user and what the user did', async () => {
    const link = await portalLink({ name: 'Ada', scopes: ['clients:read', 'clients:write'] });
    const cookie = await open(link);
    await withCookie('POST', '/v1/clients', cookie, { client_name: `portal ${++counter}` });
    const events = await rowsOf<{ actor: string; action: string; changes: string }>(
      'SELECT actor, action, changes FROM audit_events WHERE target = ?1 OR actor = ?2 ORDER BY at, action DESC',
      link.id,
      `portal:${link.id}`,
    );
    expect(events.map(({ actor, action }) => [actor, action])).toEqual([
      [keyId, 'portal_link.created'],
      [`portal:${link.id}`, 'session.created'],
      [`portal:${link.id}`, 'client.created'],
    ]);
    expect(JSON.parse(events[0]?.changes ?? '')).toMatchObject({ name: 'Ada', return_url: RETURN_URL });
  });

  test('repeats nothing of another user: each link is an actor of its own', async () => {
    const [one, other] = [
      await portalLink({ scopes: ['clients:write'] }),
      await portalLink({ scopes: ['clients:write'] }),
    ];
    const body = { client_name: `client ${++counter}` };
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    const first = await withCookie('POST', '/v1/clients', await open(one), body, headers);
    expect(first.status).toBe(201);
    const second = await withCookie('POST', '/v1/clients', await open(other), body, headers);
    expect([second.status, second.headers.get('Idempotent-Replayed')]).toEqual([409, null]);
  });
});
