import { expect, test } from 'vitest';
import { api, basic, createClient, getToken, introspect, postForm, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';

/** Counts the D1 calls of a request, which must succeed. A call is one statement or one batch. */
async function d1Calls(request: () => Promise<Response>): Promise<number> {
  resetCalls();
  const response = await request();
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return calls.d1;
}

test('a PATCH of a client with a registered gate calls D1 five times', async () => {
  const { worker } = await world('d1-calls-gate');
  await getToken(worker);
  const body = { metadata: { changed: 'yes' } };
  // The client, its references, the write, the record to push, and the end of the push.
  expect(await d1Calls(() => api('PATCH', `clients/${worker.client_id}`, { body }))).toBe(5);
});

test('a PATCH of a client without a gate calls D1 three times', async () => {
  const { worker } = await world('d1-calls-no-gate');
  const body = { metadata: { changed: 'yes' } };
  expect(await d1Calls(() => api('PATCH', `clients/${worker.client_id}`, { body }))).toBe(3);
});

test('a POST of a client calls D1 four times', async () => {
  const { organization, identifier } = await world('d1-calls-post');
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  const body = { organization_id: organization, client_name: 'new', grants };
  // The organization, the references, the profile, and the write.
  expect(await d1Calls(() => api('POST', 'clients', { body }))).toBe(4);
});

test('a client’s rotation of its own secret calls D1 five times', async () => {
  const { organization } = await world('d1-calls-rotate');
  const client = { organization_id: organization, client_name: 'rotates', may_rotate_secret: true };
  const { client_id, client_secret } = await createClient(client);
  expect((await introspect({ client_id, client_secret }, 'any')).status).toBe(200);
  const headers = { Authorization: basic(client_id, client_secret) };
  // The client, its secrets, the write, the record to push, and the end of the push.
  expect(await d1Calls(() => postForm('/oauth2/rotate-secret', {}, { headers }))).toBe(5);
});
