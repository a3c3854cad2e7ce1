import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { api, create, createClient, done, getToken, send } from '../http.ts';
import { everyRow, keyWith, pointedAt, problemOf, rowsOf } from './rows.ts';

type Shown = Record<string, unknown>;

const ORDERS = 'https://orders.example.com';
const STOCK = 'https://stock.example.com';

const KEY = {
  kty: 'EC',
  crv: 'P-256',
  kid: '2026-11',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};

let organization: string;
let other: string;
let server: string;
let counter = 0;
const name = () => `patched ${++counter}`;

beforeAll(async () => {
  organization = (await create('organizations', { name: 'Acme' })).id ?? '';
  other = (await create('organizations', { name: 'Globex' })).id ?? '';
  const scopes = ['read', 'write', 'admin'].map((scope) => ({ name: scope }));
  const owned = { organization_id: organization, scopes };
  server = (await create('resource-servers', { ...owned, identifier: ORDERS, name: 'Orders' })).id ?? '';
  await create('resource-servers', { ...owned, identifier: STOCK, name: 'Stock' });
  await create('roles', { organization_id: organization, name: 'reader' });
});

const newClient = (more: Shown = {}) =>
  createClient({ organization_id: organization, client_name: name(), ...more }).then(
    ({ client_id }) => `clients/${client_id}`,
  );

/** PATCHes with exactly this body. */
function patchRaw(path: string, body: string, type = 'application/merge-patch+json'): Promise<Response> {
  const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}`, ...(type !== '' && { 'Content-Type': type }) };
  return send(`/v1/${path}`, { method: 'PATCH', headers, body: new TextEncoder().encode(body) });
}

describe('a merge patch', () => {
  test('changes members of objects, adds some, and with null removes some; the rest stays', async () => {
    const claims = { tier: 'gold', limits: { orders: 1, items: 2 }, list: [1, 2, 3] };
    const client = await newClient({ metadata: { a: '1', b: '2' }, claims, rate_limit: { per_minute: 60, burst: 7 } });
    const patch = {
      metadata: { a: null, b: '3', c: '4', absent: null },
      claims: { limits: { orders: null, users: 9 }, list: [4], more: { deep: { er: true, gone: null } } },
      rate_limit: { burst: 8 },
    };
    const shown = await done('PATCH', client, { body: patch });
    expect(shown).toMatchObject({
      metadata: { b: '3', c: '4' },
      claims: { tier: 'gold', limits: { items: 2, users: 9 }, list: [4], more: { deep: { er: true } } },
      rate_limit: { per_minute: 60, burst: 8 },
    });
    expect(shown.metadata).toEqual({ b: '3', c: '4' });
    expect(shown.claims).toEqual({
      tier: 'gold',
      limits: { items: 2, users: 9 },
      list: [4],
      more: { deep: { er: true } },
    });
    expect(await done('GET', client)).toEqual(shown);
  });

  const kinds: [what: string, path: string, required: Shown, set: Shown][] = [
    [
      'an organization',
      'organizations',
      {},
      { subject: 'organization', metadata: { a: 'b' }, status: 'disabled', security_profile: 'strict' },
    ],
    [
      'a resource server',
      'resource-servers',
      {},
      {
        scopes: [{ name: 'x' }],
        access_token_ttl: 60,
        signing_alg: 'EdDSA',
        access_token_typ: 'JWT',
        introspection: 'strong',
        scope_policy: 'narrow',
        accepted_claims: ['groups'],
      },
    ],
    ['a role', 'roles', {}, { description: 'Does.', grants: [{ resource_server: ORDERS, scopes: ['read'] }] }],
    [
      'a client',
      'clients',
      {},
      {
        token_endpoint_auth_method: 'client_secret_post',
        grants: [{ resource_server: ORDERS, scopes: ['read'] }],
        roles: ['reader'],
        introspects: [ORDERS],
        default_resource: ORDERS,
        access_token_ttl: 60,
        rate_limit: { per_minute: 1, burst: 1 },
        claims: { a: 1 },
        requestable_claims: ['tenant'],
        may_rotate_secret: true,
        log: 'all',
        metadata: { a: 'b' },
        status: 'disabled',
      },
    ],
    [
      'a client with keys and identities',
      'clients',
      {},
      {
        token_endpoint_auth_method: 'private_key_jwt',
        additional_auth_methods: ['federated_jwt'],
        jwks: { keys: [KEY] },
        federated_identities: [
          { issuer: 'https://gitlab.example.com', subject: 'project_path:acme/*', claims: { project_id: ['1', '2'] } },
        ],
        dpop_bound_access_tokens: true,
        dpop_nonce_required: true,
      },
    ],
    [
      'a client of the strict profile',
      'clients',
      {},
      {
        // Restoring this member first allows the other members to be restored too.
        security_profile: 'strict',
        token_endpoint_auth_method: 'private_key_jwt',
        additional_auth_methods: ['tls_client_auth'],
        jwks_uri: 'https://keys.example.com/jwks.json',
        tls_client_auth_san_uri: 'https://worker.example.com',
        tls_client_certificate_bound_access_tokens: true,
      },
    ],
  ];

  /** Creates a resource, and returns its path and its representation. */
  async function make(path: string, more: Shown): Promise<[path: string, shown: Shown]> {
    const names = path === 'clients' ? { client_name: name() } : { name: name() };
    const owner = path === 'organizations' ? {} : { organization_id: organization };
    const identifier = path === 'resource-servers' ? { identifier: `https://${crypto.randomUUID()}.example` } : {};
    const { client_secret: _, ...shown } = await create<Shown>(path, { ...names, ...owner, ...identifier, ...more });
    return [`${path}/${shown.id ?? shown.client_id}`, shown];
  }

  const changing = ({ updated_at: _, ...rest }: Shown) => rest;

  test.each(kinds)('sets each field of %s, and with null sets it back to its default', async (_, path, __, set) => {
    const [target, fresh] = await make(path, {});
    const [, full] = await make(path, set);
    const patched = await done<Shown>('PATCH', target, { body: set });
    for (const field of Object.keys(set)) {
      expect(patched[field], field).toEqual(full[field]);
      const back = await done<Shown>('PATCH', target, { body: { [field]: null } });
      expect(back[field], field).toEqual(fresh[field]);
      expect(await done('GET', target)).toEqual(back);
    }
    expect(changing(await done('GET', target))).toEqual(changing(fresh));
  });

  test.each(kinds)('that is %s as it is shown changes nothing of it', async (_, path, __, set) => {
    const [target, shown] = await make(path, set);
    expect(await done('GET', target)).toEqual(shown);
    expect(changing(await done('PATCH', target, { body: shown }))).toEqual(changing(shown));
    expect(changing(await done('PATCH', target, { body: {} }))).toEqual(changing(shown));
  });

  test.each(kinds)('changes of %s only what can be changed, and all of it or nothing', async (_, path) => {
    const [target, shown] = await make(path, {});
    const before = await everyRow();
    const named = path === 'clients' ? 'client_name' : 'name';
    const fixed = Object.keys(shown).filter((field) =>
      /^(id|client_id|organization_id|identifier|(created|updated|last_used)_at)$/.test(field),
    );
    expect(fixed.length).toBeGreaterThan(2);
    for (const field of fixed) {
      for (const value of ['https://another.example', null, 7, {}]) {
        // It is null, and may be repeated.
        if (field === 'last_used_at' && value === null) continue;
        const body = { [named]: 'not this either', [field]: value };
        expect(await pointedAt(await api('PATCH', target, { body })), field).toEqual([`/${field}`]);
      }
    }
    const unknown = { [named]: 'not this either', nonsense: 1, 'a/b~c': null, constructor: {}, toString: 1 };
    const pointers = ['/nonsense', '/a~1b~0c', '/constructor', '/toString'];
    expect(await pointedAt(await api('PATCH', target, { body: unknown }))).toEqual(pointers);
    expect(await pointedAt(await api('PATCH', target, { body: { [named]: null } }))).toEqual([`/${named}`]);
    expect(await everyRow()).toEqual(before);
  });

  test('comes as application/merge-patch+json or application/json, and as nothing else', async () => {
    const client = await newClient();
    for (const type of ['application/merge-patch+json', 'application/json', 'Application/JSON; charset=utf-8']) {
      const response = await patchRaw(client, `{"metadata":{"type":${JSON.stringify(type)}}}`, type);
      expect(response.status, type).toBe(200);
      expect(await response.json()).toMatchObject({ metadata: { type } });
    }
    const before = await everyRow();
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
      await problemOf(await patchRaw(client, '{"status":"disabled"}', type), 415);
    }
    expect(await everyRow()).toEqual(before);
  });

  test.each([
    ['', 400],
    ['{', 400],
    ['{"status":"disabled"', 400],
    ['{"status":"disabled"} {}', 400],
    ['null', 422],
    ['[]', 422],
    ['[{"op":"replace","path":"/status","value":"disabled"}]', 422],
    ['"disabled"', 422],
    ['7', 422],
    ['{"metadata":{"a":"\\ud800"}}', 422],
    ['{"claims":{"a":"\\ud800"}}', 422],
    ['{"claims":{"a":1e400}}', 422],
    ['{"claims":{"a":9007199254740993}}', 422],
  ])('of %s is refused with %i, and writes nothing', async (body, status) => {
    const client = await newClient();
    const before = await everyRow();
    await problemOf(await patchRaw(client, body), status);
    expect(await everyRow()).toEqual(before);
  });

  test.each([
    ['a name of another type', { client_name: 7 }, ['/client_name']],
    ['a status that there is not', { status: 'paused' }, ['/status']],
    ['metadata that is a list', { metadata: [] }, ['/metadata']],
    ['metadata that is no text', { metadata: { ok: 'x', bad: 1, worse: {} } }, ['/metadata/bad', '/metadata/worse']],
    ['metadata without a name', { metadata: { '': 'x' } }, ['/metadata/']],
    [
      'more metadata than there may be',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ''])) },
      ['/metadata'],
    ],
    ['claims that are a list', { claims: [] }, ['/claims']],
    ['claims that are text', { claims: 'x' }, ['/claims']],
    ['a registered claim', { claims: { iss: 'me' } }, ['/claims/iss']],
    ['a registered claim to ask for', { requestable_claims: ['tenant', 'sub'] }, ['/requestable_claims/1']],
    ['a rate limit that is a number', { rate_limit: 5 }, ['/rate_limit']],
    ['a rate limit of nothing', { rate_limit: { burst: 0 } }, ['/rate_limit/burst']],
    ['a rate limit with more to it', { rate_limit: { per_hour: 5 } }, ['/rate_limit/per_hour']],
    ['a lifetime that is no whole number', { access_token_ttl: 60.5 }, ['/access_token_ttl']],
    ['a lifetime that is text', { access_token_ttl: '60' }, ['/access_token_ttl']],
    ['grants that are an object', { grants: {} }, ['/grants']],
    ['a grant that is null', { grants: [null] }, ['/grants/0']],
    [
      'a scope that is not there',
      { grants: [{ resource_server: ORDERS, scopes: ['read', 'x'] }] },
      ['/grants/0/scopes/1'],
    ],
    ['a role that is not there', { roles: ['reader', 'nobody'] }, ['/roles/1']],
    ['roles that are text', { roles: 'reader' }, ['/roles']],
    ['a default that is not there', { default_resource: 'https://none.example' }, ['/default_resource']],
    ['a permission that is text', { may_rotate_secret: 'true' }, ['/may_rotate_secret']],
    ['an unknown choice of log lines', { log: 'none' }, ['/log']],
    ['10,000 roles', { roles: Array(10_000).fill('reader') }, ['/roles']],
    ['10,000 grants', { grants: Array(10_000).fill({ resource_server: ORDERS, scopes: [] }) }, ['/grants']],
    ['10,000 claims to ask for', { requestable_claims: Array(10_000).fill('a') }, ['/requestable_claims']],
  ])('with %s points at it, and writes nothing', async (_, patch, pointers) => {
    const client = await newClient({ metadata: { a: '1' } });
    const before = await everyRow();
    const response = await api('PATCH', client, { body: { metadata: { a: '2' }, ...patch } });
    expect([...new Set(await pointedAt(response))]).toEqual(pointers);
    expect(await everyRow()).toEqual(before);
  });

  test('with 10,000 wrong elements is told of a hundred at most', async () => {
    const client = await newClient();
    const roles = Array.from({ length: 10_000 }, (_, index) => index);
    expect((await pointedAt(await api('PATCH', client, { body: { roles } }))).length).toBeLessThanOrEqual(100);
  });

  test.each([
    ['PATCH', 'clients/{client_id}'],
    ['POST', 'clients'],
    ['POST', 'resource-servers'],
  ])(
    'and any other body with as many unknown fields as a MiB holds is told of a hundred: %s %s',
    async (method, path) => {
      const target = path === 'clients/{client_id}' ? await newClient() : path;
      const letters = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'];
      const names = letters.flatMap((one) => letters.flatMap((two) => letters.map((three) => one + two + three)));
      const body = Object.fromEntries(names.slice(0, 131_000).map((unknown) => [unknown, 0]));
      expect(JSON.stringify(body).length).toBeGreaterThan(1_000_000);
      const before = await everyRow();
      const pointers = await pointedAt(await api(method, target, { body }));
      expect(pointers).toContain('/100');
      expect(pointers.length).toBeLessThanOrEqual(100);
      expect(await everyRow()).toEqual(before);
    },
  );

  test.each(['claims', 'metadata', 'rate_limit', 'grants', 'client_name', 'nonsense', 'created_at'])(
    'of 200,000 levels in %s is refused, and the service goes on',
    async (field) => {
      const client = await newClient();
      const before = await everyRow();
      for (const [open, close] of [
        ['{"a":', '}'],
        ['[', ']'],
      ] as const) {
        const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`;
        await problemOf(await patchRaw(client, `{"${field}":{"a":${deep}}}`), 422);
        await problemOf(await patchRaw(client, `{"${field}":${deep}}`), 422);
      }
      expect(await everyRow()).toEqual(before);
    },
  );

  test.each([
    ['{"__proto__":{"status":"disabled"}}', 422],
    ['{"__proto__":null}', 422],
    ['{"metadata":{"__proto__":"x"}}', 200],
    ['{"metadata":{"__proto__":{"x":"y"}}}', 200],
    ['{"rate_limit":{"__proto__":{"burst":1}}}', 422],
    ['{"claims":{"__proto__":{"admin":true}}}', 422],
    ['{"claims":{"a":{"__proto__":{"admin":true}}}}', 422],
    ['{"claims":{"a":[{"__proto__":null}]}}', 422],
  ])('%s changes nothing: __proto__ is no name that anything has', async (body, status) => {
    const client = await newClient({ metadata: { a: '1' }, claims: { a: { b: 1 } } });
    const before = changing(await done('GET', client));
    expect((await patchRaw(client, body)).status).toBe(status);
    expect(changing(await done('GET', client))).toEqual(before);
    expect(({} as Shown).admin).toBeUndefined();
  });

  test('takes constructor, prototype and toString for names like any other', async () => {
    const odd = { constructor: 'a', prototype: 'b', toString: 'c', hasOwnProperty: 'd', valueOf: 'e' };
    const client = await newClient({ claims: { a: 1 } });
    const shown = await done<Shown>('PATCH', client, { body: { metadata: odd, claims: { constructor: odd } } });
    expect(shown).toMatchObject({ metadata: odd, claims: { a: 1, constructor: odd } });
    expect(await done('GET', client)).toEqual(shown);
  });

  test('takes any text, and shows it as it was', async () => {
    const texts = [
      '🦊'.repeat(100),
      '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
      'İıßſ',
      "'; DROP TABLE clients; --",
      '\u200f%_\\',
      'é',
    ];
    for (const text of texts) {
      const client = await newClient();
      const shown = await done<Shown>('PATCH', client, {
        body: { client_name: text, metadata: { [text.slice(0, 20)]: text } },
      });
      expect(shown).toMatchObject({ client_name: text, metadata: { [text.slice(0, 20)]: text } });
      expect(await done('GET', client)).toEqual(shown);
    }
    const odd = 'a\n\tb\u2028"\\';
    const [role] = await make('roles', {});
    const [api] = await make('resource-servers', {});
    const described = await done('PATCH', role, { body: { description: odd } });
    const scoped = await done('PATCH', api, { body: { scopes: [{ name: 'x', description: odd }] } });
    expect(described).toMatchObject({ description: odd });
    expect(await done('GET', role)).toEqual(described);
    expect(await done('GET', api)).toEqual(scoped);
    expect(scoped).toMatchObject({ scopes: [{ name: 'x', description: odd }] });
  });
});

describe('references', () => {
  test('are shown once, in order, by name, however they were given', async () => {
    const client = await newClient();
    const grants = [
      { resource_server: STOCK, scopes: ['write'] },
      { resource_server: server, scopes: ['write', 'read', 'read'] },
      { resource_server: ORDERS, scopes: ['admin'] },
    ];
    const body = {
      grants,
      introspects: [STOCK, server, ORDERS],
      default_resource: server,
      roles: ['reader', 'reader'],
    };
    const shown = await done('PATCH', client, { body });
    expect(shown).toMatchObject({
      grants: [
        { resource_server: ORDERS, scopes: ['admin', 'read', 'write'] },
        { resource_server: STOCK, scopes: ['write'] },
      ],
      introspects: [ORDERS, STOCK],
      default_resource: ORDERS,
      roles: ['reader'],
    });
    expect(await done('GET', client)).toEqual(shown);
  });

  test('that a client has are no obstacle to changing something else of it', async () => {
    // In a request the ids are short, but the identifiers that are stored for them are long.
    const long = await Promise.all(
      Array.from({ length: 70 }, async (_, index) => {
        const identifier = `https://long-${index}.example.com/${'x'.repeat(460)}`;
        const { id } = await create('resource-servers', { organization_id: organization, identifier, name: name() });
        return { resource_server: id, scopes: [] };
      }),
    );
    const body = { organization_id: organization, client_name: name() };
    expect(await pointedAt(await api('POST', 'clients', { body: { ...body, grants: long } }))).toEqual(['/grants']);
    const client = await newClient({ grants: long.slice(0, 60) });
    expect((await api('PATCH', client, { body: { metadata: { a: 'b' } } })).status).toBe(200);
    expect(await pointedAt(await api('PATCH', client, { body: { grants: long } }))).toEqual(['/grants']);
  });

  test('that only the root key could give stay when an organization’s key changes something else', async () => {
    await create('resource-servers', { identifier: 'https://shared.example', name: 'Shared' });
    await create('resource-servers', { identifier: 'https://shared-too.example', name: 'Shared too' });
    const client = await newClient({ introspects: ['https://shared.example'] });
    const key = await keyWith(organization, ['clients:write']);
    const body = { metadata: { a: 'b' }, introspects: ['https://shared.example', ORDERS] };
    expect(await done('PATCH', client, { key, body })).toMatchObject({ metadata: { a: 'b' } });
    const more = { introspects: ['https://shared.example', 'https://shared-too.example'] };
    expect(await pointedAt(await api('PATCH', client, { key, body: more }))).toEqual(['/introspects/1']);
  });
});

describe('a name that is taken', () => {
  const conflict = async (path: string, body: Shown) => pointedAt(await api('PATCH', path, { body }), 409);

  test('is refused, whatever its case, and nothing else of the patch is done', async () => {
    const [one, two] = await Promise.all(
      ['organizations', 'organizations'].map((path) => create(path, { name: name() })),
    );
    const [first, second] = [await newClient({ client_name: 'Twin' }), await newClient()];
    const before = await everyRow();
    const more = { metadata: { a: 'b' } };
    expect(await conflict(`organizations/${two?.id}`, { name: one?.name?.toUpperCase(), ...more })).toEqual(['/name']);
    expect(await conflict(second, { client_name: 'tWIN', ...more })).toEqual(['/client_name']);
    expect(await everyRow()).toEqual(before);
    expect((await api('PATCH', first, { body: { client_name: 'TWIN' } })).status).toBe(200);
  });

  test('may be another organization’s client’s', async () => {
    await createClient({ organization_id: other, client_name: 'Theirs' });
    expect((await api('PATCH', await newClient(), { body: { client_name: 'Theirs' } })).status).toBe(200);
  });

  test('stands for one role that a client can have: an organization’s own and the shared ones are looked at together', async () => {
    const make = async (role: string, organization_id?: string) =>
      `roles/${(await create('roles', { name: role, ...(organization_id && { organization_id }) })).id}`;
    const [shared, second] = [await make('shared one'), await make('shared two')];
    const [own, theirs] = [await make('own one', organization), await make('their one', other)];
    const before = await everyRow();
    expect(await conflict(own, { name: 'SHARED one', description: 'x' })).toEqual(['/name']);
    expect(await conflict(shared, { name: 'Own One', description: 'x' })).toEqual(['/name']);
    expect(await conflict(shared, { name: 'shared two' })).toEqual(['/name']);
    expect(await everyRow()).toEqual(before);
    expect((await api('PATCH', theirs, { body: { name: 'own one' } })).status).toBe(200);
    expect((await api('PATCH', second, { body: { name: 'Shared TWO' } })).status).toBe(200);
    expect((await api('PATCH', own, { body: { name: 'OWN one' } })).status).toBe(200);
  });

  test('is taken by one of those who rename at once', async () => {
    const make = async (organization_id?: string) =>
      `roles/${(await create('roles', { name: name(), ...(organization_id && { organization_id }) })).id}`;
    for (let round = 0; round < 5; round++) {
      const raced = `raced ${round}`;
      const racers = [await make(), await make(organization), await make(organization), await make(other)];
      const answers = await Promise.all(racers.map((path) => api('PATCH', path, { body: { name: raced } })));
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
      const owners = (
        await rowsOf<{ owner: string | null }>('SELECT organization_id AS owner FROM roles WHERE name = ?', raced)
      ).map(({ owner }) => owner);
      expect(owners).toHaveLength(statuses.filter((status) => status === 200).length);
      expect(new Set(owners).size).toBe(owners.length);
      if (owners.includes(null)) expect(owners).toEqual([null]);
    }
  });
});

test('a patch that breaks half-way leaves nothing of it, neither here nor in the gate', async () => {
  const grants = [{ resource_server: ORDERS, scopes: ['read'] }];
  const client = await createClient({ organization_id: organization, client_name: name(), grants });
  await getToken(client);
  const before = await everyRow();
  await env.DB.exec(
    "CREATE TRIGGER no_events BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'not today'); END",
  );
  const body = { grants: [{ resource_server: ORDERS, scopes: ['write'] }], metadata: { a: 'b' } };
  const response = await api('PATCH', `clients/${client.client_id}`, { body });
  await env.DB.exec('DROP TRIGGER no_events');
  await problemOf(response, 503);
  expect(response.headers.get('Retry-After')).toBe('2');
  expect(await everyRow()).toEqual(before);
  expect((await getToken(client)).scope).toBe('read');
});
