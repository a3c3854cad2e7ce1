import {
  CompactSign,
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SigningAlg } from '../../src/gates/protocol.ts';
import { accessTokenClaims } from '../../src/tokens/access-token.ts';
import { signAccessToken } from '../../src/tokens/sign.ts';
import {
  type Credentials,
  create,
  done,
  getToken,
  ISSUER,
  introspect,
  requestToken,
  revoke,
  send,
  world,
} from '../http.ts';

/** A grant with text that is not ASCII. */
const GRANT = {
  client_id: 'client',
  organization_id: 'organization',
  subject: 'client',
  resource: 'https://orders.example.com',
  scopes: ['read', 'write'],
  roles: ['reader'],
  claims: { größe: { 名: '𝄞', list: [1, null, true] } },
  access_token_ttl: 3600,
  signing_alg: 'ES256',
} as const;

let scene: Awaited<ReturnType<typeof world>>;

beforeAll(async () => {
  scene = await world('access-token');
});

async function publishedKeys(): Promise<JSONWebKeySet> {
  return (await send('/.well-known/jwks.json')).json();
}

/** A client that is granted `read` at its own resource server, whose tokens are signed with this algorithm. */
async function clientAt(name: string, signing_alg: string, fields = {}): Promise<Credentials & { identifier: string }> {
  const identifier = `https://${name}.example.com`;
  const organization_id = scene.organization;
  const scopes = [{ name: 'read' }];
  await create('resource-servers', { organization_id, identifier, name, scopes, signing_alg, ...fields });
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  return { ...(await create<Credentials>('clients', { organization_id, client_name: name, grants })), identifier };
}

describe.each(['ES256', 'RS256', 'EdDSA'])('signed with %s', (alg) => {
  test(`K1: a resource server that asks for ${alg} gets at+jwt tokens of it, which any library verifies`, async () => {
    const client = await clientAt(`signed-${alg.toLowerCase()}`, alg);
    const { access_token } = await getToken(client);
    expect(decodeProtectedHeader(access_token)).toMatchObject({ typ: 'at+jwt', alg });
    const verified = await jwtVerify(access_token, createLocalJWKSet(await publishedKeys()), {
      issuer: ISSUER,
      audience: client.identifier,
      typ: 'at+jwt',
      algorithms: [alg],
    });
    expect(verified.payload.client_id).toBe(client.client_id);
  });
});

describe.each<SigningAlg>(['ES256', 'RS256', 'EdDSA'])('the signature of the hot path with %s', (alg) => {
  test('makes the same token as jose, under each type and key', async () => {
    const claims = accessTokenClaims(GRANT, ISSUER, 1_800_000_000, 'a-jti', { jkt: 'k'.repeat(43) });
    for (const kid of ['one', 'other']) {
      const { privateKey, publicKey } = await generateKeyPair(alg);
      const key = { alg, kid, privateKey, heldBackUntil: 0 };
      for (const typ of ['at+jwt', 'JWT', 'at+jwt'] as const) {
        const ours = (await signAccessToken(claims, key, typ)).reveal();
        const joses = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
          .setProtectedHeader({ alg, typ, kid })
          .sign(privateKey);
        // An ECDSA signature is another one each time.
        const compared = (token: string) => (alg === 'ES256' ? token.replace(/[^.]*$/, '') : token);
        expect(compared(ours)).toBe(compared(joses));
        expect((await compactVerify(ours, publicKey)).protectedHeader).toEqual({ alg, typ, kid });
      }
    }
  });
});

describe('a resource server whose verifiers refuse at+jwt', () => {
  test('K1: gets tokens of the type JWT, which are introspected and revoked like others', async () => {
    const client = await clientAt('typed-jwt', 'RS256', { access_token_typ: 'JWT' });
    const { access_token } = await getToken(client);
    expect(decodeProtectedHeader(access_token)).toMatchObject({ typ: 'JWT', alg: 'RS256' });
    await done('PATCH', `clients/${client.client_id}`, { body: { introspects: [client.identifier] } });
    expect(await (await introspect(client, access_token)).json()).toMatchObject({ active: true, iss: ISSUER });
    expect((await revoke(client, access_token)).status).toBe(200);
    expect(await (await introspect(client, access_token)).json()).toEqual({ active: false });
  });

  test('K1: can change its mind, and the tokens of both types stay active', async () => {
    const client = await clientAt('retyped', 'ES256');
    await done('PATCH', `clients/${client.client_id}`, { body: { introspects: [client.identifier] } });
    const before = await getToken(client);
    const [server] = (
      await done<{ data: { id: string; identifier: string }[] }>(
        'GET',
        `resource-servers?organization_id=${scene.organization}`,
      )
    ).data.filter(({ identifier }) => identifier === client.identifier);
    await done('PATCH', `resource-servers/${server?.id}`, { body: { access_token_typ: 'JWT' } });
    const after = await getToken(client);
    expect(decodeProtectedHeader(before.access_token).typ).toBe('at+jwt');
    expect(decodeProtectedHeader(after.access_token).typ).toBe('JWT');
    for (const { access_token } of [before, after])
      expect(await (await introspect(client, access_token)).json()).toMatchObject({ active: true });
  });
});

test('K1: no resource server can ask for no signature', async () => {
  for (const signing_alg of ['none', 'NONE', 'HS256', 'es256', '']) {
    await expect(clientAt(`unsigned-${signing_alg.length}`, signing_alg)).rejects.toThrow('422');
  }
});

test('K2: a token has every claim of RFC 9068, of the right type, and is unlike every other', async () => {
  const before = Math.floor(Date.now() / 1000);
  const tokens = await Promise.all([getToken(scene.worker), getToken(scene.worker)]);
  const [one, other] = tokens.map(({ access_token }) => decodeJwt(access_token));
  expect(one).toEqual({
    iss: ISSUER,
    sub: scene.worker.client_id,
    aud: scene.identifier,
    client_id: scene.worker.client_id,
    org_id: scene.organization,
    iat: expect.any(Number),
    exp: expect.any(Number),
    jti: expect.any(String),
    scope: 'read write',
    roles: [],
  });
  expect(one?.iat).toBeGreaterThanOrEqual(before);
  expect(one?.exp).toBeGreaterThan(one?.iat ?? Number.POSITIVE_INFINITY);
  expect(one?.jti).not.toBe(other?.jti);
});

test('K2: sub names the organization where its setting says so, and introspection agrees', async () => {
  const { id: organization_id } = await create('organizations', { name: 'as one', subject: 'organization' });
  const identifier = 'https://as-one.example.com';
  await create('resource-servers', { organization_id, identifier, name: 'as one' });
  const grants = [{ resource_server: identifier }];
  const client = await create<Credentials>('clients', {
    organization_id,
    client_name: 'one',
    grants,
    introspects: [identifier],
  });
  const { access_token } = await getToken(client);
  expect(decodeJwt(access_token)).toMatchObject({ sub: organization_id, client_id: client.client_id });
  expect(await (await introspect(client, access_token)).json()).toMatchObject({ active: true, sub: organization_id });
});

test('K2: a custom claim takes the place of none of them', async () => {
  const organization_id = scene.organization;
  for (const name of [
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'roles',
    'org_id',
    'cnf',
  ]) {
    const client = { organization_id, client_name: `claims ${name}`, claims: { [name]: 'mine' } };
    await expect(create('clients', client)).rejects.toThrow('422');
  }
});

describe('without a resource asked', () => {
  let granted: { resource_server: string; scopes: string[] }[];

  beforeAll(async () => {
    const { organization: organization_id, identifier } = scene;
    const second = 'https://second.example.com';
    await create('resource-servers', {
      organization_id,
      identifier: second,
      name: 'second',
      scopes: [{ name: 'read' }],
    });
    granted = [identifier, second].map((resource_server) => ({ resource_server, scopes: ['read'] }));
  });

  const clientWith = (client_name: string, fields: object) =>
    create<Credentials>('clients', { organization_id: scene.organization, client_name, ...fields });

  test('K3: the only audience is the default one', async () => {
    const client = await clientWith('of one', { grants: granted.slice(1) });
    expect(decodeJwt((await getToken(client)).access_token).aud).toBe(granted[1]?.resource_server);
  });

  test("K3: the client's default is the audience, and the only one", async () => {
    for (const { resource_server } of granted) {
      const client = await clientWith(`default ${resource_server}`, {
        grants: granted,
        default_resource: resource_server,
      });
      expect(decodeJwt((await getToken(client)).access_token).aud).toBe(resource_server);
    }
  });

  test('K3: an ambiguous audience is refused, not guessed and not joined', async () => {
    const client = await clientWith('of two', { grants: granted });
    const response = await requestToken(client);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_target' });
    const { access_token } = await getToken(client, { resource: granted[1]?.resource_server ?? '' });
    expect(decodeJwt(access_token).aud).toBe(granted[1]?.resource_server);
  });
});
