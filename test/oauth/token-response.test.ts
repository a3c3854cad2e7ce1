import { expect, test } from 'vitest';
import { basic, type Credentials, create, postForm, requestToken, send, world } from '../http.ts';
import { failing } from '../instruments.ts';
import { expectUncached, readError, readToken } from './answers.ts';

const { organization, identifier, worker } = await world('token-response');
const grants = [{ resource_server: identifier, scopes: ['read'] }];

test('T10: there is no refresh token, ever, and nothing else that the grant does not give', async () => {
  for (const form of [{}, { scope: 'read' }, { refresh_token: 'a' }, { access_type: 'offline' }]) {
    const { answer } = await readToken(await requestToken(worker, form));
    expect(Object.keys(answer)).toEqual(['access_token', 'token_type', 'expires_in', 'scope']);
    expect(answer.token_type).toBe('Bearer');
  }
  expect(await readError(await requestToken(worker, { scope: 'offline_access' }))).toEqual({
    status: 400,
    error: 'invalid_scope',
  });
});

test('T11: no cache keeps an answer: a token', async () => {
  const answer = await requestToken(worker);
  expect(answer.status).toBe(200);
  expectUncached(answer);
});

const authorization = { Authorization: basic(worker.client_id, worker.client_secret) };
const form = { grant_type: 'client_credentials' };

test.each<[number, () => Promise<Response>]>([
  [400, () => requestToken(worker, { scope: 'unknown' })],
  [401, () => postForm('/oauth2/token', form)],
  [405, () => send('/oauth2/token')],
  [413, () => requestToken(worker, { padding: 'a'.repeat(20_000) })],
  [415, () => postForm('/oauth2/token', form, { headers: { ...authorization, 'Content-Type': 'application/json' } })],
  [503, () => failing('gate', () => requestToken(worker))],
])('T11: no cache keeps an answer: an error with status %i', async (status, request) => {
  const answer = await request();
  expect(answer.status).toBe(status);
  expectUncached(answer);
});

test('T11: no cache keeps an answer: an error with status 429', async () => {
  const fields = { client_name: 'limited', grants, rate_limit: { per_minute: 1, burst: 1 } };
  const client = await create<Credentials>('clients', { organization_id: organization, ...fields });
  await readToken(await requestToken(client));
  const limited = await requestToken(client);
  expect(limited.status).toBe(429);
  expectUncached(limited);
});

test.each([
  ['neither says', null, null, 3600],
  ['the resource server says', null, 300, 300],
  ['the client says', 120, null, 120],
  ['both say: the client’s counts, shorter', 60, 86_400, 60],
  ['both say: the client’s counts, longer', 86_400, 60, 86_400],
])('T12: expires_in equals exp − iat, where %s', async (name, ofClient, ofServer, seconds) => {
  const resource_server = `https://lifetime-${ofClient}-${ofServer}.example.com`;
  const owned = { organization_id: organization };
  await create('resource-servers', { ...owned, identifier: resource_server, name, access_token_ttl: ofServer });
  const client = await create<Credentials>('clients', {
    ...owned,
    client_name: name,
    grants: [{ resource_server }],
    access_token_ttl: ofClient,
  });
  const { answer, claims } = await readToken(await requestToken(client));
  expect(answer.expires_in).toBe(seconds);
  expect(Number(claims.exp) - Number(claims.iat)).toBe(seconds);
});
