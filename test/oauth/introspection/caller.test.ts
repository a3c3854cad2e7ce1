import { afterEach, expect, test, vi } from 'vitest';
import { create, getToken, introspect, postForm, send, world } from '../../http.ts';
import { calls, resetCalls } from '../../instruments.ts';

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

test('browsers may read the JWKS and the metadata', async () => {
  for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server']) {
    expect((await send(path)).headers.get('Access-Control-Allow-Origin')).toBe('*');
  }
});
