import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ApiKeyScope } from '../../../src/management/http/authorization.ts';
import { create, done, getToken, introspect, postForm, send, world } from '../../http.ts';
import { calls, resetCalls } from '../../instruments.ts';
import { keyWith } from '../../management/rows.ts';
import { SAME_ORIGIN, session } from '../../sessions/browser.ts';

const START = new Date('2027-05-01T00:00:00Z');

afterEach(() => {
  vi.useRealTimers();
});

test('a caller’s checked credential is believed for less than 10 seconds: a client’s, and an API key’s', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  const { worker, api, organization } = await world('believed');
  const scopes = ['tokens:introspect'];
  const { api_key } = await create('api-keys', { organization_id: organization, name: 'believed', scopes });
  const { access_token } = await getToken(worker);
  const headers = { Authorization: `Bearer ${api_key}` };
  const byKey = () => postForm('/oauth2/introspect', { token: access_token }, { headers });
  await introspect(api, access_token);
  await byKey();

  vi.setSystemTime(START.getTime() + 9_999);
  resetCalls();
  await introspect(api, access_token);
  await byKey();
  expect(calls).toMatchObject({ gate: 2, d1: 0 });

  vi.setSystemTime(START.getTime() + 10_000);
  resetCalls();
  await introspect(api, access_token);
  expect(calls).toMatchObject({ gate: 2, d1: 0 });
  await byKey();
  // One query for the API key, one for the resource server's strength.
  expect(calls).toMatchObject({ gate: 3, d1: 2 });
});

test('a bearer token beside another credential is two methods', async () => {
  const { organization } = await world('two-methods');
  const { api_key } = await create('api-keys', {
    organization_id: organization,
    name: 'x',
    scopes: ['tokens:introspect'],
  });
  for (const other of ['client_secret', 'client_assertion']) {
    const form = { token: 'x', [other]: 'x' };
    const answer = await postForm('/oauth2/introspect', form, { headers: { Authorization: `Bearer ${api_key}` } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
  }
});

describe('a session of the console', () => {
  const form = (token: string, more: Record<string, string> = {}) => new URLSearchParams({ token, ...more }).toString();
  const ask = (Cookie: string, body: string, headers: Record<string, string> = SAME_ORIGIN) =>
    send('/oauth2/introspect', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Cookie, ...headers },
      body,
    });

  test('introspects what its key may, and no page of another site does', async () => {
    const [{ worker, organization }, { organization: other }] = [await world('by-session'), await world('by-another')];
    const { access_token } = await getToken(worker);
    const sessionOf = async (of: string, scopes: ApiKeyScope[]) => session({ api_key: await keyWith(of, scopes) });
    const cookie = await sessionOf(organization, ['tokens:introspect']);
    expect(await (await ask(cookie, form(access_token))).json()).toMatchObject({
      active: true,
      client_id: worker.client_id,
    });
    const few = await ask(await sessionOf(organization, ['clients:read']), form(access_token));
    expect(await few.json()).toEqual({ active: false });
    const foreign = await ask(await sessionOf(other, ['tokens:introspect']), form(access_token));
    expect(await foreign.json()).toEqual({ active: false });
    for (const headers of [{}, { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }]) {
      expect((await ask(cookie, form(access_token), headers)).status).toBe(401);
    }
  });

  test('does not stand in for credentials that are wrong', async () => {
    const { worker, organization } = await world('beside-session');
    const { access_token } = await getToken(worker);
    const cookie = await session({ api_key: await keyWith(organization, ['tokens:introspect']) });
    const wrong = form(access_token, { client_id: worker.client_id, client_secret: 'wrong' });
    expect((await ask(cookie, wrong)).status).toBe(401);
    const headers = { ...SAME_ORIGIN, Authorization: 'Bearer wrong' };
    expect((await ask(cookie, form(access_token), headers)).status).toBe(401);
  });

  test('shows no need for the scopes of the token that somebody looks at', async () => {
    const { worker, organization } = await world('looked-at');
    const { access_token } = await getToken(worker);
    const cookie = await session({ api_key: await keyWith(organization, ['tokens:introspect']) });
    await ask(cookie, form(access_token, { introspection: 'strong' }));
    const lastIntrospections = async () => {
      const { scopes } = await done('GET', `clients/${worker.client_id}/least-privilege`);
      return (scopes as { last_introspected_at: string | null }[]).filter(
        ({ last_introspected_at: at }) => at !== null,
      );
    };
    expect(await lastIntrospections()).toEqual([]);
  });
});

test('browsers may read the JWKS and the metadata', async () => {
  for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server']) {
    expect((await send(path)).headers.get('Access-Control-Allow-Origin')).toBe('*');
  }
});
