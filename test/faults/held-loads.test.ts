import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { api, type Credentials, requestToken, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';
import { bothRecords, holdingLoads, owedTo } from './owed.ts';

const post = (path: string, body: unknown = {}) => api('POST', path, { body });
const statusOf = async (client: Credentials) => (await requestToken(client)).status;

/** Changes, each with the status of the client's next token request after it. */
const changes = {
  'a client disabled': {
    make: ({ client_id }: Credentials) => api('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } }),
    after: 401,
  },
  'a secret rotated': {
    make: ({ client_id }: Credentials) => post(`clients/${client_id}/secrets/rotate`),
    after: 200,
  },
  'a client deleted': {
    make: ({ client_id }: Credentials) => api('DELETE', `clients/${client_id}`),
    after: 401,
  },
};

let worlds = 0;

describe.each(Object.entries(changes))('%s, while a cold gate loads its record', (name, { make, after }) => {
  test('and D1 has read it, but not answered: the gate ends with the change', async () => {
    const { worker } = await world(`held-${++worlds}`);
    const answer = await holdingLoads('answers', async ({ held, release }) => {
      const admission = requestToken(worker);
      await vi.waitFor(() => expect(held()).toBe(1));
      const changed = await make(worker);
      expect(changed.ok).toBe(true);
      release();
      expect((await admission).status).toBe(after);
      return changed;
    });
    expect(await owedTo(worker)).toBe(0);
    expect(await statusOf(worker)).toBe(after);
    if (name === 'a client deleted') return;
    const { d1, gate } = await bothRecords(worker);
    expect(gate).toEqual(d1);
    if (name === 'a secret rotated') {
      const { client_secret } = await answer.json<Credentials>();
      expect(await statusOf({ ...worker, client_secret })).toBe(200);
    }
  });

  test('and D1 has not read it: the gate loads the change', async () => {
    const { worker } = await world(`held-${++worlds}`);
    await holdingLoads('questions', async ({ held, release }) => {
      const admission = requestToken(worker);
      await vi.waitFor(() => expect(held()).toBe(1));
      resetCalls();
      expect((await make(worker)).ok).toBe(true);
      expect(calls.gate).toBe(0);
      release();
      expect((await admission).status).toBe(after);
    });
    expect(await statusOf(worker)).toBe(after);
  });
});

test('a gate that nobody has used is not woken by a write', async () => {
  const { worker, organization, server, identifier } = await world('asleep');
  const client = `clients/${worker.client_id}`;
  resetCalls();
  const answers = [
    await api('PATCH', client, { body: { access_token_ttl: 120 } }),
    await post(`${client}/secrets/rotate`),
    await api('GET', `${client}/secrets`),
    await post(`${client}/revoke-tokens`),
    await api('PATCH', `resource-servers/${server.id}`, { body: { access_token_ttl: 120 } }),
    await post('roles', {
      organization_id: organization,
      name: 'r',
      grants: [{ resource_server: identifier, scopes: [] }],
    }),
    await api('PATCH', client, { body: { roles: ['r'] } }),
    await post(`organizations/${organization}/revoke-tokens`),
    await api('PATCH', `organizations/${organization}`, { body: { subject: 'organization' } }),
    await api('DELETE', `resource-servers/${server.id}?cascade=true`),
    await api('DELETE', `organizations/${organization}?cascade=true`),
  ];
  expect(answers.map(({ ok }) => ok)).toEqual(answers.map(() => true));
  expect(calls.gate).toBe(0);
  expect(await owedTo()).toBe(0);
  expect(await env.DB.prepare('SELECT * FROM gates WHERE client_id = ?').bind(worker.client_id).first()).toBeNull();
});
