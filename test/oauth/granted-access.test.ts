import { env } from 'cloudflare:workers';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { type Credentials, create, done, getToken, ISSUER, manage, requestToken, send } from '../http.ts';
import { seeded } from '../random.ts';
import { readError, readToken } from './answers.ts';

const { id: organization } = await create('organizations', { name: 'granted access' });
const ORDERS = 'https://orders.example.com';
const STOCK = 'https://stock.example.com';
for (const identifier of [ORDERS, STOCK]) {
  const scopes = [{ name: 'read' }, { name: 'write' }, { name: 'admin' }];
  await create('resource-servers', { organization_id: organization, identifier, name: identifier, scopes });
}

let clients = 0;

function createClient(fields: Record<string, unknown>): Promise<Credentials> {
  clients++;
  return create<Credentials>('clients', { organization_id: organization, client_name: `client ${clients}`, ...fields });
}

function createRole(name: string, grants: { resource_server: string; scopes: string[] }[], shared = false) {
  return create('roles', { name, grants, ...(!shared && { organization_id: organization }) });
}

describe('roles', () => {
  test('a client has its own scopes and those of its roles, and a token names the roles that grant something there', async () => {
    await createRole('writer', [{ resource_server: ORDERS, scopes: ['write', 'read'] }]);
    await createRole('stock-reader', [{ resource_server: STOCK, scopes: ['read'] }]);
    const client = await createClient({
      grants: [{ resource_server: ORDERS, scopes: ['read', 'admin'] }],
      roles: ['writer', 'stock-reader'],
    });
    const orders = await readToken(await requestToken(client, { resource: ORDERS }));
    expect(orders.answer.scope?.split(' ').sort()).toEqual(['admin', 'read', 'write']);
    expect(orders.claims.roles).toEqual(['writer']);
    const stock = await readToken(await requestToken(client, { resource: STOCK }));
    expect(stock.answer.scope).toBe('read');
    expect(stock.claims.roles).toEqual(['stock-reader']);
    const tooMuch = await requestToken(client, { resource: STOCK, scope: 'write' });
    expect(await readError(tooMuch)).toEqual({ status: 400, error: 'invalid_scope' });
  });

  test('a role alone is enough to get a token', async () => {
    await createRole('admin', [{ resource_server: STOCK, scopes: ['admin'] }]);
    const { answer, claims } = await readToken(await requestToken(await createClient({ roles: ['admin'] })));
    expect(answer.scope).toBe('admin');
    expect(claims.aud).toBe(STOCK);
  });

  test('several roles that grant something at one resource server are named in order, whatever the request asks', async () => {
    const at = (resource_server: string, scopes: string[]) => ({ resource_server, scopes });
    await createRole('z-both', [at(STOCK, ['read']), at(ORDERS, ['read'])]);
    await createRole('a-bare-access', [at(STOCK, [])]);
    await createRole('m-elsewhere', [at(ORDERS, ['admin'])]);
    const client = await createClient({ roles: ['z-both', 'm-elsewhere', 'a-bare-access'] });
    const stock = await readToken(await requestToken(client, { resource: STOCK, scope: 'read' }));
    expect(stock.claims.roles).toEqual(['a-bare-access', 'z-both']);
    const orders = await readToken(await requestToken(client, { resource: ORDERS, scope: 'admin' }));
    expect(orders.claims.roles).toEqual(['m-elsewhere', 'z-both']);
  });

  test('a role without grants gives nothing, and no token names it', async () => {
    await createRole('bare', []);
    const grants = [{ resource_server: ORDERS, scopes: ['read'] }];
    const { claims } = await readToken(await requestToken(await createClient({ grants, roles: ['bare'] })));
    expect(claims).toMatchObject({ roles: [], scope: 'read' });
    expect(await readError(await requestToken(await createClient({ roles: ['bare'] })))).toEqual({
      status: 400,
      error: 'unauthorized_client',
    });
  });

  test('a token without roles says so', async () => {
    const client = await createClient({ grants: [{ resource_server: ORDERS }] });
    expect((await readToken(await requestToken(client))).claims.roles).toEqual([]);
  });
});

interface Effective {
  readonly resource_server: string;
  readonly sources: readonly { readonly type: string; readonly id?: string; readonly name?: string }[];
  readonly scopes: readonly { readonly name: string; readonly sources: Effective['sources'] }[];
}

describe('the effective scopes of a client', () => {
  const effective = async (client_id: string) =>
    (await done<{ data: Effective[] }>('GET', `clients/${client_id}/effective-scopes`)).data;

  test('are those of its tokens, and name what grants them, for random grants and roles', async () => {
    const { below } = seeded(4);
    const third = 'https://third.example.com';
    await create('resource-servers', {
      organization_id: organization,
      identifier: third,
      name: third,
      scopes: [{ name: 'read' }, { name: 'write' }, { name: 'admin' }],
    });
    const servers = [ORDERS, STOCK, third];
    const randomGrants = () =>
      servers
        .filter(() => below(2) === 0)
        .map((resource_server) => ({
          resource_server,
          scopes: ['read', 'write', 'admin'].filter(() => below(3) === 0),
        }));
    const roles = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const grants = randomGrants();
        const { id } = await createRole(`random ${index}`, grants);
        return { id, name: `random ${index}`, grants };
      }),
    );
    let granted = 0;
    for (let time = 0; time < 15; time++) {
      const [grants, held] = [randomGrants(), roles.filter(() => below(3) === 0)];
      const client = await createClient({ grants, roles: held.map(({ name }) => name) });
      const found = await effective(client.client_id);
      const all = [
        { source: { type: 'direct' }, grants },
        ...held.map((role) => ({ source: { type: 'role', id: role.id, name: role.name }, grants: role.grants })),
      ];
      for (const resource of servers) {
        const entry = found.find(({ resource_server }) => resource_server === resource);
        const sourcesOf = (scope?: string) =>
          all
            .filter((one) =>
              one.grants.some(
                ({ resource_server, scopes }) =>
                  resource_server === resource && (scope === undefined || scopes.includes(scope)),
              ),
            )
            .map(({ source }) => source);
        const answer = await requestToken(client, { resource });
        if (!entry) {
          expect((await readError(answer)).status).toBe(400);
          expect(sourcesOf()).toEqual([]);
          continue;
        }
        granted++;
        const { claims } = await readToken(answer);
        expect(entry.scopes.map(({ name }) => name).join(' ')).toBe(claims.scope);
        expect(entry.sources.flatMap(({ name }) => name ?? [])).toEqual(claims.roles);
        expect(entry.sources).toEqual(sourcesOf());
        for (const { name, sources } of entry.scopes) expect(sources, name).toEqual(sourcesOf(name));
      }
    }
    expect(granted).toBeGreaterThan(15);
  });

  test('are none if nothing is granted, and those of a role without scopes name the role', async () => {
    expect(await effective((await createClient({})).client_id)).toEqual([]);
    const { id } = await createRole('no scopes', [{ resource_server: STOCK, scopes: [] }]);
    expect(await effective((await createClient({ roles: ['no scopes'] })).client_id)).toEqual([
      { resource_server: STOCK, sources: [{ type: 'role', id, name: 'no scopes' }], scopes: [] },
    ]);
  });
});

describe('the resource server of a request that names none', () => {
  const both = [
    { resource_server: ORDERS, scopes: ['read'] },
    { resource_server: STOCK, scopes: ['read'] },
  ];

  test('is never guessed among several: invalid_target', async () => {
    const client = await createClient({ grants: both });
    for (const form of [{}, { scope: 'read' }]) {
      expect(await readError(await requestToken(client, form))).toEqual({ status: 400, error: 'invalid_target' });
    }
  });

  test.each([ORDERS, STOCK])('is the client’s default one: %s', async (default_resource) => {
    const client = await createClient({ grants: both, default_resource });
    expect((await readToken(await requestToken(client))).claims.aud).toBe(default_resource);
    const other = default_resource === ORDERS ? STOCK : ORDERS;
    expect((await readToken(await requestToken(client, { resource: other }))).claims.aud).toBe(other);
  });

  test('is the only one that it is granted', async () => {
    const client = await createClient({ grants: [{ resource_server: STOCK, scopes: ['read'] }] });
    expect((await readToken(await requestToken(client))).claims.aud).toBe(STOCK);
  });
});

describe('the subject', () => {
  test('is the client', async () => {
    const client = await createClient({ grants: [{ resource_server: ORDERS }] });
    const { claims } = await readToken(await requestToken(client));
    expect(claims).toMatchObject({ sub: client.client_id, client_id: client.client_id, org_id: organization });
  });

  test('is the organization where that is its setting, and the client is still named', async () => {
    const { id } = await create('organizations', { name: 'one subject', subject: 'organization' });
    const identifier = 'https://subject.example.com';
    await create('resource-servers', { organization_id: id, identifier, name: 'subject' });
    const client = await createClient({ organization_id: id, grants: [{ resource_server: identifier }] });
    const { claims } = await readToken(await requestToken(client));
    expect(claims).toMatchObject({ sub: id, client_id: client.client_id, org_id: id });
  });
});

describe('custom claims', () => {
  const grants = [{ resource_server: ORDERS, scopes: ['read'] }];
  const registered = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'roles', 'org_id', 'cnf'];

  test('are in every token of the client, whatever JSON they are', async () => {
    const claims = { tenant: 'acme', limits: { daily: 10, tags: ['a', null, true] }, 'https://example.com/é': 1.5 };
    const client = await createClient({ grants, claims });
    expect((await readToken(await requestToken(client))).claims).toMatchObject(claims);
    expect((await readToken(await requestToken(client, { scope: 'read' }))).claims).toMatchObject(claims);
  });

  test.each(registered)('cannot be named %s', async (name) => {
    const fields = { organization_id: organization, client_name: `claims ${name}`, grants };
    const answer = await manage('clients', { ...fields, claims: { [name]: 'a' } });
    expect(answer.status).toBe(422);
  });

  test('replace no registered one, even where the store holds them so', async () => {
    const client = await createClient({ grants });
    const { claims: real } = await readToken(await requestToken(await createClient({ grants })));
    const forged = Object.fromEntries([...Object.keys(real), 'tenant'].map((name) => [name, 'forged']));
    await env.DB.prepare('UPDATE clients SET claims = ? WHERE client_id = ?')
      .bind(JSON.stringify(forged), client.client_id)
      .run();
    const { claims } = await readToken(await requestToken(client));
    expect(claims).toMatchObject({ iss: ISSUER, sub: client.client_id, aud: ORDERS, scope: 'read', tenant: 'forged' });
    for (const name of Object.keys(real)) expect(claims[name], name).not.toBe('forged');
  });

  test.each([
    ['a name that every object has', '{"__proto__":{"admin":true}}'],
    ['nesting that parsers give up on', `{"deep":${'['.repeat(2000)}${']'.repeat(2000)}}`],
    ['text that is no Unicode', '{"name":"\\ud800"}'],
    ['a number that JSON parsers round', '{"id":12345678901234567890}'],
    ['more than 4 KiB, counted in bytes', `{"euros":"${'€'.repeat(1400)}"}`],
  ])('with %s are refused', async (_, claims) => {
    const body = `{"organization_id":"${organization}","client_name":"hostile","claims":${claims}}`;
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${env.ROOT_API_KEY}` };
    const answer = await send('/v1/clients', { method: 'POST', headers, body });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ errors: [{ pointer: '/claims' }] });
  });

  test('that have names of objects’ methods are claims like any other', async () => {
    const client = await create<Credentials>('clients', {
      organization_id: organization,
      client_name: 'constructor',
      grants,
      claims: { constructor: 'a', toString: 'b' },
    });
    const { claims } = await readToken(await requestToken(client));
    expect(claims).toMatchObject({ constructor: 'a', toString: 'b' });
  });
});

describe('the scope policy', () => {
  const identifier = 'https://narrow.example.com';
  const owned = { organization_id: organization };

  test('T23: narrow grants those of the requested scopes that are granted, and names them', async () => {
    const scopes = [{ name: 'read' }, { name: 'write' }, { name: 'admin' }];
    const fields = { ...owned, identifier, name: 'narrow', scopes };
    const { id } = await create<{ id: string }>('resource-servers', { ...fields, scope_policy: 'narrow' });
    await createRole('narrow-writer', [{ resource_server: identifier, scopes: ['write'] }]);
    const client = await createClient({
      grants: [
        { resource_server: identifier, scopes: ['read'] },
        { resource_server: ORDERS, scopes: ['read'] },
      ],
      roles: ['narrow-writer'],
      default_resource: identifier,
    });
    const ask = (scope: string, resource = identifier) => requestToken(client, { scope, resource });

    const { answer, claims } = await readToken(await ask('admin write read unheard-of'));
    expect([answer.scope, claims.scope]).toEqual(['write read', 'write read']);
    expect((await readToken(await requestToken(client, { scope: 'read admin' }))).answer.scope).toBe('read');
    expect((await readToken(await ask(''))).answer.scope).toBe('read write');
    const refused = { status: 400, error: 'invalid_scope' };
    expect(await readError(await ask('admin'))).toEqual(refused);
    expect(await readError(await ask('admin "'))).toEqual(refused);
    expect(await readError(await ask('read write', ORDERS))).toEqual(refused);

    // A gate that holds the record hears of the change with the answer to it.
    await done('PATCH', `resource-servers/${id}`, { body: { scope_policy: 'exact' } });
    expect(await readError(await ask('read admin'))).toEqual(refused);
    await done('PATCH', `resource-servers/${id}`, { body: { scope_policy: null } });
    expect(await readError(await ask('read admin'))).toEqual(refused);
    await done('PATCH', `resource-servers/${id}`, { body: { scope_policy: 'narrow' } });
    expect((await readToken(await ask('read admin'))).answer.scope).toBe('read');
  });
});

describe('the signing algorithm', () => {
  async function servedKeys(): Promise<JSONWebKeySet> {
    return (await send('/.well-known/jwks.json')).json();
  }

  test.each(['ES256', 'RS256', 'EdDSA'])('is the resource server’s: %s, verified with the served keys', async (alg) => {
    const identifier = `https://${alg}.example.com`.toLowerCase();
    const owned = { organization_id: organization };
    await create('resource-servers', { ...owned, identifier, name: alg, signing_alg: alg });
    const client = await createClient({ grants: [{ resource_server: identifier }] });
    const { access_token } = await getToken(client);

    const keys = await servedKeys();
    const { payload, protectedHeader } = await jwtVerify(access_token, createLocalJWKSet(keys), {
      issuer: ISSUER,
      audience: identifier,
      typ: 'at+jwt',
      algorithms: [alg],
    });
    expect(payload.client_id).toBe(client.client_id);
    expect(keys.keys.find(({ kid }) => kid === protectedHeader.kid)?.alg).toBe(alg);
  });

  test('is ES256 where the resource server names none', async () => {
    const { access_token } = await getToken(await createClient({ grants: [{ resource_server: ORDERS }] }));
    const { protectedHeader } = await jwtVerify(access_token, createLocalJWKSet(await servedKeys()));
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
  });

  test('is each resource server’s own, for one client of several', async () => {
    const identifier = 'https://mixed.example.com';
    const owned = { organization_id: organization };
    await create('resource-servers', { ...owned, identifier, name: 'mixed', signing_alg: 'EdDSA' });
    const client = await createClient({ grants: [{ resource_server: identifier }, { resource_server: ORDERS }] });
    const keys = createLocalJWKSet(await servedKeys());
    const algOf = async (resource: string) =>
      (await jwtVerify((await getToken(client, { resource })).access_token, keys)).protectedHeader.alg;
    expect(await algOf(identifier)).toBe('EdDSA');
    expect(await algOf(ORDERS)).toBe('ES256');
  });
});
