import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, createClient, done, manage } from '../http.ts';
import { everyRow, problemOf, rowsOf } from './rows.ts';

type Shown = Record<string, unknown>;

let organization: string;
let counter = 0;
const name = () => `conditional ${++counter}`;
const owned = () => ({ organization_id: organization, name: name() });

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
});

const newOrganization = async () => `organizations/${(await create('organizations', { name: name() })).id}`;
const newRole = async (more: Shown = {}) => `roles/${(await create('roles', { ...owned(), ...more })).id}`;
const newClient = async (more: Shown = {}) =>
  `clients/${(await createClient({ organization_id: organization, client_name: name(), ...more })).client_id}`;
const newKey = async () => `api-keys/${(await create('api-keys', { ...owned(), scopes: ['clients:read'] })).id}`;

async function newServer(): Promise<{ path: string; identifier: string }> {
  const identifier = `https://${crypto.randomUUID()}.example`;
  const scopes = [{ name: 'read' }, { name: 'write' }];
  const { id } = await create('resource-servers', { ...owned(), identifier, scopes });
  return { path: `resource-servers/${id}`, identifier };
}

async function tagOf(path: string): Promise<string> {
  const response = await api('GET', path);
  expect(response.status).toBe(200);
  const tag = response.headers.get('ETag') ?? '';
  expect(tag).toMatch(/^"[^"]+"$/);
  return tag;
}

const kinds: [what: string, make: () => Promise<string>, patch: Shown][] = [
  ['an organization', newOrganization, { metadata: { a: 'b' } }],
  ['a resource server', async () => (await newServer()).path, { access_token_ttl: 90 }],
  ['a role', newRole, { description: 'Changed.' }],
  ['a client', newClient, { metadata: { a: 'b' } }],
];

describe('an entity tag', () => {
  test('is protected from proxies that would compress its answer', async () => {
    const path = await newClient();
    for (const answer of [await api('GET', path), await api('GET', 'nothing'), await api('GET', path, { key: null })]) {
      expect(answer.headers.get('Cache-Control')).toBe('no-store, no-transform');
    }
  });

  test.each([
    ['organizations', () => ({ name: name() })],
    ['resource-servers', () => ({ ...owned(), identifier: `https://${crypto.randomUUID()}.example` })],
    ['roles', owned],
    ['clients', () => ({ organization_id: organization, client_name: name() })],
    ['api-keys', () => ({ ...owned(), scopes: ['clients:read'] })],
  ])('of a created one of %s equals that of a later GET', async (path, body) => {
    const response = await manage(path, body());
    const { id, client_id } = await response.json<Record<string, string>>();
    expect(response.headers.get('ETag')).toBe(await tagOf(`${path}/${id ?? client_id}`));
  });

  test.each(kinds)(
    'of %s stays the same without a change, changes with a PATCH, and is in its answer',
    async (_, make, patch) => {
      const path = await make();
      const before = await tagOf(path);
      expect(await tagOf(path)).toBe(before);
      const changed = await api('PATCH', path, { body: patch });
      expect(changed.headers.get('ETag')).not.toBe(before);
      expect(await tagOf(path)).toBe(changed.headers.get('ETag'));
      expect((await done<Shown>('GET', path))[Object.keys(patch)[0] ?? '']).toEqual(Object.values(patch)[0]);
    },
  );

  /** Expects that a change changes the tags of these paths, and not the tag of the unrelated one. */
  async function changesTags(
    paths: readonly string[],
    unrelated: string,
    change: () => Promise<unknown>,
  ): Promise<void> {
    const [before, other] = [await Promise.all(paths.map(tagOf)), await tagOf(unrelated)];
    const shown = await Promise.all(paths.map((path) => done('GET', path)));
    await change();
    for (const [index, path] of paths.entries()) {
      expect(await tagOf(path), path).not.toBe(before[index]);
      expect(await done('GET', path), path).not.toEqual(shown[index]);
    }
    expect(await tagOf(unrelated)).toBe(other);
  }

  test('of a client changes if its role is renamed or deleted', async () => {
    const role = await newRole();
    const id = role.split('/')[1];
    const [holder, bystander] = [await newClient({ roles: [id] }), await newClient()];
    await changesTags([holder], bystander, () => done('PATCH', role, { body: { name: name() } }));
    await changesTags([holder], bystander, () => done('DELETE', `${role}?cascade=true`));
  });

  test('of a role or client changes if a scope or resource server that it refers to is removed', async () => {
    const { path, identifier } = await newServer();
    const grants = [{ resource_server: identifier, scopes: ['read', 'write'] }];
    const [role, client] = [await newRole({ grants }), await newClient({ grants })];
    const [introspecting, defaulting] = [
      await newClient({ introspects: [identifier] }),
      await newClient({ default_resource: identifier }),
    ];
    const bystander = await newClient();
    const narrower = { scopes: [{ name: 'read' }] };
    await changesTags([path, role, client], introspecting, () =>
      done('PATCH', `${path}?cascade=true`, { body: narrower }),
    );
    await changesTags([role, client, introspecting, defaulting], bystander, () =>
      done('DELETE', `${path}?cascade=true`),
    );
  });

  test('of a client changes with its secrets', async () => {
    const client = await newClient();
    const tags = [await tagOf(client)];
    const { id } = await done<{ id: string }>('POST', `${client}/secrets/rotate`);
    tags.push(await tagOf(client));
    const [old] = await rowsOf<{ id: string }>(
      'SELECT id FROM client_secrets WHERE client_id = ? AND id <> ?',
      client.split('/')[1],
      id,
    );
    await done('POST', `${client}/secrets/${old?.id}/promote`);
    tags.push(await tagOf(client));
    await done('DELETE', `${client}/secrets/${id}`);
    tags.push(await tagOf(client));
    expect(new Set(tags).size).toBe(4);
  });
});

describe('If-Match', () => {
  const all: [what: string, method: string, make: () => Promise<string>, body: Shown | undefined][] = [
    ...kinds.map(
      ([what, make, patch]) =>
        [`PATCH of ${what}`, 'PATCH', make, patch] as [string, string, () => Promise<string>, Shown],
    ),
    ...kinds.map(
      ([what, make]) =>
        [`DELETE of ${what}`, 'DELETE', make, undefined] as [string, string, () => Promise<string>, undefined],
    ),
    ['DELETE of an API key', 'DELETE', newKey, undefined],
  ];

  test.each(all)(
    'of another version fails a %s without effect, and of the current version permits it',
    async (_, method, make, body) => {
      const path = await make();
      const tag = await tagOf(path);
      const before = await everyRow();
      const wrong = [
        '"0"',
        '"99999999"',
        'W/"99999999"',
        `w/${tag}`,
        tag.slice(1, -1),
        '"0", "1"',
        ',',
        '""',
        '"*"',
        `"x${tag.slice(1)}`,
      ];
      for (const value of wrong) {
        const response = await api(method, path, { body, headers: { 'If-Match': value } });
        expect(response.headers.get('ETag'), value).toBe(tag);
        await problemOf(response, 412);
      }
      expect(await everyRow()).toEqual(before);
      const right = await api(method, path, { body, headers: { 'If-Match': `"0", ${tag} ,"7"` } });
      expect(right.status).toBe(method === 'PATCH' ? 200 : 204);
    },
  );

  // Cloudflare makes the tag of an answer weak when it compresses it.
  test.each(all)('M1: the weak form of the current tag permits a %s', async (_, method, make, body) => {
    for (const write of [(tag: string) => `W/${tag}`, (tag: string) => `W/"0", W/${tag}`]) {
      const path = await make();
      const response = await api(method, path, { body, headers: { 'If-Match': write(await tagOf(path)) } });
      expect(response.status).toBe(method === 'PATCH' ? 200 : 204);
    }
  });

  test.each(all)('* permits a %s', async (_, method, make, body) => {
    const response = await api(method, await make(), { body, headers: { 'If-Match': '*' } });
    expect(response.status).toBe(method === 'PATCH' ? 200 : 204);
  });

  test.each(kinds)('lets only one of two concurrent PATCHes of %s succeed', async (_, make, patch) => {
    const path = await make();
    const headers = { 'If-Match': await tagOf(path) };
    const naming = path.startsWith('clients') ? { client_name: name() } : { name: name() };
    const answers = await Promise.all([
      api('PATCH', path, { body: patch, headers }),
      api('PATCH', path, { body: naming, headers }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const winner = await answers.find(({ status }) => status === 200)?.json();
    expect(await done('GET', path)).toEqual(winner);
    await problemOf(await api('DELETE', path, { headers }), 412);
    expect(await done('GET', path)).toEqual(winner);
  });

  test('of a client applies to the deletion of its secrets', async () => {
    const client = await newClient();
    const stale = { 'If-Match': await tagOf(client) };
    await done('POST', `${client}/secrets/rotate`);
    const [secondary] = await rowsOf<{ id: string }>(
      "SELECT id FROM client_secrets WHERE client_id = ? AND rank = 'secondary'",
      client.split('/')[1],
    );
    const path = `${client}/secrets/${secondary?.id}`;
    const before = await everyRow();
    await problemOf(await api('DELETE', path, { headers: stale }), 412);
    expect(await everyRow()).toEqual(before);
    expect((await api('DELETE', path, { headers: { 'If-Match': await tagOf(client) } })).status).toBe(204);
  });

  test('of a missing resource is 404', async () => {
    for (const path of [
      'organizations/org_x',
      'resource-servers/rs_x',
      'roles/role_x',
      'clients/emc_x',
      'api-keys/key_x',
    ]) {
      await problemOf(await api('DELETE', path, { headers: { 'If-Match': '*' } }), 404);
    }
  });

  test('of a client fails if its role was renamed since', async () => {
    const role = await newRole();
    const client = await newClient({ roles: [role.split('/')[1]] });
    const headers = { 'If-Match': await tagOf(client) };
    await done('PATCH', role, { body: { name: name() } });
    await problemOf(await api('PATCH', client, { body: { roles: [] }, headers }), 412);
  });
});

describe('without If-Match', () => {
  test.each([
    ['an organization', newOrganization],
    ['a client', newClient],
  ])('20 concurrent changes of different metadata of %s: every acknowledged one is applied', async (_, make) => {
    const path = await make();
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const answers = await Promise.all(keys.map((key) => api('PATCH', path, { body: { metadata: { [key]: key } } })));
    const acknowledged = keys.filter((_, index) => answers[index]?.status === 200);
    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect(acknowledged.length).toBeGreaterThan(0);
    const { metadata } = await done<{ metadata: Record<string, string> }>('GET', path);
    expect(Object.keys(metadata).sort()).toEqual(acknowledged.sort());
    const events = await rowsOf('SELECT 1 FROM audit_events WHERE target = ?', path.split('/')[1]);
    expect(events).toHaveLength(acknowledged.length + 1);
    // Each acknowledged change has its own version.
    const tags = answers.flatMap(({ status, headers }) => (status === 200 ? [headers.get('ETag')] : []));
    expect(new Set(tags).size).toBe(tags.length);
  });

  test('a change and a deletion at the same time: only one succeeds, or the change came first', async () => {
    for (let round = 0; round < 5; round++) {
      const role = await newRole();
      const [patched, deleted] = await Promise.all([
        api('PATCH', role, { body: { description: 'x' } }),
        api('DELETE', role),
      ]);
      expect([204, 409]).toContain(deleted.status);
      expect([200, 404, 409]).toContain(patched.status);
      expect((await api('GET', role)).status).toBe(deleted.status === 204 ? 404 : 200);
    }
  });

  test('a role is assigned while it is deleted: no client keeps a missing role', async () => {
    for (let round = 0; round < 5; round++) {
      const role = await newRole();
      const client = await newClient();
      const answers = await Promise.all([
        api('PATCH', client, { body: { roles: [role.split('/')[1]] } }),
        api('DELETE', role),
      ]);
      for (const { status } of answers) expect([200, 204, 409, 422]).toContain(status);
      const { roles } = await done<{ roles: string[] }>('GET', client);
      expect(roles.length).toBe((await api('GET', role)).status === 200 && answers[0]?.status === 200 ? 1 : 0);
    }
  });
});
