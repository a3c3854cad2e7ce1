import { beforeAll, describe, expect, test } from 'vitest';
import { WEBHOOKS_PER_OWNER } from '../../src/store/constants.ts';
import { api, create, done, manage } from '../http.ts';
import { keyWith, pointedAt, problemOf, rowsOf } from './rows.ts';

const url = 'https://hooks.example.com/in';
const name = () => `name ${crypto.randomUUID()}`;
const newOrganization = async () => (await create('organizations', { name: name() })).id ?? '';

let organization: string;

beforeAll(async () => {
  organization = await newOrganization();
});

const body = (more: object = {}) => ({ organization_id: organization, name: name(), url, ...more });

test('a webhook is created with its secret, which no later answer and no row shows', async () => {
  const fields = body({ events: ['client.created'], description: 'notes' });
  const { signing_secret, ...created } = await create<Record<string, unknown>>('webhooks', fields);
  expect(signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const hint = String(signing_secret).slice(-5, -1);
  expect(created).toMatchObject({
    ...fields,
    status: 'active',
    signing_secrets: [{ hint, expires_at: null }],
    disabled_reason: null,
    failing_since: null,
  });
  const response = await api('GET', `webhooks/${created.id}`);
  expect(response.headers.get('ETag')).toMatch(/^"\d+"$/);
  expect(await response.json()).toEqual(created);
  const { data } = await done<{ data: unknown[] }>('GET', `webhooks?organization_id=${organization}`);
  expect(data).toContainEqual(created);
  const kept = JSON.stringify([
    await rowsOf('SELECT * FROM webhooks WHERE id = ?', created.id),
    await rowsOf('SELECT * FROM audit_events WHERE target = ?', created.id),
  ]);
  expect(kept).not.toContain(String(signing_secret).slice(6, 40));
});

describe('a URL is refused, with the field and the reason,', () => {
  test.each([
    ['that is not https', 'http://hooks.example.com/in', 'must be an https URL'],
    ['that has credentials', 'https://user:secret@hooks.example.com/in', 'must have no user information'],
    ['of an address', 'https://10.0.0.1/in', 'must have a host name, not an IP address'],
    ['of an IPv6 address', 'https://[::1]/in', 'must have a host name, not an IP address'],
    [
      'of this machine',
      'https://localhost/in',
      'must have a full host name of letters, digits and hyphens, without a dot at its end',
    ],
    ['of a private network', 'https://hooks.corp.internal/in', 'must have a public host name'],
    ['of a metadata service', 'https://metadata.google.internal/', 'must have a public host name'],
    ['of another service', 'https://hooks.example.com:22/', 'must use port 443, or a port from 1024 on'],
    ['with a fragment', 'https://hooks.example.com/in#a', 'must have no fragment'],
    ['that is none', 'hooks', 'must be an https URL'],
  ])('%s', async (_, wrong, detail) => {
    const { errors } = await problemOf(await manage('webhooks', body({ url: wrong })), 422);
    expect(errors).toEqual([{ pointer: '/url', detail }]);
    const { id } = await create('webhooks', body());
    expect(await pointedAt(await api('PATCH', `webhooks/${id}`, { body: { url: wrong } }))).toEqual(['/url']);
    await done('DELETE', `webhooks/${id}`);
  });
});

test.each([
  ['an unknown event', { events: ['client.created', 'client.renamed'] }, '/events/1'],
  ['an event twice', { events: ['client.created', 'client.created'] }, '/events'],
  ['no event', { events: [] }, '/events'],
  ['a field that a webhook does not have', { secret: 'x' }, '/secret'],
  ['no white space around a name', { name: ' a' }, '/name'],
])('%s is refused, with the field', async (_, fields, pointer) => {
  expect(await pointedAt(await manage('webhooks', body(fields)))).toEqual([pointer]);
});

test('an organization has at most so many webhooks, however they are created, and another one has its own', async () => {
  const full = await newOrganization();
  const one = () => manage('webhooks', body({ organization_id: full }));
  const statuses = await Promise.all(Array.from({ length: WEBHOOKS_PER_OWNER + 5 }, async () => (await one()).status));
  expect(statuses.filter((status) => status === 201)).toHaveLength(WEBHOOKS_PER_OWNER);
  expect(statuses.filter((status) => status === 409)).toHaveLength(5);
  expect((await problemOf(await one(), 409)).detail).toBe('There are 20 webhooks already. Delete one first.');
  expect((await manage('webhooks', body())).status).toBe(201);
});

test('a name is unique in its organization, and among the webhooks of the instance', async () => {
  const same = name();
  const instance = { name: same, url };
  const made = await create('webhooks', instance);
  expect(await pointedAt(await manage('webhooks', { ...instance, name: same.toUpperCase() }), 409)).toEqual(['/name']);
  await create('webhooks', body({ name: same }));
  expect(await pointedAt(await manage('webhooks', body({ name: same })), 409)).toEqual(['/name']);
  await create('webhooks', body({ organization_id: await newOrganization(), name: same }));
  await done('DELETE', `webhooks/${made.id}`);
});

test('a webhook of the instance is the root key’s alone', async () => {
  const { id } = await create('webhooks', { name: name(), url });
  const key = await keyWith(organization, ['webhooks:read', 'webhooks:write']);
  for (const [method, path] of [
    ['GET', `webhooks/${id}`],
    ['PATCH', `webhooks/${id}`],
    ['DELETE', `webhooks/${id}`],
    ['POST', `webhooks/${id}/test`],
    ['POST', `webhooks/${id}/rotate-secret`],
    ['GET', `webhooks/${id}/deliveries`],
  ] as const) {
    const init = method === 'PATCH' ? { key, body: { status: 'disabled' } } : { key };
    expect([path, (await api(method, path, init)).status]).toEqual([path, 404]);
  }
  const { data } = await done<{ data: { id: string }[] }>('GET', 'webhooks', { key });
  expect(data.map((webhook) => webhook.id)).not.toContain(id);
  const own = await create('webhooks', { name: name(), url }, key);
  expect(own.organization_id).toBe(organization);
  await done('DELETE', `webhooks/${id}`);
});

test('a change is guarded by If-Match, and what changes by itself may be sent back', async () => {
  const { id, signing_secret: _, ...created } = await create('webhooks', body());
  const tag = (await api('GET', `webhooks/${id}`)).headers.get('ETag') ?? '';
  const patch = (change: object) => api('PATCH', `webhooks/${id}`, { body: change, headers: { 'If-Match': tag } });
  const changed = await patch({ ...created, description: 'changed' });
  expect([changed.status, await changed.json()]).toMatchObject([200, { description: 'changed', name: created.name }]);
  expect((await patch({ description: 'late' })).status).toBe(412);
  expect((await api('DELETE', `webhooks/${id}`, { headers: { 'If-Match': tag } })).status).toBe(412);
  const reset = await done('PATCH', `webhooks/${id}`, { body: { events: null, description: null } });
  expect(reset).toMatchObject({ events: null, description: '' });
});

test('deliveries are listed page by page, by status, the newest first', async () => {
  const { id } = await create('webhooks', body({ events: ['webhook.tested'] }));
  await done('PATCH', `webhooks/${id}`, { body: { url: 'https://down.hooks.example.com/in' } });
  for (let count = 0; count < 5; count++) await done('POST', `webhooks/${id}/test`);
  interface Page {
    readonly data: readonly { readonly event_id: string; readonly created_at: string }[];
    readonly next_cursor: string | null;
  }
  const found: string[] = [];
  let cursor = '';
  do {
    const page = await done<Page>('GET', `webhooks/${id}/deliveries?limit=2${cursor}`);
    found.push(...page.data.map(({ created_at, event_id }) => `${created_at} ${event_id}`));
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
  } while (cursor !== '');
  expect(new Set(found).size).toBe(5);
  expect(found).toEqual([...found].sort().reverse());
  const delivered = await done<Page>('GET', `webhooks/${id}/deliveries?status=delivered`);
  expect(delivered.data).toEqual([]);
  expect((await api('GET', `webhooks/${id}/deliveries?status=lost`)).status).toBe(422);
  expect((await api('GET', `webhooks/${id}/deliveries/evt_unknown`)).status).toBe(404);
});

test('a rotation may replace a secret that still signs, and with no grace the old one ends at once', async () => {
  const { id } = await create('webhooks', body());
  const rotate = (fields: object) => manage(`webhooks/${id}/rotate-secret`, fields);
  const hints = async () => {
    const { signing_secrets } = await done<{ signing_secrets: { hint: string }[] }>('GET', `webhooks/${id}`);
    return signing_secrets.map(({ hint }) => hint);
  };
  const [first] = await hints();
  expect((await rotate({})).status).toBe(201);
  const [second] = await hints();
  expect(await hints()).toEqual([second, first]);
  expect((await problemOf(await rotate({}), 409)).detail).toContain(`…${first}`);
  expect((await rotate({ replace_previous: true })).status).toBe(201);
  expect((await hints()).slice(1)).toEqual([second]);
  expect((await rotate({ replace_previous: true, grace_seconds: 0 })).status).toBe(201);
  expect(await hints()).toHaveLength(1);
});
