import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { create } from '../http.ts';
import { keyWith } from '../management/rows.ts';
import { COOKIE, cookieOf, session, signIn, withCookie } from './browser.ts';

let organization: string;
let key: string;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  key = await keyWith(organization, ['clients:read', 'roles:write']);
});

describe('a session', () => {
  test('begins with an API key and has its rights', async () => {
    const response = await signIn({ api_key: key });
    expect(response.status).toBe(201);
    expect(response.headers.get('Set-Cookie')).toMatch(
      /^__Host-edgemint-session=emo_\w{57}; Path=\/; Max-Age=28800; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(await response.json()).toMatchObject({
      kind: 'api_key',
      organization: { id: organization, name: 'Acme' },
      scopes: ['clients:read', 'roles:write'],
      is_instance_admin: false,
    });
    const cookie = cookieOf(response);
    expect((await withCookie('GET', '/v1/clients', cookie)).status).toBe(200);
    expect((await withCookie('POST', '/v1/roles', cookie, { name: 'r' })).status).toBe(201);
    expect((await withCookie('GET', '/v1/api-keys', cookie)).status).toBe(403);
    expect((await withCookie('GET', '/console/session', cookie)).status).toBe(200);
  });

  test('with the root key lasts 15 minutes', async () => {
    const response = await signIn({ api_key: env.ROOT_API_KEY });
    expect(response.headers.get('Set-Cookie')).toContain('Max-Age=900;');
    expect(await response.json()).toMatchObject({ kind: 'root', organization: null, is_instance_admin: true });
    expect((await withCookie('GET', '/v1/signing-keys', cookieOf(response))).status).toBe(200);
  });

  test('ends by signing out', async () => {
    const cookie = await session({ api_key: key });
    const response = await withCookie('DELETE', '/console/session', cookie);
    expect(response.status).toBe(204);
    expect(response.headers.get('Set-Cookie')).toMatch(`${COOKIE}=; Path=/; Max-Age=0;`);
    expect((await withCookie('GET', '/v1/clients', cookie)).status).toBe(401);
    expect((await withCookie('GET', '/console/session', cookie)).status).toBe(401);
  });
});
