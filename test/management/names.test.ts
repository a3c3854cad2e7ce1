import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, done } from '../http.ts';

let organization_id: string;
let grants: object[];

beforeAll(async () => {
  organization_id = (await create('organizations', { name: 'names' })).id ?? '';
  const identifier = 'https://names.example.com';
  await create('resource-servers', { organization_id, identifier, name: 'names', scopes: [{ name: 'read' }] });
  grants = [{ resource_server: identifier, scopes: ['read'] }];
});

/** Each kind of resource whose names are unique: its path, the field of its name, and its other fields. */
const KINDS: [path: string, field: string, more: () => object][] = [
  ['organizations', 'name', () => ({})],
  ['api-keys', 'name', () => ({ organization_id, scopes: ['clients:read'] })],
  ['roles', 'name', () => ({ organization_id })],
  ['clients', 'client_name', () => ({ organization_id })],
];

const NAME = 'Caf\u00e9 Nord';
const LOOK_ALIKES = [
  ['in NFD', 'Cafe\u0301 Nord'],
  ['in capital letters', 'CAF\u00c9 NORD'],
  ['in capital letters and NFD', 'CAFE\u0301 nord'],
  ['in full width', '\uff23af\u00e9 Nord'],
  ['with an invisible character', 'Caf\u00e9\u200b Nord'],
  ['with a space that does not break', 'Caf\u00e9\u00a0Nord'],
];

describe.each(KINDS)('of %s, a name', (path, field, more) => {
  const make = (name: string) => api('POST', path, { body: { ...more(), [field]: name } });

  test('that looks like another one is that name', async () => {
    expect((await make(NAME)).status).toBe(201);
    for (const [what, name = ''] of LOOK_ALIKES) {
      const response = await make(name);
      expect([what, response.status]).toEqual([what, 409]);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: `/${field}` }] });
    }
    expect((await make('Cafe Nord')).status).toBe(201);
  });

  test('is stored in NFC', async () => {
    const made = await (await make('A\u030angstro\u0308m')).json();
    expect(made).toHaveProperty(field, '\u00c5ngstr\u00f6m');
  });

  test.each([
    ['a control character', 'a\u0007b'],
    ['a line break', 'a\nb'],
    ['a control character of Latin 1', 'a\u009bb'],
    ['a line separator', 'a\u2028b'],
    ['an override of the text direction', 'a\u202eb'],
    ['an isolate of the text direction', 'a\u2067b'],
    ['space at its end', 'a\u00a0'],
  ])('with %s is refused', async (_, name) => {
    const response = await make(name);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: `/${field}` }] });
  });
});

test('a rename to a name that looks like another one is refused, and one to another form of the same name is not', async () => {
  for (const [path, field, more] of KINDS.filter(([path]) => path !== 'api-keys')) {
    const fields = { ...more(), [field]: `R\u00e9mi ${path}` };
    await create(path, fields);
    const { id, client_id = id } = await create(path, { ...fields, [field]: `other ${path}` });
    const rename = (name: string) => api('PATCH', `${path}/${client_id}`, { body: { [field]: name } });
    expect((await rename(`RE\u0301MI ${path}`)).status).toBe(409);
    expect((await rename(`OTHER ${path}`)).status).toBe(200);
  }
});

test('a role of an organization does not look like a shared one', async () => {
  await create('roles', { name: 'Pr\u00fcfer' });
  const body = { organization_id, name: 'PRU\u0308FER' };
  expect((await api('POST', 'roles', { body })).status).toBe(409);
});

test('a role is found by its name in any form, also if older code stored another one', async () => {
  const { id } = await create('roles', { organization_id, name: 'r\u00f4le', grants });
  for (const stored of ['r\u00f4le', 'ro\u0302le']) {
    await env.DB.prepare('UPDATE roles SET name = ?, folded_name = NULL WHERE id = ?').bind(stored, id).run();
    for (const name of ['r\u00f4le', 'ro\u0302le']) {
      const client_name = `has it ${stored.length} ${name.length}`;
      const made = await create('clients', { organization_id, client_name, roles: [name] });
      expect(made).toMatchObject({ roles: [stored] });
    }
  }
});

test('the migration folds the names of older code that are in ASCII, and leaves the others', async () => {
  const names = ['Old ASCII ~!', '\u00c9t\u00e9'];
  const roles = [];
  for (const name of names) roles.push((await create('roles', { organization_id, name })).id);
  await env.DB.prepare('UPDATE roles SET folded_name = NULL').run();
  const migration = env.TEST_MIGRATIONS.find(({ name }) => name.endsWith('folded_names.sql'));
  const updates = migration?.queries.filter((query) => query.includes('UPDATE `')) ?? [];
  expect(updates).toHaveLength(4);
  await env.DB.batch(updates.map((query) => env.DB.prepare(query)));
  const folded = await Promise.all(
    roles.map((id) => env.DB.prepare('SELECT folded_name FROM roles WHERE id = ?').bind(id).first('folded_name')),
  );
  expect(folded).toEqual(['old ascii ~!', null]);
});

test.each([
  ['a control character', 'a\u0000b'],
  ['an override of the text direction', 'a\u202eb'],
])('a description with %s is refused', async (_, description) => {
  const role = await api('POST', 'roles', { body: { organization_id, name: 'described', description } });
  expect(role.status).toBe(422);
  const body = {
    organization_id,
    identifier: 'https://described.example.com',
    name: 'x',
    scopes: [{ name: 'a', description }],
  };
  expect(await (await api('POST', 'resource-servers', { body })).json()).toMatchObject({
    errors: [{ pointer: '/scopes/0/description' }],
  });
});

test('names and descriptions that older code stored do not stand in the way of other changes', async () => {
  const odd = 'odd\u0007\u202e';
  const client = await create('clients', { organization_id, client_name: 'was fine' });
  const role = await create('roles', { organization_id, name: 'was fine', description: 'fine' });
  await env.DB.prepare('UPDATE clients SET client_name = ? WHERE client_id = ?').bind(odd, client.client_id).run();
  await env.DB.prepare('UPDATE roles SET description = ? WHERE id = ?').bind(odd, role.id).run();
  const disabled = await done('PATCH', `clients/${client.client_id}`, {
    body: { status: 'disabled' },
  });
  expect(disabled).toMatchObject({ status: 'disabled', client_name: odd });
  expect(await done('PATCH', `roles/${role.id}`, { body: { grants } })).toMatchObject({ grants, description: odd });
  const again = await api('PATCH', `roles/${role.id}`, { body: { description: `${odd}!` } });
  expect(again.status).toBe(422);
});
