import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateSecret, isWellFormedSecret } from '../../src/credentials/secret.ts';
import { create, done, getToken, manage, requestToken, send } from '../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../instruments.ts';

interface Problem {
  type: string;
  status: number;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

let organization: string;
let other: string;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  other = (await create('organizations', { name: 'Globex' })).id ?? '';
});

const ORDERS = 'https://orders.example.com';

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  const problem = await response.json<Problem>();
  expect(problem.status).toBe(response.status);
  return problem;
}

async function pointersOf(response: Response): Promise<string[]> {
  return ((await problemOf(response)).errors ?? []).map(({ pointer }) => pointer);
}

/** Creates an API key of an organization with these scopes. */
async function keyWith(scopes: string[], owner = organization): Promise<string> {
  const { api_key } = await create('api-keys', { organization_id: owner, name: crypto.randomUUID(), scopes });
  return api_key ?? '';
}

async function rowCounts(): Promise<Record<string, unknown>> {
  const tables = [
    'organizations',
    'api_keys',
    'resource_servers',
    'scopes',
    'roles',
    'clients',
    'client_secrets',
    'audit_events',
  ];
  const counts = await env.DB.batch(tables.map((table) => env.DB.prepare(`SELECT COUNT(*) AS count FROM ${table}`)));
  return Object.fromEntries(tables.map((table, index) => [table, counts[index]?.results[0]]));
}

describe('what is created is shown whole', () => {
  test('an organization', async () => {
    const created = await create('organizations', {
      name: 'Initech',
      subject: 'organization',
      metadata: { plan: 'gold' },
    });
    expect(created).toEqual({
      id: expect.stringMatching(/^org_[0-9A-Za-z]{22}$/),
      name: 'Initech',
      subject: 'organization',
      metadata: { plan: 'gold' },
      status: 'active',
      security_profile: 'standard',
      unused_clients: null,
      quota: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: expect.any(String),
    });
  });

  test('a resource server, roles and a client that has them by name and by id, and its secret once', async () => {
    const scopes = [{ name: 'read', description: 'See orders.' }, { name: 'write' }, { name: 'refund' }];
    const server = await create('resource-servers', {
      organization_id: organization,
      identifier: ORDERS,
      name: 'Orders',
      scopes,
    });
    expect(server).toMatchObject({
      signing_alg: 'ES256',
      access_token_typ: 'at+jwt',
      introspection: 'strong',
      scope_policy: 'exact',
    });
    expect(server).toMatchObject({ access_token_ttl: null, accepted_claims: [] });
    const reader = await create('roles', {
      organization_id: organization,
      name: 'reader',
      grants: [{ resource_server: server.id, scopes: ['read'] }],
    });
    expect(reader).toMatchObject({ grants: [{ resource_server: ORDERS, scopes: ['read'] }] });
    const refunder = await create('roles', {
      organization_id: organization,
      name: 'refunder',
      grants: [{ resource_server: ORDERS, scopes: ['refund'] }],
    });

    const client = await create<Record<string, string>>('clients', {
      organization_id: organization,
      client_name: 'Shop',
      roles: [reader.id, 'refunder'],
      grants: [
        { resource_server: ORDERS, scopes: ['write'] },
        { resource_server: server.id, scopes: ['write', 'read'] },
      ],
      introspects: [ORDERS],
      default_resource: server.id,
    });
    expect(client).toMatchObject({
      client_id: expect.stringMatching(/^emc_/),
      roles: expect.arrayContaining(['reader', 'refunder']),
      grants: [{ resource_server: ORDERS, scopes: ['read', 'write'] }],
      introspects: [ORDERS],
      default_resource: ORDERS,
      rate_limit: { per_minute: 600, burst: 100 },
      log: 'sampled',
      status: 'active',
    });
    expect(isWellFormedSecret(client.client_secret ?? '', 'ems_')).toBe(true);
    const { scope } = await getToken({ client_id: client.client_id ?? '', client_secret: client.client_secret ?? '' });
    expect(scope?.split(' ').sort()).toEqual(['read', 'refund', 'write']);
    expect(refunder.id).toMatch(/^role_/);
  });

  test('an API key, once; what is stored of it is a hash', async () => {
    const created = await create('api-keys', { organization_id: organization, name: 'CI', scopes: ['clients:write'] });
    const key = created.api_key ?? '';
    expect(key).toMatch(/^emk_[0-9A-Za-z]{57}$/);
    expect(created.hint).toBe(key.slice(-4));
    const rows = JSON.stringify((await env.DB.prepare('SELECT * FROM api_keys').all()).results);
    expect(rows).not.toContain(key);
    expect((await manage('clients', { client_name: 'by CI' }, key)).status).toBe(201);
  });
});

test('each write leaves one audit event in its transaction, without secrets', async () => {
  const key = await keyWith(['clients:write']);
  const created = await create('clients', { client_name: 'audited' }, key);
  const events = await env.DB.prepare('SELECT * FROM audit_events WHERE target = ?').bind(created.client_id).all();
  expect(events.results).toHaveLength(1);
  expect(events.results[0]).toMatchObject({
    action: 'client.created',
    organization_id: organization,
    actor: expect.stringMatching(/^key_/),
  });
  expect(JSON.stringify(events.results)).not.toContain(created.client_secret);
});

describe('bad input', () => {
  const cases: [what: string, path: string, body: unknown, pointers: string[]][] = [
    ['an unknown field', 'clients', { client_name: 'x', admin: true, 'a/b': 1 }, ['/admin', '/a~1b']],
    ['a wrong type', 'clients', { client_name: 7 }, ['/client_name']],
    ['no name', 'organizations', {}, ['/name']],
    ['a name of nothing but space', 'organizations', { name: '  ' }, ['/name']],
    ['a lifetime that is too short', 'clients', { client_name: 'x', access_token_ttl: 59 }, ['/access_token_ttl']],
    ['a lifetime that is too long', 'clients', { client_name: 'x', access_token_ttl: 86_401 }, ['/access_token_ttl']],
    [
      'a rate limit of nothing',
      'clients',
      { client_name: 'x', rate_limit: { per_minute: 0, burst: 1 } },
      ['/rate_limit/per_minute'],
    ],
    ['a registered claim', 'clients', { client_name: 'x', claims: { aud: 'me' } }, ['/claims/aud']],
    ['claims that are too large', 'clients', { client_name: 'x', claims: { big: 'x'.repeat(5000) } }, ['/claims']],
    ['an identifier with a space', 'resource-servers', { identifier: 'orders api', name: 'x' }, ['/identifier']],
    [
      'an identifier with a fragment',
      'resource-servers',
      { identifier: 'https://a.example/#b', name: 'x' },
      ['/identifier'],
    ],
    [
      'an identifier below the issuer',
      'resource-servers',
      { identifier: 'https://auth.example.com/api', name: 'x' },
      ['/identifier'],
    ],
    ['a name that is no Unicode', 'clients', { client_name: '\ud800' }, ['/client_name']],
    [
      'an unknown type of access tokens',
      'resource-servers',
      { identifier: 'https://a.example', name: 'x', access_token_typ: 'jwt' },
      ['/access_token_typ'],
    ],
    [
      'an unknown algorithm',
      'resource-servers',
      { identifier: 'https://a.example', name: 'x', signing_alg: 'none' },
      ['/signing_alg'],
    ],
    [
      'an unknown scope policy',
      'resource-servers',
      { identifier: 'https://a.example', name: 'x', scope_policy: 'wide' },
      ['/scope_policy'],
    ],
    [
      'a scope with a space',
      'resource-servers',
      { identifier: 'https://a.example', name: 'x', scopes: [{ name: 'a b' }] },
      ['/scopes/0/name'],
    ],
    [
      'a scope twice',
      'resource-servers',
      { identifier: 'https://a.example', name: 'x', scopes: [{ name: 'a' }, { name: 'a' }] },
      ['/scopes'],
    ],
    [
      '10,000 scopes',
      'resource-servers',
      {
        identifier: 'https://a.example',
        name: 'x',
        scopes: Array.from({ length: 10_000 }, (_, i) => ({ name: `s${i}` })),
      },
      ['/scopes'],
    ],
    ['an API key that may do nothing', 'api-keys', { name: 'x', scopes: [] }, ['/scopes']],
    ['an unknown API key scope', 'api-keys', { name: 'x', scopes: ['everything'] }, ['/scopes/0']],
    [
      'an expiry in the past',
      'api-keys',
      { name: 'x', scopes: ['clients:read'], expires_at: '2020-01-01T00:00:00Z' },
      ['/expires_at'],
    ],
    [
      'a resource server that is not there',
      'clients',
      { client_name: 'x', grants: [{ resource_server: 'https://none.example', scopes: [] }] },
      ['/grants/0/resource_server'],
    ],
    ['a role that is not there', 'clients', { client_name: 'x', roles: ['none', 'neither'] }, ['/roles/0', '/roles/1']],
    [
      'a default that is not there',
      'clients',
      { client_name: 'x', default_resource: 'rs_none' },
      ['/default_resource'],
    ],
  ];

  test.each(cases)('%s is 422 at its pointer, and writes nothing', async (_, path, body, pointers) => {
    const before = await rowCounts();
    const scoped = path === 'organizations' ? body : { organization_id: organization, ...(body as object) };
    const response = await manage(path, scoped);
    expect(response.status).toBe(422);
    expect(await pointersOf(response)).toEqual(pointers);
    expect(await rowCounts()).toEqual(before);
  });

  test('prototype keys are data or refused, never more', async () => {
    const body = `{"organization_id":"${organization}","client_name":"proto","metadata":{"__proto__":"x","constructor":"y"}}`;
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${env.ROOT_API_KEY}` };
    const response = await send('/v1/clients', { method: 'POST', headers, body });
    expect([201, 422]).toContain(response.status);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('emoji are a name like any other, and count once each', async () => {
    const created = await create('clients', { organization_id: organization, client_name: '🦊'.repeat(200) });
    expect(created.client_name).toBe('🦊'.repeat(200));
    const longer = { organization_id: organization, client_name: '🦊'.repeat(201) };
    expect(await pointersOf(await manage('clients', longer))).toEqual(['/client_name']);
  });

  test('with the root key, a client without an organization is told to name one', async () => {
    const response = await manage('clients', { client_name: 'homeless' });
    expect(response.status).toBe(422);
    expect(await pointersOf(response)).toEqual(['/organization_id']);
  });

  test.each([
    ['no JSON', '{', 'application/json', 400],
    ['another type', '{}', 'text/plain', 415],
    ['an empty body', '', 'application/json', 400],
    ['a body over 1 MiB', `{"name":"${'x'.repeat(1024 * 1024)}"}`, 'application/json', 413],
  ])('%s is a problem document', async (_, body, type, status) => {
    const headers = { 'Content-Type': type, Authorization: `Bearer ${env.ROOT_API_KEY}` };
    const response = await send('/v1/organizations', { method: 'POST', headers, body });
    expect(response.status).toBe(status);
    await problemOf(response);
  });
});

describe('names that are taken', () => {
  test('conflict, at their field, whatever their case', async () => {
    expect(await pointersOf(await manage('organizations', { name: 'ACME' }))).toEqual(['/name']);
    await create('clients', { organization_id: organization, client_name: 'twin' });
    const twin = await manage('clients', { organization_id: organization, client_name: 'Twin' });
    expect(twin.status).toBe(409);
    expect(await pointersOf(twin)).toEqual(['/client_name']);
    expect((await manage('clients', { organization_id: other, client_name: 'twin' })).status).toBe(201);
  });

  test('an audience is one resource server, whoever owns it', async () => {
    const server = { identifier: 'https://taken.example.com', name: 'Taken' };
    await create('resource-servers', { ...server, organization_id: organization });
    const rival = await manage('resource-servers', { ...server, organization_id: other });
    expect(rival.status).toBe(409);
    expect(await pointersOf(rival)).toEqual(['/identifier']);
  });

  test('no organization’s role takes the name of a shared one, nor the other way round', async () => {
    await create('roles', { name: 'shared-admin' });
    expect((await manage('roles', { organization_id: organization, name: 'Shared-Admin' })).status).toBe(409);
    await create('roles', { organization_id: organization, name: 'own-admin' });
    expect((await manage('roles', { name: 'own-admin' })).status).toBe(409);
    expect((await manage('roles', { organization_id: other, name: 'own-admin' })).status).toBe(201);
    const race = [undefined, organization, other].map((organization_id) =>
      manage('roles', { organization_id, name: 'raced' }),
    );
    const created = (await Promise.all(race)).map(({ status }) => status);
    expect(created.filter((status) => status === 409).length).toBeGreaterThan(0);
    const owners = await env.DB.prepare("SELECT organization_id AS owner FROM roles WHERE name = 'raced'").all<{
      owner: unknown;
    }>();
    const isShared = owners.results.some(({ owner }) => owner === null);
    expect(owners.results.length).toBe(isShared ? 1 : 2);
  });
});

describe('isolation', () => {
  test('without a key, with a malformed one and with an unknown one: 401 with its challenge', async () => {
    for (const authorization of [undefined, 'Bearer nonsense', 'Basic cm9vdDpyb290', `Bearer emk_${'0'.repeat(49)}`]) {
      const headers: Record<string, string> = {
        'Content-Type': 'application/json',
        ...(authorization && { Authorization: authorization }),
      };
      const response = await send('/v1/organizations', {
        method: 'POST',
        headers,
        body: '{"name":"x"}',
        address: '192.0.2.77',
      });
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer /);
      await problemOf(response);
    }
  });

  test('an expired key, and a key of a disabled organization, are no keys', async () => {
    const key = await keyWith(['clients:write']);
    await env.DB.prepare('UPDATE api_keys SET expires_at = 1 WHERE hint = ?').bind(key.slice(-4)).run();
    expect((await manage('clients', { client_name: 'late' }, key)).status).toBe(401);

    const disabled = (await create('organizations', { name: 'Closed', status: 'disabled' })).id ?? '';
    const closedKey = await keyWith(['clients:write'], disabled);
    expect((await manage('clients', { client_name: 'closed' }, closedKey)).status).toBe(401);
  });

  test('a key does only what its scopes say', async () => {
    const key = await keyWith(['clients:read']);
    const bodies = {
      organizations: { name: 'x' },
      'api-keys': { name: 'x', scopes: ['clients:read'] },
      'resource-servers': { identifier: 'https://x.example', name: 'x' },
      roles: { name: 'x' },
      clients: { client_name: 'x' },
    };
    for (const [path, body] of Object.entries(bodies)) expect((await manage(path, body, key)).status, path).toBe(403);
  });

  test('a key gives no scope that it does not have', async () => {
    const key = await keyWith(['api-keys:write', 'clients:read']);
    const stronger = await manage('api-keys', { name: 'stronger', scopes: ['clients:read', 'clients:write'] }, key);
    expect(stronger.status).toBe(422);
    expect(await pointersOf(stronger)).toEqual(['/scopes/1']);
    expect((await manage('api-keys', { name: 'same', scopes: ['clients:read'] }, key)).status).toBe(201);
  });

  test.each([
    ['2126-01-31T12:00:00+14:00', '2126-01-30T22:00:00.000Z'],
    ['2126-01-31t12:00:00.5z', '2126-01-31T12:00:00.500Z'],
    ['2126-12-31T23:59:60Z', '2127-01-01T00:00:00.000Z'],
  ])('the end of a key may be %s, which is shown as %s', async (expires_at, shown) => {
    const created = await create('api-keys', {
      organization_id: organization,
      name: expires_at,
      scopes: ['clients:read'],
      expires_at,
    });
    expect(created.expires_at).toBe(shown);
    const events = await done<{ data: { changes: unknown }[] }>(
      'GET',
      `audit-events?target=${created.id}&organization_id=${organization}`,
    );
    expect(events.data[0]?.changes).toMatchObject({ expires_at: shown });
  });

  test.each(['2126-02-30T00:00:00Z', '2126-01-31T24:00:00Z', '2126-01-31T12:00:00', '2126-01-31'])(
    'the end of a key cannot be %s',
    async (expires_at) => {
      const body = { organization_id: organization, name: expires_at, scopes: ['clients:read'], expires_at };
      expect(await pointersOf(await manage('api-keys', body))).toEqual(['/expires_at']);
    },
  );

  test('a key gives no key that outlives it', async () => {
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const scopes = ['api-keys:write'];
    const body = { organization_id: organization, name: 'brief', scopes, expires_at };
    const { api_key } = await create('api-keys', body);
    for (const later of [null, new Date(Date.now() + 120_000).toISOString()]) {
      const heir = await manage('api-keys', { name: 'heir', scopes, expires_at: later }, api_key);
      expect(await pointersOf(heir)).toEqual(['/expires_at']);
    }
    expect((await manage('api-keys', { name: 'heir', scopes, expires_at }, api_key)).status).toBe(201);
  });

  test('at a shared resource server no organization’s key lets a client introspect', async () => {
    await create('resource-servers', { identifier: 'https://everybody.example.com', name: 'Everybody’s' });
    const body = { client_name: 'watcher', introspects: ['https://everybody.example.com'] };
    const refused = await manage('clients', body, await keyWith(['clients:write']));
    expect(await pointersOf(refused)).toEqual(['/introspects/0']);
    expect((await manage('clients', { ...body, organization_id: organization })).status).toBe(201);
  });

  test('a role cannot pass for another by being named as its id', async () => {
    const { id } = await create('roles', { organization_id: organization, name: 'original' });
    expect(await pointersOf(await manage('roles', { organization_id: organization, name: id }))).toEqual(['/name']);
  });

  test('invented keys, however many, ask no store and keep nobody waiting', async () => {
    const key = await keyWith(['clients:write']);
    startNewIsolate();
    await send('/.well-known/jwks.json');
    resetCalls();
    const invented = generateSecret('emk_').padEnd(key.length, '0');
    const guesses = await Promise.all(Array.from({ length: 500 }, () => manage('clients', {}, invented)));
    expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401]));
    expect(calls).toMatchObject({ d1: 0, gate: 0, kv: 0 });
    expect((await manage('clients', { client_name: 'after guesses' }, key)).status).toBe(201);
  });

  test('another organization’s ids are not found', async () => {
    const key = await keyWith(['clients:write', 'roles:write']);
    expect((await manage('clients', { client_name: 'x', organization_id: other }, key)).status).toBe(404);
    await create('resource-servers', {
      organization_id: other,
      identifier: 'https://theirs.example.com',
      name: 'Theirs',
      scopes: [{ name: 'a' }],
    });
    await create('roles', { organization_id: other, name: 'their-role' });
    const body = {
      client_name: 'thief',
      grants: [{ resource_server: 'https://theirs.example.com', scopes: ['a'] }],
      roles: ['their-role'],
      introspects: ['https://theirs.example.com'],
    };
    const response = await manage('clients', body, key);
    expect(response.status).toBe(422);
    expect(await pointersOf(response)).toEqual(['/grants/0/resource_server', '/roles/0', '/introspects/0']);
  });

  test('a shared resource server is every organization’s to grant', async () => {
    await create('resource-servers', {
      identifier: 'https://shared.example.com',
      name: 'Shared',
      scopes: [{ name: 'use' }],
    });
    const key = await keyWith(['clients:write'], other);
    const client = await create<{ client_id: string; client_secret: string }>(
      'clients',
      { client_name: 'sharer', grants: [{ resource_server: 'https://shared.example.com', scopes: ['use'] }] },
      key,
    );
    expect((await requestToken(client)).status).toBe(200);
  });
});

test('with D1 gone a write is 503 with Retry-After, and nothing is written', async () => {
  const before = await rowCounts();
  const response = await failing('d1', () => manage('organizations', { name: 'Lost' }));
  expect(response.status).toBe(503);
  expect(response.headers.get('Retry-After')).toBe('2');
  await problemOf(response);
  expect(await rowCounts()).toEqual(before);
});

test('a write that breaks half-way leaves nothing of it', async () => {
  const before = await rowCounts();
  await env.DB.exec(
    "CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no events today'); END",
  );
  const response = await manage('clients', { organization_id: organization, client_name: 'half' });
  await env.DB.exec('DROP TRIGGER no_events');
  expect(response.status).toBe(503);
  expect(await rowCounts()).toEqual(before);
});
