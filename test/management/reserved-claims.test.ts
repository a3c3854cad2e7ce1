import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, type Credentials, create, createClient, done, getToken, requestToken } from '../http.ts';
import { readError } from '../oauth/answers.ts';

let organization_id: string;
let plain: string;

beforeAll(async () => {
  organization_id = (await create('organizations', { name: 'reserved claims' })).id ?? '';
  plain = await server('plain', []);
});

/** Creates a resource server that accepts these claims, and returns its identifier. */
async function server(name: string, accepted_claims: string[]): Promise<string> {
  const identifier = `https://${name}.example.com`;
  await create('resource-servers', { organization_id, identifier, name, scopes: [{ name: 'read' }], accepted_claims });
  return identifier;
}

const at = (...servers: string[]) => servers.map((resource_server) => ({ resource_server, scopes: ['read'] }));

let clients = 0;
const withFields = (fields: object) => ({ organization_id, client_name: `client ${++clients}`, ...fields });

async function pointersOf(response: Response): Promise<(string | undefined)[]> {
  expect(response.status).toBe(422);
  const { errors } = await response.json<{ errors: { pointer: string; detail: string }[] }>();
  for (const { detail } of errors) expect(detail).toMatch(/reserved/);
  return errors.map(({ pointer }) => pointer);
}

async function claimsFor(client: Credentials, resource: string, claims: object = {}) {
  return decodeJwt((await getToken(client, { resource, claims: JSON.stringify(claims) })).access_token);
}

const NET = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/';
const LOOK_ALIKES = [
  ...['scp', 'SCP', 'Scope', 'SCOPE', 'ſcope', 'scope ', ' scope', '\ufeffscope', 'scope\u00a0', 'ｓｃｏｐｅ', 'ⓢⓒⓞⓟⓔ'],
  ...[
    'sc\u00adope',
    'scope\u200b',
    'scope\u0000',
    'Roles',
    'ROLES',
    'role',
    'Role',
    'permissions',
    'Permissions',
    'authorities',
    'groups',
  ],
  ...[
    'realm_access',
    'resource_access',
    'Resource_Access',
    'entitlements',
    'tid',
    'oid',
    'appid',
    'AZP',
    'Act',
    'may_Act',
  ],
  ...['email', 'EMAIL', 'email_verified', 'cognito:groups', 'Cnf', 'CNF', 'Iss', 'ıss', 'İss', 'iß'],
  ...['Sub', 'AUD', 'Exp', 'client_ID', 'org_Id', 'jtı', 'clientid', `${NET}Role`],
];

test('a name that a verifier takes for one that it obeys is refused, in forty spellings and more', async () => {
  expect(LOOK_ALIKES.length).toBeGreaterThan(40);
  const claims = Object.fromEntries(LOOK_ALIKES.map((name) => [name, 'mine']));
  const own = await api('POST', 'clients', { body: withFields({ claims }) });
  expect(await pointersOf(own)).toEqual(LOOK_ALIKES.map((name) => `/claims/${name.replaceAll('/', '~1')}`));
  const requestable = await api('POST', 'clients', { body: withFields({ requestable_claims: LOOK_ALIKES }) });
  expect(await pointersOf(requestable)).toEqual(LOOK_ALIKES.map((_, index) => `/requestable_claims/${index}`));
  const { client_id } = await createClient(withFields({}));
  expect(await pointersOf(await api('PATCH', `clients/${client_id}`, { body: { claims } }))).toHaveLength(
    LOOK_ALIKES.length,
  );
});

test('names that only contain such a name are not reserved', async () => {
  const claims = { 'my:groups': 1, group_id: 1, roles2: 1, 'https://acme.example/roles': 1, tenant: 1, region: 1 };
  const client = await createClient(withFields({ grants: at(plain), claims }));
  expect(await claimsFor(client, plain)).toMatchObject(claims);
});

describe('a resource server', () => {
  test.each([
    ...['scope', 'scp', 'cnf', 'act', 'may_act', 'roles', 'iss', 'sub', 'aud', 'client_id', 'org_id', 'azp', 'active'],
    ...['tier', 'ｇroups', 'Scope', ''],
  ])('cannot accept %j', async (name) => {
    const body = { organization_id, identifier: 'https://never.example.com', name: 'x', accepted_claims: [name] };
    const response = await api('POST', 'resource-servers', { body });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: '/accepted_claims/0' }] });
  });

  test('accepts claims of clients that have a grant there, and no other audience gets them', async () => {
    const accepting = await server('accepting', ['groups', 'permissions', 'email']);
    const claims = { groups: ['a', 'b'], permissions: ['all'], tier: 'gold' };
    const fields = { claims, requestable_claims: ['email', 'job'] };
    expect(
      await pointersOf(await api('POST', 'clients', { body: withFields({ ...fields, grants: at(plain) }) })),
    ).toEqual(['/claims/groups', '/claims/permissions', '/requestable_claims/0']);
    const other = { ...fields, claims: { Groups: 1 }, grants: at(accepting) };
    expect(await pointersOf(await api('POST', 'clients', { body: withFields(other) }))).toEqual(['/claims/Groups']);

    const client = await createClient(withFields({ ...fields, grants: at(accepting, plain) }));
    const email = 'a@example.com';
    expect(await claimsFor(client, accepting, { email })).toMatchObject({ ...claims, email, scope: 'read' });
    const elsewhere = await claimsFor(client, plain, { job: 'x' });
    expect(elsewhere).toMatchObject({ tier: 'gold', job: 'x' });
    for (const name of ['groups', 'permissions', 'email']) expect(elsewhere).not.toHaveProperty(name);
    const refused = await requestToken(client, { resource: plain, claims: JSON.stringify({ email }) });
    expect(await readError(refused)).toEqual({ status: 400, error: 'invalid_request' });
  });

  test('accepts them from clients that it is granted to by a role', async () => {
    const accepting = await server('by-role', ['groups']);
    await create('roles', { organization_id, name: 'grouped', grants: at(accepting) });
    const client = await createClient(withFields({ roles: ['grouped'], claims: { groups: ['a'] } }));
    expect(await claimsFor(client, accepting)).toMatchObject({ groups: ['a'], roles: ['grouped'] });
  });

  test('that accepts them no longer gets none, and its clients can still be changed', async () => {
    const identifier = 'https://fickle.example.com';
    const fields = {
      organization_id,
      identifier,
      name: 'fickle',
      scopes: [{ name: 'read' }],
      accepted_claims: ['groups'],
    };
    const { id } = await create('resource-servers', fields);
    const client = await createClient(withFields({ grants: at(identifier), claims: { groups: ['a'] } }));
    const path = `clients/${client.client_id}`;
    expect(await claimsFor(client, identifier)).toHaveProperty('groups');
    await done('PATCH', `resource-servers/${id}`, { body: { accepted_claims: [] } });
    expect(await claimsFor(client, identifier)).not.toHaveProperty('groups');
    const changed = await done('PATCH', path, { body: { access_token_ttl: 60, claims: { tier: 1 } } });
    expect(changed).toMatchObject({ claims: { groups: ['a'], tier: 1 } });
    expect(await claimsFor(client, identifier)).not.toHaveProperty('groups');
    await done('PATCH', path, { body: { claims: { groups: null } } });
    expect(await pointersOf(await api('PATCH', path, { body: { claims: { groups: ['a'] } } }))).toEqual([
      '/claims/groups',
    ]);
  });
});

describe('a client that had reserved claims before they were reserved', () => {
  const before = { Scope: 'admin', scp: ['admin'], tier: 'gold' };

  /** Creates a client whose row older code wrote. */
  async function olderClient(): Promise<Credentials> {
    const client = await createClient(withFields({ grants: at(plain) }));
    await env.DB.prepare('UPDATE clients SET claims = ?, requestable_claims = ? WHERE client_id = ?')
      .bind(JSON.stringify(before), '["role"]', client.client_id)
      .run();
    return client;
  }

  const listed = async () => {
    const query = `organization_id=${organization_id}&reserved_claims=true`;
    const { data } = await done<{ data: { client_id: string }[] }>('GET', `clients?${query}`);
    return data.map(({ client_id }) => client_id);
  };

  test('keeps them, through changes of other fields and of other claims', async () => {
    const client = await olderClient();
    const path = `clients/${client.client_id}`;
    expect(await claimsFor(client, plain, { role: 'x' })).toMatchObject({ ...before, role: 'x', scope: 'read' });
    await done('PATCH', path, { body: { access_token_ttl: 60, claims: { tier: 'silver' } } });
    const claims = { ...before, tier: 'silver' };
    expect(await claimsFor(client, plain, { role: 'x' })).toMatchObject({ ...claims, role: 'x', scope: 'read' });
    expect(await pointersOf(await api('PATCH', path, { body: { claims: { groups: ['a'] } } }))).toEqual([
      '/claims/groups',
    ]);
  });

  test('is listed until they are removed, which is for good', async () => {
    const [client, other] = [await olderClient(), await olderClient()];
    const path = `clients/${client.client_id}`;
    expect(await listed()).toEqual(expect.arrayContaining([client.client_id, other.client_id]));
    await done('PATCH', path, { body: { claims: { Scope: null, scp: null }, requestable_claims: [] } });
    expect(await listed()).not.toContain(client.client_id);
    expect(await listed()).toContain(other.client_id);
    const token = await claimsFor(client, plain);
    expect(token).not.toHaveProperty('scp');
    expect(await pointersOf(await api('PATCH', path, { body: { claims: { scp: ['admin'] } } }))).toEqual([
      '/claims/scp',
    ]);
  });

  test('is not listed for claims that a resource server accepts', async () => {
    const accepting = await server('listed', ['groups']);
    const client = await createClient(withFields({ grants: at(accepting), claims: { groups: ['a'] } }));
    expect(await listed()).not.toContain(client.client_id);
  });
});
