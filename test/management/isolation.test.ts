import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { API_KEY_SCOPES } from '../../src/management/http/authorization.ts';
import { api, type Credentials, create, done, send } from '../http.ts';
import {
  type Call,
  MOUNTED,
  name,
  newChange,
  newClient,
  newKey,
  newRole,
  newServer,
  newToken,
  PUBLIC,
  pathOfDelivery,
  pathOfSecondary,
  ROUTES,
  type Route,
} from './every-route.ts';
import { everyRow, keyWith, problemOf, rowsOf } from './rows.ts';

// Calls every route with every kind of key. The victim owns one of each resource. The stranger is another organization; its key has every
// scope.

interface Party {
  readonly id: string;
  /** An API key with every scope. */
  readonly key: string;
  readonly expiredKey: string;
}

let victim: Party;
let stranger: Party;

async function party(name: string): Promise<Party> {
  const { id = '' } = await create('organizations', { name });
  const expiredKey = await keyWith(id, API_KEY_SCOPES);
  await env.DB.prepare('UPDATE api_keys SET expires_at = 1 WHERE organization_id = ?').bind(id).run();
  return { id, key: await keyWith(id, API_KEY_SCOPES), expiredKey };
}

beforeAll(async () => {
  victim = await party('victim itself');
  stranger = await party('stranger');
  // Creates the signing keys, which happens when they are first needed.
  await send('/.well-known/jwks.json');
});

/** Returns a pattern of all ids and names of the victim. */
async function victims(): Promise<RegExp> {
  const found = await Promise.all(
    [
      'client_id, client_name FROM clients',
      'id, name FROM roles',
      'id, name, identifier FROM resource_servers',
      'id, name FROM api_keys',
    ].map((columns) => rowsOf<Record<string, string>>(`SELECT ${columns} WHERE organization_id = ?`, victim.id)),
  );
  const marks = found.flat().flatMap((row) => Object.values(row));
  return new RegExp([victim.id, 'victim itself', ...marks].join('|'));
}

const template = (route: string): [method: string, path: string] => {
  const [method = '', path = ''] = route.split(' ');
  return [method, path];
};

describe('every route', () => {
  test('that is mounted is in this file’s table', () => {
    expect([...Object.keys(ROUTES), ...PUBLIC].sort()).toEqual([...MOUNTED].sort());
  });

  test.each(Object.keys(ROUTES))('%s: who may not neither learns nor changes anything', async (route) => {
    const { requires, also = [], call: prepare, stranger: status = 404 } = ROUTES[route] as Route;
    const [method] = template(route);
    const call = await prepare(victim.id);
    const marks = await victims();
    const refused: Record<string, [key: string | null, status: number]> = {
      'no key': [null, 401],
      'a malformed key': ['emk_nonsense', 401],
      'a key that nobody has': [victim.key.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')), 401],
      'an expired key': [victim.expiredKey, 401],
      ...(status !== null && { 'another organization’s key': [stranger.key, status] }),
    };
    if (requires !== 'any') {
      const others = API_KEY_SCOPES.filter((scope) => scope !== requires);
      refused['a key without the scope'] = [await keyWith(victim.id, others), 403];
    }
    const before = await everyRow();
    for (const [what, [key, expected]] of Object.entries(refused)) {
      const response = await api(method, call.path, { ...call, key });
      const text = await response.text();
      expect(response.status, `${what}: ${text}`).toBe(expected);
      expect(text, what).not.toMatch(marks);
      expect(response.headers.get('ETag'), what).toBeNull();
      expect(response.headers.has('WWW-Authenticate'), what).toBe(expected === 401);
    }
    expect(await everyRow()).toEqual(before);

    // A key with only this scope succeeds, so the requests above failed because of their keys alone.
    const key =
      requires === 'root'
        ? env.ROOT_API_KEY
        : requires === 'any'
          ? victim.key
          : await keyWith(victim.id, [requires, ...also]);
    const response = await api(method, call.path, { ...call, key });
    expect([200, 201, 204], await response.clone().text()).toContain(response.status);
  });
});

describe('an id of another organization’s is one that is not there', () => {
  const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
  const WITH_IDS = [...new Set(Object.keys(ROUTES).map((route) => template(route)[1]))].filter((path) =>
    path.includes('{'),
  );

  async function idsIn(path: string): Promise<[theirs: string, nobodys: string]> {
    const { client_id } = await newClient(victim.id);
    const [secret] = await rowsOf<{ id: string }>('SELECT id FROM client_secrets WHERE client_id = ?', client_id);
    const ids: Record<string, () => Promise<string | undefined>> = {
      organizations: async () => victim.id,
      'api-keys': async () => (await newKey(victim.id)).id,
      'resource-servers': async () => (await newServer(victim.id)).id,
      roles: async () => (await newRole(victim.id)).id,
      clients: async () => secret?.id,
      changes: () => newChange(victim.id),
      webhooks: async () => delivery.split('/')[1],
    };
    const delivery = await pathOfDelivery(victim.id);
    const id = (await ids[path.split('/')[1] ?? '']?.()) ?? '';
    const fill = (one: string, client: string, event: string) =>
      path.slice(1).replace('{id}', one).replace('{client_id}', client).replace('{event_id}', event);
    return [fill(id, client_id, delivery.split('/')[3] ?? ''), fill('999999999', 'emc_nobody', 'evt_nothing')];
  }

  /** Bodies and headers without which a request is refused before its target is looked for. */
  const REQUIRED: Readonly<Record<string, Pick<Call, 'body' | 'headers'>>> = {
    'POST /clients/{client_id}/least-privilege/apply': {
      body: { unused_since: '2026-01-31T12:00:00Z', patch: { grants: [] } },
      headers: { 'If-Match': '"1"' },
    },
  };

  test.each(WITH_IDS)('%s, whatever the method', async (path) => {
    const [theirs, nobodys] = await idsIn(path);
    const before = await everyRow();
    for (const method of METHODS) {
      const body = method === 'GET' || method === 'DELETE' ? undefined : {};
      const [one, other] = await Promise.all(
        [theirs, nobodys].map((target) =>
          api(method, target, { key: stranger.key, body, ...REQUIRED[`${method} ${path}`] }),
        ),
      );
      const isMounted = [...MOUNTED].some((route) =>
        new RegExp(`^${route.replace(/\{\w+\}/g, '[^/]+')}$`).test(`${method} ${path}`),
      );
      const rootOnly = ROUTES[`${method} ${path}`]?.requires === 'root';
      expect(one?.status, method).toBe(isMounted ? (rootOnly ? 403 : 404) : 405);
      expect(await one?.text(), method).toBe(await other?.text());
    }
    expect(await everyRow()).toEqual(before);
  });

  test('a secret of another client’s, below a client of one’s own', async () => {
    const own = await newClient(stranger.id);
    const theirs = (await pathOfSecondary(victim.id)).split('/').at(-1);
    const before = await everyRow();
    const path = `clients/${own.client_id}/secrets/${theirs}`;
    await problemOf(await api('DELETE', path, { key: stranger.key }), 404);
    await problemOf(await api('POST', `${path}/promote`, { key: stranger.key, body: {} }), 404);
    expect(await everyRow()).toEqual(before);
  });

  test('a token of another organization’s cannot be revoked', async () => {
    const token = await newToken(victim.id);
    const before = await everyRow();
    const problem = await problemOf(await api('POST', 'tokens/revoke', { key: stranger.key, body: { token } }), 422);
    expect(JSON.stringify(problem)).not.toMatch(await victims());
    expect(await everyRow()).toEqual(before);
    await done('POST', 'tokens/revoke', { key: victim.key, body: { token } });
  });

  test.each([
    ['POST', 'roles', () => ({ name: name() })],
    ['PATCH', 'roles', () => ({})],
    ['POST', 'clients', () => ({ client_name: name() })],
    ['PATCH', 'clients', () => ({})],
  ])('%s %s cannot refer to another organization’s', async (method, path, body) => {
    const [server, role] = await Promise.all([newServer(victim.id), newRole(victim.id)]);
    const own = path === 'roles' ? (await newRole(stranger.id)).id : (await newClient(stranger.id)).client_id;
    const before = await everyRow();
    const names: [server: string | undefined, role: string | undefined][] = [
      [server.id, role.id],
      [server.identifier, role.name],
    ];
    const told = names.map(async ([resource_server, roleName]) => {
      const references = {
        grants: [{ resource_server, scopes: ['a'] }],
        ...(path === 'clients' && {
          roles: [roleName],
          introspects: [resource_server],
          default_resource: resource_server,
        }),
      };
      const target = method === 'POST' ? path : `${path}/${own}`;
      const response = await api(method, target, { key: stranger.key, body: { ...body(), ...references } });
      return problemOf(response, 422);
    });
    const pointers = [
      '/grants/0/resource_server',
      ...(path === 'clients' ? ['/roles/0', '/introspects/0', '/default_resource'] : []),
    ];
    for (const problem of await Promise.all(told)) {
      expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
      expect(JSON.stringify(problem)).not.toMatch(await victims());
    }
    expect(await everyRow()).toEqual(before);
  });

  test('lists show an organization its own, and never a trace of another', async () => {
    const marks = await victims();
    for (const path of ['organizations', 'api-keys', 'resource-servers', 'roles', 'clients', 'audit-events']) {
      const text = JSON.stringify(await done('GET', `${path}?limit=100`, { key: stranger.key }));
      expect(text, path).not.toMatch(marks);
      expect(JSON.stringify(await done('GET', `${path}?limit=100`, { key: victim.key })), path).toMatch(marks);
    }
  });
});

describe('what all organizations share', () => {
  let server: string;
  let role: string;
  beforeAll(async () => {
    const shared = { identifier: 'https://everybodys.example.com', name: 'Everybody’s', scopes: [{ name: 'use' }] };
    server = (await create('resource-servers', shared)).id ?? '';
    const grants = [{ resource_server: server, scopes: ['use'] }];
    role = (await create('roles', { name: 'everybodys', grants })).id ?? '';
  });

  test('is every organization’s to read and to refer to', async () => {
    for (const whose of [victim, stranger]) {
      const { key } = whose;
      expect(await done('GET', `resource-servers/${server}`, { key })).toMatchObject({ organization_id: null });
      expect(await done('GET', `roles/${role}`, { key })).toMatchObject({ organization_id: null });
      const names = await Promise.all(
        ['resource-servers', 'roles'].map((path) =>
          done<{ data: { id: string }[] }>('GET', `${path}?limit=100`, { key }),
        ),
      );
      expect(names.map(({ data }) => data.some(({ id }) => id === server || id === role))).toEqual([true, true]);
      const body = {
        client_name: name(),
        roles: ['everybodys'],
        grants: [{ resource_server: server, scopes: ['use'] }],
      };
      await create<Credentials>('clients', body, key);
    }
  });

  test('is no organization’s to change or delete, nor are its users another’s to see', async () => {
    const before = await everyRow();
    for (const path of [`resource-servers/${server}`, `roles/${role}`]) {
      for (const [method, target, body] of [
        ['PATCH', path, { name: 'mine' }],
        ['DELETE', path, undefined],
        ['DELETE', `${path}?cascade=true`, undefined],
      ] as const) {
        const problem = await problemOf(await api(method, target, { key: stranger.key, body }), 403);
        expect(problem.orphans).toBeUndefined();
      }
    }
    expect(await everyRow()).toEqual(before);
  });

  test('comes from the root key alone: an organization’s key makes its own', async () => {
    const made = await create<{ id: string; organization_id: string | null }>('roles', { name: name() }, stranger.key);
    expect(made.organization_id).toBe(stranger.id);
    expect(
      (await api('PATCH', `roles/${made.id}`, { key: stranger.key, body: { organization_id: null } })).status,
    ).toBe(422);
  });

  test('the progress of its changes is the root key’s to follow', async () => {
    await env.DB.prepare("INSERT INTO changes VALUES (2000000, NULL, 'role.updated', ?, 501, 0, 0)").bind(role).run();
    await problemOf(await api('GET', 'changes/2000000', { key: stranger.key }), 404);
    expect(await done('GET', 'changes/2000000')).toMatchObject({ status: 'delivered', gates: 501, delivered: 501 });
  });
});
