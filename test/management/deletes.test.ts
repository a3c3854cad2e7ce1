import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import { api, type Credentials, create, createClient, done, getToken, introspect, requestToken } from '../http.ts';
import { everyRow, keyWith, pointedAt, problemOf, type Row, rowsOf, tables } from './rows.ts';

let counter = 0;
const name = () => `deleted ${++counter}`;

interface Orphan {
  readonly type: string;
  readonly id: string;
  readonly name: string;
}

const newOrganization = async () => (await create('organizations', { name: name() })).id ?? '';

/** Returns the dependents that a DELETE or PATCH without cascade reports as orphans. Expects that the request changes nothing. */
async function orphansOf(method: string, path: string, body?: unknown): Promise<{ orphans: Orphan[]; total: number }> {
  const before = await everyRow();
  const separator = path.includes('?') ? '&' : '?';
  const explicit = await problemOf(await api(method, `${path}${separator}cascade=false`, { body }), 409);
  const problem = await problemOf(await api(method, path, { body }), 409);
  expect(problem).toEqual(explicit);
  expect(await everyRow()).toEqual(before);
  const byId = (one: Orphan, other: Orphan) => (one.id < other.id ? -1 : 1);
  return { orphans: [...(problem.orphans ?? [])].sort(byId), total: problem.orphans_total ?? 0 };
}

const sorted = (orphans: readonly Orphan[]) => ({
  orphans: orphans.toSorted((one, other) => (one.id < other.id ? -1 : 1)),
  total: orphans.length,
});

// Every write takes a version and adds an event.
const OF_EVERY_WRITE = ['version_sequence', 'audit_events'];

/** Returns the rows that a change removes and adds, by table. A changed row counts as both. */
async function difference(
  change: () => Promise<unknown>,
): Promise<{ gone: Record<string, Row[]>; come: Record<string, Row[]> }> {
  const before = await everyRow();
  await change();
  const after = await everyRow();
  const without = (rows: readonly Row[] = [], others: readonly Row[] = []) => {
    const known = new Set(others.map((row) => JSON.stringify(row)));
    return rows.filter((row) => !known.has(JSON.stringify(row)));
  };
  const each = (one: typeof before, other: typeof before) =>
    Object.fromEntries(
      Object.keys(one)
        .filter((table) => !OF_EVERY_WRITE.includes(table))
        .map((table) => [table, without(one[table], other[table])] as const)
        .filter(([, rows]) => rows.length > 0),
    );
  return { gone: each(before, after), come: each(after, before) };
}

const counts = (rows: Record<string, Row[]>) =>
  Object.fromEntries(Object.entries(rows).map(([table, found]) => [table, found.length]));

/** Creates two of every resource, so that a change of one can be seen to leave the other as it is. */
async function estate() {
  const organization = await newOrganization();
  const owned = { organization_id: organization };
  const make = async (tag: string) => {
    const identifier = `https://${tag}-${++counter}.deletes.example`;
    const scopes = [{ name: 'read' }, { name: 'write' }];
    const { id = '' } = await create('resource-servers', { ...owned, identifier, name: tag, scopes });
    return { id, identifier };
  };
  const [server, kept] = [await make('going'), await make('staying')];
  const grants = [
    { resource_server: server.id, scopes: ['read', 'write'] },
    { resource_server: kept.id, scopes: ['read'] },
  ];
  const role = { name: `role ${++counter}`, id: '' };
  role.id = (await create('roles', { ...owned, name: role.name, grants })).id ?? '';
  const other = (await create('roles', { ...owned, name: `other ${counter}`, grants: grants.slice(1) })).id ?? '';
  const client = (client_name: string, more: object) => createClient({ ...owned, client_name, ...more });
  const holder = await client('holder', { roles: [role.id, other], grants: grants.slice(1) });
  const granted = await client('granted', { grants });
  const defaulting = await client('defaulting', { default_resource: server.id });
  const introspecting = await client('introspecting', { introspects: [server.id, kept.id] });
  const bystander = await client('bystander', { grants: grants.slice(1), roles: [other] });
  return { organization, server, kept, role, other, holder, granted, defaulting, introspecting, bystander };
}

describe('what a deletion would orphan', () => {
  test('of an organization is all that it owns', async () => {
    const organization = await newOrganization();
    const owned = { organization_id: organization };
    const client = await createClient({ ...owned, client_name: 'c' });
    const role = await create('roles', { ...owned, name: 'r' });
    const server = await create('resource-servers', { ...owned, identifier: 'https://owned.example', name: 'Owned' });
    const key = await create('api-keys', { ...owned, name: 'k', scopes: ['clients:read'] });
    expect(await orphansOf('DELETE', `organizations/${organization}`)).toEqual(
      sorted([
        { type: 'client', id: client.client_id, name: 'c' },
        { type: 'role', id: role.id ?? '', name: 'r' },
        { type: 'resource_server', id: server.id ?? '', name: 'https://owned.example' },
        { type: 'api_key', id: key.id ?? '', name: 'k' },
      ]),
    );
  });

  test('of a resource server is who is granted it, introspects for it, or has it for a default; each once', async () => {
    const { server, role, granted, defaulting, introspecting, organization } = await estate();
    const all = {
      grants: [{ resource_server: server.id, scopes: [] }],
      introspects: [server.id],
      default_resource: server.id,
    };
    const everything = await createClient({ organization_id: organization, client_name: 'everything', ...all });
    expect(await orphansOf('DELETE', `resource-servers/${server.id}`)).toEqual(
      sorted([
        { type: 'role', id: role.id, name: role.name },
        { type: 'client', id: granted.client_id, name: 'granted' },
        { type: 'client', id: defaulting.client_id, name: 'defaulting' },
        { type: 'client', id: introspecting.client_id, name: 'introspecting' },
        { type: 'client', id: everything.client_id, name: 'everything' },
      ]),
    );
  });

  test('of a role is who has it, of a scope who is granted it', async () => {
    const { server, role, holder, granted } = await estate();
    const holders = sorted([{ type: 'client', id: holder.client_id, name: 'holder' }]);
    expect(await orphansOf('DELETE', `roles/${role.id}`)).toEqual(holders);
    expect(await orphansOf('PATCH', `resource-servers/${server.id}`, { scopes: [{ name: 'read' }] })).toEqual(
      sorted([
        { type: 'role', id: role.id, name: role.name },
        { type: 'client', id: granted.client_id, name: 'granted' },
      ]),
    );
  });

  test('is told to a hundred, and counted to the last', async () => {
    const organization = await newOrganization();
    const { id: role } = await create('roles', { organization_id: organization, name: 'popular' });
    const clients = await Promise.all(
      Array.from({ length: 101 }, (_, index) =>
        createClient({ organization_id: organization, client_name: `c${index}`, roles: [role] }),
      ),
    );
    for (const [path, total] of [
      [`roles/${role}`, 101],
      [`organizations/${organization}`, 102],
    ] as const) {
      const told = await orphansOf('DELETE', path);
      expect(told.total).toBe(total);
      expect(told.orphans).toHaveLength(100);
      expect(new Set(told.orphans.map(({ id }) => id)).size).toBe(100);
    }
    await done('DELETE', `clients/${clients[0]?.client_id}`);
    expect((await orphansOf('DELETE', `roles/${role}`)).orphans).toHaveLength(100);
  });
});

describe('an API key', () => {
  test('learns of dependents that it may not read only how many there are', async () => {
    const { organization, server, role, holder, granted, defaulting, introspecting } = await estate();
    const write = ['resource-servers:write', 'roles:write'];
    const blind = await keyWith(organization, write);
    const readsRoles = await keyWith(organization, [...write, 'roles:read']);
    const readsClients = await keyWith(organization, [...write, 'clients:read']);
    const scopes = { scopes: [{ name: 'read' }] };
    const refused = async (key: string, method: string, path: string, body?: unknown) => {
      const problem = await problemOf(await api(method, path, { key, body }), 409);
      const names = [role.name, role.id, 'holder', 'granted', 'defaulting', 'introspecting', holder.client_id];
      return { problem, leaked: names.filter((name) => JSON.stringify(problem).includes(name)) };
    };
    for (const [method, path, total, body] of [
      ['DELETE', `roles/${role.id}`, 1, undefined],
      ['DELETE', `resource-servers/${server.id}`, 4, undefined],
      ['PATCH', `resource-servers/${server.id}`, 2, scopes],
    ] as const) {
      const { problem, leaked } = await refused(blind, method, path, body);
      expect([leaked, problem.orphans, problem.orphans_total]).toEqual([[], undefined, total]);
    }
    const roles = await refused(readsRoles, 'DELETE', `resource-servers/${server.id}`);
    expect(roles.problem).toMatchObject({
      orphans: [{ type: 'role', id: role.id, name: role.name }],
      orphans_total: 4,
    });
    expect(roles.leaked).toEqual([role.name, role.id]);
    const clients = await refused(readsClients, 'DELETE', `resource-servers/${server.id}`);
    expect(clients.problem.orphans?.map(({ id }) => id).sort()).toEqual(
      [granted, defaulting, introspecting].map(({ client_id }) => client_id).sort(),
    );
    expect(clients.problem.orphans_total).toBe(4);
  });

  test('is told the scopes of a resource server only if it may read them', async () => {
    const { organization, server } = await estate();
    const body = { client_name: 'c', grants: [{ resource_server: server.id, scopes: ['delete'] }] };
    const told = async (more: readonly string[]) => {
      const key = await keyWith(organization, ['clients:write', ...more]);
      return (await problemOf(await api('POST', 'clients', { key, body }), 422)).errors?.[0]?.detail;
    };
    expect(await told(['resource-servers:read'])).toBe(
      `Unknown scope \`delete\` at \`${server.identifier}\`. Available: read, write.`,
    );
    expect(await told([])).toBe(`Unknown scope \`delete\` at \`${server.identifier}\`.`);
  });
});

describe('with cascade', () => {
  test('a role is taken from who has it, and nothing else is touched', async () => {
    const { role, holder } = await estate();
    const { gone, come } = await difference(() => done('DELETE', `roles/${role.id}?cascade=true`));
    expect(gone.roles?.map(({ id }) => id)).toEqual([role.id]);
    expect(gone.client_roles).toEqual([{ client_id: holder.client_id, role_id: role.id }]);
    expect(counts(gone)).toEqual({ roles: 1, role_grants: 2, role_grant_scopes: 3, client_roles: 1, clients: 1 });
    // The client that had the role has a new version.
    expect(counts(come)).toEqual({ clients: 1 });
    expect(come.clients?.[0]?.client_id).toBe(holder.client_id);
    await problemOf(await api('GET', `roles/${role.id}`), 404);
  });

  test('a scope is taken from who is granted it, and nothing else', async () => {
    const { server, role, granted } = await estate();
    const body = { scopes: [{ name: 'read' }] };
    const { gone, come } = await difference(() =>
      done('PATCH', `resource-servers/${server.id}?cascade=true`, { body }),
    );
    expect(gone.scopes).toMatchObject([{ resource_server_id: server.id, name: 'write' }]);
    expect(gone.client_grant_scopes).toMatchObject([{ client_id: granted.client_id, scope: 'write' }]);
    expect(gone.role_grant_scopes).toMatchObject([{ role_id: role.id, scope: 'write' }]);
    const renewed = { resource_servers: 1, roles: 1, clients: 1 };
    expect(counts(gone)).toEqual({ ...renewed, scopes: 1, client_grant_scopes: 1, role_grant_scopes: 1 });
    expect(counts(come)).toEqual(renewed);
    expect(await done('GET', `clients/${granted.client_id}`)).toMatchObject({
      grants: [{ scopes: ['read'] }, { scopes: ['read'] }],
    });
  });

  test('a resource server goes with every grant of it, and nothing else', async () => {
    const { server, role, granted, defaulting, introspecting, kept } = await estate();
    const { gone, come } = await difference(() => done('DELETE', `resource-servers/${server.id}?cascade=true`));
    const renewed = { roles: 1, clients: 3 };
    expect(counts(gone)).toEqual({
      ...renewed,
      resource_servers: 1,
      scopes: 2,
      role_grants: 1,
      role_grant_scopes: 2,
      client_grants: 1,
      client_grant_scopes: 2,
      client_introspects: 1,
    });
    expect(counts(come)).toEqual({ ...renewed, reserved_identifiers: 1 });
    const clients = [granted, defaulting, introspecting].map(({ client_id }) => client_id);
    expect(come.clients?.map(({ client_id }) => client_id).sort()).toEqual(clients.sort());
    expect(await done('GET', `clients/${defaulting.client_id}`)).toMatchObject({ default_resource: null });
    expect(await done('GET', `clients/${introspecting.client_id}`)).toMatchObject({ introspects: [kept.identifier] });
    expect(await done('GET', `roles/${role.id}`)).toMatchObject({
      grants: [{ resource_server: kept.identifier, scopes: ['read'] }],
    });
  });

  test('an organization goes with all that is its own: no row knows it any more, except of the identifiers reserved for it', async () => {
    const { organization, server, role, granted, introspecting } = await estate();
    const neighbour = await estate();
    const key = await keyWith(organization, API_KEY_SCOPES);
    const headers = { 'Idempotency-Key': crypto.randomUUID() };
    const made = await done<Credentials>('POST', 'clients', { key, headers, body: { client_name: 'kept answer' } });
    await done('POST', `clients/${granted.client_id}/secrets/rotate`);
    await env.DB.prepare("INSERT INTO client_usage VALUES (?, 0, 'issued', 7)").bind(granted.client_id).run();
    const shared = await create('roles', { name: name() });
    await done('PATCH', `clients/${introspecting.client_id}`, { body: { roles: [shared.id] } });
    const { access_token } = await getToken(granted, { resource: server.identifier });
    const others = await getToken(neighbour.granted, { resource: neighbour.server.identifier });
    const [{ id: keyId = '' } = {}] = await rowsOf<{ id: string }>(
      'SELECT id FROM api_keys WHERE organization_id = ?',
      organization,
    );
    const ids = await rowsOf<{ id: string }>(
      `SELECT client_id AS id FROM clients WHERE organization_id = ?1 UNION SELECT id FROM roles WHERE organization_id = ?1
       UNION SELECT id FROM resource_servers WHERE organization_id = ?1 UNION SELECT id FROM api_keys WHERE organization_id = ?1
       UNION SELECT s.id FROM client_secrets s JOIN clients c USING (client_id) WHERE c.organization_id = ?1`,
      organization,
    );
    const known = [organization, ...ids.map(({ id }) => id)];
    expect(known).toEqual(expect.arrayContaining([server.id, role.id, granted.client_id, made.client_id, keyId]));

    const { gone, come } = await difference(() => done('DELETE', `organizations/${organization}?cascade=true`));
    expect(counts(come)).toEqual({ reserved_identifiers: 2 });
    for (const [table, rows] of Object.entries(gone)) {
      for (const row of rows)
        expect(
          known.some((id) => JSON.stringify(row).includes(id)),
          table,
        ).toBe(true);
    }
    const left = await everyRow();
    const outliving = ['audit_events', 'signing_keys', 'reserved_identifiers', 'webhook_deliveries'];
    for (const table of (await tables()).filter((one) => !outliving.includes(one))) {
      const text = JSON.stringify(left[table]);
      for (const id of known) expect(text.includes(id), `${id} in ${table}`).toBe(false);
    }

    expect((await requestToken(granted)).status).toBe(401);
    await problemOf(await api('GET', 'clients', { key }), 401);
    expect((await introspect(neighbour.introspecting, others.access_token)).status).toBe(200);
    expect(await (await introspect(neighbour.introspecting, others.access_token)).json()).toMatchObject({
      active: true,
    });
    expect(await (await introspect(neighbour.introspecting, access_token)).json()).toEqual({ active: false });
    await create('organizations', { name: name() });
  });

  test('a deletion that nobody misses needs no cascade, and takes nothing else', async () => {
    const { bystander, other, organization } = await estate();
    const { gone, come } = await difference(() => done('DELETE', `clients/${bystander.client_id}`));
    expect(counts(gone)).toEqual({
      clients: 1,
      client_secrets: 1,
      client_grants: 1,
      client_grant_scopes: 1,
      client_roles: 1,
    });
    expect(come).toEqual({});
    const key = await create('api-keys', { organization_id: organization, name: name(), scopes: ['clients:read'] });
    expect(counts((await difference(() => done('DELETE', `api-keys/${key.id}`))).gone)).toEqual({ api_keys: 1 });
    const lonely = await create('roles', { organization_id: organization, name: name() });
    expect(counts((await difference(() => done('DELETE', `roles/${lonely.id}`))).gone)).toEqual({ roles: 1 });
    await problemOf(await api('DELETE', `roles/${other}`), 409);
  });
});

test('what is deleted is gone, and its name is free again', async () => {
  const organization = await newOrganization();
  const bodies = {
    organizations: { name: 'phoenix' },
    'resource-servers': { organization_id: organization, identifier: 'https://phoenix.example', name: 'phoenix' },
    roles: { organization_id: organization, name: 'phoenix' },
    clients: { organization_id: organization, client_name: 'phoenix' },
    'api-keys': { organization_id: organization, name: 'phoenix', scopes: ['clients:read'] },
  };
  for (const [path, body] of Object.entries(bodies)) {
    const { id, client_id } = await create(path, body);
    const one = `${path}/${id ?? client_id}`;
    expect((await api('DELETE', one)).status, path).toBe(204);
    for (const method of ['GET', 'DELETE']) await problemOf(await api(method, one), 404);
    const again = await create(path, body);
    expect(again.id ?? again.client_id).not.toBe(id ?? client_id);
  }
});

test('cascade is true or false, and nothing else', async () => {
  const { id } = await create('roles', { name: name() });
  for (const cascade of ['', 'TRUE', '1', 'yes']) {
    expect(await pointedAt(await api('DELETE', `roles/${id}?cascade=${cascade}`)), cascade).toEqual(['cascade']);
  }
  expect((await api('GET', `roles/${id}`)).status).toBe(200);
});

describe('what is shared', () => {
  let organizations: string[];
  beforeAll(async () => {
    organizations = [await newOrganization(), await newOrganization()];
  });

  test('is missed by clients of every organization, and taken from all of them', async () => {
    const identifier = 'https://shared.deletes.example';
    const scopes = [{ name: 'use' }];
    const server = await create('resource-servers', { identifier, name: 'Shared', scopes });
    const grants = [{ resource_server: identifier, scopes: ['use'] }];
    const clients = await Promise.all(
      organizations.map((organization_id) => createClient({ organization_id, client_name: 'user', grants })),
    );
    for (const client of clients) expect((await getToken(client)).scope).toBe('use');
    expect((await orphansOf('DELETE', `resource-servers/${server.id}`)).orphans.map(({ id }) => id)).toEqual(
      clients.map(({ client_id }) => client_id).sort(),
    );
    await done('DELETE', `resource-servers/${server.id}?cascade=true`);
    for (const client of clients) expect((await requestToken(client)).status).toBe(400);
  });
});
