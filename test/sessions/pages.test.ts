import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { Env } from '../../src/platform/env.ts';
import { api, ISSUER } from '../http.ts';
import worker from '../worker.ts';
import { SAME_ORIGIN, session } from './browser.ts';

const BROWSER = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const off = { ...env, CONSOLE: 'off' } as Env;

async function sendTo(target: Env, url: string, init?: RequestInit): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(url, init) as unknown as Parameters<typeof worker.fetch>[0];
  const response = await worker.fetch(request, target, context);
  await waitOnExecutionContext(context);
  return response;
}

/** The console's files, as they are built. */
const assets = (files: Readonly<Record<string, [type: string, text: string]>>) => ({
  fetch: async (url: string) => {
    const [type, text] = files[new URL(url).pathname] ?? [];
    return type === undefined
      ? new Response('Not found', { status: 404 })
      : new Response(text ?? '', { headers: { 'Content-Type': type } });
  },
});
const BUILT = assets({
  '/console/index.html': [
    'text/html',
    '<script src="./assets/index-abc.js"></script><link href="./assets/index-abc.css">',
  ],
  '/console/assets/index-abc.js': ['text/javascript', 'start()'],
});

describe.each([ISSUER, `${ISSUER}/tenant/a`])('at %s', (issuer) => {
  const built = { ...env, ISSUER: issuer, ASSETS: BUILT } as unknown as Env;
  const path = new URL(issuer).pathname.replace(/\/$/, '');

  test('the page is at every address of the console, and cannot be framed or run anything else', async () => {
    for (const address of ['/console', '/console/', '/console/organizations/org_1/clients', '/console/link']) {
      const response = await sendTo(built, `${issuer}${address}`);
      expect([address, response.status]).toEqual([address, 200]);
      expect(await response.text()).toBe(
        `<script src="${path}/console/assets/index-abc.js"></script><link href="${path}/console/assets/index-abc.css">`,
      );
      const headers = Object.fromEntries(response.headers);
      expect(headers).toMatchObject({
        'cache-control': 'no-cache',
        'content-type': 'text/html; charset=utf-8',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('camera=()'),
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      const policy = (headers['content-security-policy'] ?? '').split('; ');
      expect(policy).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "script-src 'self'",
          "connect-src 'self'",
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
        ]),
      );
      expect(policy.join()).not.toContain('unsafe');
    }
  });

  test('its files never change, and there are no others', async () => {
    const response = await sendTo(built, `${issuer}/console/assets/index-abc.js`);
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
    for (const name of ['nothing.js', '..%2findex.html', '%2e%2e%2findex.html', '.env', 'a%00.js']) {
      const missing = await sendTo(built, `${issuer}/console/assets/${name}`);
      expect([name, missing.status, missing.headers.get('Cache-Control')]).toEqual([name, 404, 'no-store']);
    }
  });

  test('a deployment without the files says so', async () => {
    const response = await sendTo({ ...built, ASSETS: assets({}) } as unknown as Env, `${issuer}/console`);
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('npm run build:assets')]);
  });

  test('the issuer’s own URL leads a browser to the console, and says to a program where everything is', async () => {
    const browser = await sendTo(built, `${issuer}/`, { headers: BROWSER, redirect: 'manual' });
    expect([browser.status, browser.headers.get('Location')]).toEqual([302, `${path}/console`]);
    const program = await sendTo(built, `${issuer}/`, { headers: { Accept: '*/*' } });
    expect(await program.json()).toMatchObject({
      issuer,
      links: {
        metadata: `${ISSUER}/.well-known/oauth-authorization-server${path}`,
        jwks: `${issuer}/.well-known/jwks.json`,
        console: `${issuer}/console`,
      },
    });
    for (const response of [browser, program]) {
      expect([response.headers.get('Cache-Control'), response.headers.get('Vary')]).toEqual(['no-store', 'Accept']);
    }
    expect((await sendTo(built, `${issuer}/`, { method: 'POST' })).status).toBe(405);
    expect((await sendTo(built, `${issuer}/`, { method: 'HEAD' })).status).toBe(200);
    if (path !== '') {
      expect((await sendTo(built, issuer, { headers: BROWSER, redirect: 'manual' })).status).toBe(302);
      expect((await sendTo(built, `${ISSUER}/`, { headers: BROWSER })).status).toBe(404);
    }
  });
});

test('every link of the program’s answer is answered', async () => {
  const { links } = await (await sendTo(env as Env, `${ISSUER}/`)).json<{ links: Record<string, string> }>();
  for (const [name, url] of Object.entries(links).filter(([name]) => name !== 'console'))
    expect([name, (await sendTo(env as Env, url)).status]).toEqual([name, 200]);
});

describe('switched off', () => {
  test('there is no console, and no session', async () => {
    const cookie = await session({ api_key: env.ROOT_API_KEY });
    for (const path of ['/console', '/console/organizations', '/console/session', '/console/assets/x.js'])
      expect([path, (await sendTo(off, `${ISSUER}${path}`, { headers: SAME_ORIGIN })).status]).toEqual([path, 404]);
    const response = await sendTo(off, `${ISSUER}/v1/me`, { headers: { ...SAME_ORIGIN, Cookie: cookie } });
    expect([response.status, await response.json()]).toEqual([
      401,
      expect.objectContaining({ detail: 'The console is switched off. Use an API key.' }),
    ]);
    expect((await api('GET', 'me', { headers: { Cookie: cookie } })).status).toBe(200);
    const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
    expect((await sendTo(off, `${ISSUER}/v1/console-links`, { method: 'POST', headers })).status).toBe(409);
  });

  test('the issuer’s own URL is a page that links what there is', async () => {
    const response = await sendTo(off, `${ISSUER}/`, { headers: BROWSER });
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    const links = [...(await response.text()).matchAll(/href="([^"]+)"/g)].map(([, url = '']) => url);
    expect(links.length).toBe(3);
    for (const url of links) expect([url, (await sendTo(off, url)).status]).toEqual([url, 200]);
    const program = await (await sendTo(off, `${ISSUER}/`)).json<{ links: object }>();
    expect('console' in program.links).toBe(false);
  });

  test.each(['', 'no', 'OFF'])('not by the value %j, which is malformed', async (CONSOLE) => {
    expect((await sendTo({ ...env, CONSOLE } as Env, `${ISSUER}/healthz`)).status).toBe(500);
  });
});
