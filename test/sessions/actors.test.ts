import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import type { Env } from '../../src/platform/env.ts';
import { create, ISSUER } from '../http.ts';
import { type Call, ROUTES, type Route } from '../management/every-route.ts';
import { keyWith } from '../management/rows.ts';
import { publishJson } from '../remote.ts';
import worker from '../worker.ts';
import { cookieOf, SAME_ORIGIN } from './browser.ts';

// Every route of the management API, asked by each kind of session: it must be answered as the same request with a key is.

const TEAM = 'actors-test.cloudflareaccess.com';
const AUD = 'e'.repeat(64);
const FEW = ['clients:read', 'roles:write'] as const;
const ALL = API_KEY_SCOPES.filter((scope) => scope !== 'portal-links:write' && scope !== 'api-keys:write');

/** A session, and the key that may do the same. */
interface Actor {
  readonly cookie: string;
  readonly key: string;
}

let organization: string;
let variables: Env;
let actors: Readonly<Record<string, Actor>>;
let expired: string;

async function sendTo(path: string, init: RequestInit): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(new URL(path, ISSUER), init) as unknown as Parameters<typeof worker.fetch>[0];
  const response = await worker.fetch(request, variables, context);
  await waitOnExecutionContext(context);
  return response;
}

async function signIn(body: unknown, more: Record<string, string> = {}): Promise<string> {
  const headers = { ...SAME_ORIGIN, 'Content-Type': 'application/json', ...more };
  const response = await sendTo('/console/session', { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return cookieOf(response);
}

async function portal(organization_id: string, scopes: readonly string[], by: string): Promise<string> {
  const return_url = 'https://app.example.com/';
  const { url = '' } = await create('portal-links', { organization_id, scopes, return_url }, by);
  return signIn({ link: url.split('#')[1] });
}

beforeAll(async () => {
  organization = (await create('organizations', { name: 'walked' })).id ?? '';
  const other = (await create('organizations', { name: 'other' })).id ?? '';
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  await publishJson(TEAM, '/cdn-cgi/access/certs', { keys: [jwk] });
  const rules = [
    { email: 'ada@example.com', admin: true },
    { email: 'bob@example.com', organization_id: organization, scopes: FEW },
  ];
  variables = { ...env, ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: AUD, ACCESS_RULES: JSON.stringify(rules) } as Env;
  const person = async (email: string) => {
    const assertion = await new SignJWT({ email, type: 'app' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(`https://${TEAM}`)
      .setAudience(AUD)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
    return signIn({ access: true }, { 'Cf-Access-Jwt-Assertion': assertion });
  };
  const [few, strange] = [await keyWith(organization, FEW), await keyWith(other, ALL)];
  actors = {
    root: { cookie: await signIn({ api_key: env.ROOT_API_KEY }), key: env.ROOT_API_KEY },
    'an instance administrator': { cookie: await person('ada@example.com'), key: env.ROOT_API_KEY },
    'an administrator with few scopes': { cookie: await signIn({ api_key: few }), key: few },
    'a person with few scopes': { cookie: await person('bob@example.com'), key: few },
    'a portal user': { cookie: await portal(organization, FEW, env.ROOT_API_KEY), key: few },
    'a portal user of another organization': { cookie: await portal(other, ALL, env.ROOT_API_KEY), key: strange },
  };
  expired = await signIn({ api_key: few });
  await env.DB.prepare(
    'UPDATE console_sessions SET expires_at = 1 WHERE created_at = (SELECT max(created_at) FROM console_sessions)',
  ).run();
});

function ask(
  method: string,
  { path, body, headers = {} }: Call,
  credentials: Record<string, string>,
): Promise<Response> {
  const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return sendTo(`/v1/${path}`, { method, headers: { ...json, ...headers, ...credentials }, ...init });
}

const withSession = (Cookie: string) => ({ ...SAME_ORIGIN, Cookie });

/** The texts of an answer that do not differ from one request to the next. */
async function comparable(response: Response): Promise<string> {
  return (await response.text()).replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"a time"');
}

describe.each(Object.keys(ROUTES))('%s', (route) => {
  const [method = ''] = route.split(' ');
  const { call } = ROUTES[route] as Route;

  test('is answered to each session as to the key that may do the same', async () => {
    for (const [name, { cookie, key }] of Object.entries(actors)) {
      const first = await call(organization);
      const byKey = await ask(method, first, { Authorization: `Bearer ${key}` });
      // A request that changes something needs a resource of its own.
      const bySession = await ask(method, method === 'GET' ? first : await call(organization), withSession(cookie));
      const isKeyOnly = route === 'POST /console-links';
      expect([name, bySession.status], await bySession.clone().text()).toEqual([name, isKeyOnly ? 403 : byKey.status]);
      if (method === 'GET' && route !== 'GET /me') expect(await comparable(bySession)).toBe(await comparable(byKey));
    }
  });

  test('is refused to a session that has ended', async () => {
    const response = await ask(method, await call(organization), withSession(expired));
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('walked');
  });
});
