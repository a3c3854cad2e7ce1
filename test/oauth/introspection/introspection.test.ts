import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type Credentials, create, getToken, introspect, postForm, revoke, send, world } from '../../http.ts';
import { failing, startNewIsolate } from '../../instruments.ts';
import { decode, forge, stealKey } from '../../tokens/forge.ts';
import { INACTIVE, isActive } from '../../tokens/verdict.ts';

const PATH = '/oauth2/introspect';

let scene: Awaited<ReturnType<typeof world>>;
let stranger: Awaited<ReturnType<typeof world>>;
let token: string;

beforeAll(async () => {
  scene = await world('introspected');
  stranger = await world('stranger');
  token = (await getToken(scene.worker)).access_token;
});

/** A JWT signed with the service's key, with the claims of the genuine token, some of them replaced. */
async function signed(claims: Record<string, unknown>): Promise<string> {
  const { header, claims: genuine } = decode(token);
  return forge(header, { ...genuine, ...claims }, await stealKey('ES256'));
}

async function expectInactive(response: Promise<Response>): Promise<void> {
  const answer = await response;
  expect([answer.status, await answer.text()]).toEqual([200, INACTIVE]);
  expect(answer.headers.get('Cache-Control')).toBe('no-store');
}

function introspectWithKey(key: string, form: Record<string, string> = {}): Promise<Response> {
  return postForm(PATH, { token, ...form }, { headers: { Authorization: `Bearer ${key}` } });
}

interface CreatedKey {
  id: string;
  api_key: string;
}

function createKey(organization_id: string, name: string, fields: object = {}): Promise<CreatedKey> {
  return create('api-keys', { organization_id, name, scopes: ['tokens:introspect'], ...fields });
}

describe('callers', () => {
  test('I1: a client that is bound to the resource server learns what the token says', async () => {
    const response = await introspect(scene.api, token);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ active: true, token_type: 'Bearer', ...decodeJwt(token) });
  });

  test.each<[string, () => Record<string, string>]>([
    ['no credentials', () => ({})],
    ['a client_id alone', () => ({ client_id: scene.api.client_id })],
    ['a wrong secret', () => ({ client_id: scene.api.client_id, client_secret: stranger.api.client_secret })],
    ['a client that is not there', () => ({ client_id: 'nobody', client_secret: scene.api.client_secret })],
  ])('I1: %s is 401', async (_, form) => {
    const response = await postForm(PATH, { token, ...form() });
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Basic /);
    expect(await response.json()).toMatchObject({ error: 'invalid_client' });
  });

  test('I1: a disabled client is 401', async () => {
    const fields = { organization_id: scene.organization, introspects: [scene.identifier], status: 'disabled' };
    const disabled = await create<Credentials>('clients', { ...fields, client_name: 'disabled api' });
    expect((await introspect(disabled, token)).status).toBe(401);
  });

  test('I1: the client that a token was issued to may not introspect it', async () => {
    await expectInactive(introspect(scene.worker, token));
  });

  test('I1: a client that is bound to another resource server may not', async () => {
    await expectInactive(introspect(stranger.api, token));
    const identifier = 'https://elsewhere.example.com';
    const organization_id = scene.organization;
    await create('resource-servers', { organization_id, identifier, name: 'elsewhere' });
    const sibling = { organization_id, client_name: 'elsewhere api', introspects: [identifier] };
    await expectInactive(introspect(await create<Credentials>('clients', sibling), token));
  });

  test("I1: an API key of the token's organization may", async () => {
    const { api_key } = await createKey(scene.organization, 'introspects');
    expect(await (await introspectWithKey(api_key)).json()).toMatchObject({ active: true });
  });

  test('I1: an API key of another organization may not, nor one without the scope', async () => {
    await expectInactive(introspectWithKey((await createKey(stranger.organization, 'a stranger')).api_key));
    const scopes = ['tokens:revoke', 'clients:read', 'clients:write'];
    await expectInactive(introspectWithKey((await createKey(scene.organization, 'another use', { scopes })).api_key));
  });

  test('I1: the root key may', async () => {
    expect(await (await introspectWithKey(env.ROOT_API_KEY)).json()).toMatchObject({ active: true });
  });

  test('I1: an API key is 401 from the moment that it expires, however lately it was used', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    try {
      const expiry = Date.now() + 5000;
      const { api_key } = await createKey(scene.organization, 'brief', { expires_at: new Date(expiry).toISOString() });
      vi.setSystemTime(expiry - 1);
      expect((await introspectWithKey(api_key)).status).toBe(200);
      vi.setSystemTime(expiry);
      expect((await introspectWithKey(api_key)).status).toBe(401);
      startNewIsolate();
      expect((await introspectWithKey(api_key)).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  test('I1: a key that is unknown, misspelt or no key is 401, as a bearer token', async () => {
    const { api_key } = await createKey(scene.organization, 'misspelt');
    for (const key of [`${api_key}x`, api_key.replace('emk_', 'ems_'), api_key.toUpperCase(), 'x', token]) {
      const response = await introspectWithKey(key);
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="edgemint", error="invalid_token"');
    }
  });

  test('I1: a token in the URI is not looked at, and GET is 405', async () => {
    const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
    expect((await send(`${PATH}?token=${token}`, { headers })).status).toBe(405);
    expect((await postForm(`${PATH}?token=${token}`, {}, { headers })).status).toBe(400);
  });
});

describe('tokens', () => {
  const now = () => Math.floor(Date.now() / 1000);

  test('I2: an unknown or malformed token is inactive', async () => {
    const uuid = crypto.randomUUID();
    for (const unknown of [
      'x',
      uuid,
      '..',
      'a.b.c',
      '{}',
      '\u0000',
      '💥',
      '%',
      `${token}x`,
      token.slice(1),
      'x'.repeat(15_000),
    ]) {
      await expectInactive(introspect(scene.api, unknown));
    }
  });

  test('I2: an expired token is inactive', async () => {
    expect(await isActive(scene.api, await signed({ iat: now() - 60, exp: now() + 60 }))).toBe(true);
    await expectInactive(introspect(scene.api, await signed({ iat: now() - 60, exp: now() - 1 })));
    await expectInactive(introspect(scene.api, await signed({ iat: now() - 60, exp: now() })));
  });

  test('I2: a signature is verified once in an isolate, and times and signature are still checked each time', async () => {
    const { access_token } = await getToken(scene.worker);
    const verify = vi.spyOn(crypto.subtle, 'verify');
    try {
      for (let time = 0; time < 3; time++) expect(await isActive(scene.api, access_token)).toBe(true);
      expect(verify).toHaveBeenCalledTimes(1);
      const other = `${access_token.slice(0, -4)}${access_token.endsWith('AAAA') ? 'BBBA' : 'AAAA'}`;
      await expectInactive(introspect(scene.api, other));
      vi.useFakeTimers({ toFake: ['Date'], now: (decodeJwt(access_token).exp ?? 0) * 1000 - 1000 });
      expect(await isActive(scene.api, access_token)).toBe(true);
      vi.setSystemTime(Date.now() + 1000);
      await expectInactive(introspect(scene.api, access_token));
    } finally {
      vi.useRealTimers();
      verify.mockRestore();
    }
  });

  test('I2: a token of another issuer is inactive', async () => {
    for (const iss of ['https://auth.example.org', `${env.ISSUER}/`, env.ISSUER.toUpperCase(), undefined]) {
      await expectInactive(introspect(scene.api, await signed({ iss })));
    }
  });

  test('I2: a token with another signature, payload or header is inactive', async () => {
    const other = (await getToken(scene.worker, { scope: 'read' })).access_token.split('.');
    const parts = token.split('.');
    for (const index of [1, 2]) {
      const mixed = parts.with(index, other[index] ?? '').join('.');
      expect(mixed).not.toBe(token);
      await expectInactive(introspect(scene.api, mixed));
    }
  });

  test('I2: a revoked token is inactive, and its sibling is not', async () => {
    const [one, other] = [await getToken(scene.worker), await getToken(scene.worker)];
    expect(await isActive(scene.api, one.access_token)).toBe(true);
    expect((await revoke(scene.worker, one.access_token)).status).toBe(200);
    await expectInactive(introspect(scene.api, one.access_token));
    expect(await isActive(scene.api, other.access_token)).toBe(true);
  });

  test('I3: a token that is not valid yet is inactive', async () => {
    await expectInactive(introspect(scene.api, await signed({ nbf: now() + 60 })));
    await expectInactive(introspect(scene.api, await signed({ iat: now() + 3600, exp: now() + 7200 })));
  });

  test('I3: a token of a client that is disabled, or not there, is inactive', async () => {
    const fields = { organization_id: scene.organization, status: 'disabled', client_name: 'disabled' };
    const { client_id } = await create<Credentials>('clients', fields);
    await expectInactive(introspect(scene.api, await signed({ client_id, sub: client_id, jti: crypto.randomUUID() })));
    const absent = { client_id: 'emc_absent', sub: 'emc_absent', jti: crypto.randomUUID() };
    await expectInactive(introspect(scene.api, await signed(absent)));
  });

  test("I3: the token's audience decides who may know, not its client", async () => {
    const atStrangers = await signed({ aud: stranger.identifier, jti: crypto.randomUUID() });
    await expectInactive(introspect(scene.api, atStrangers));
    expect(await isActive(stranger.api, atStrangers)).toBe(true);
  });

  test('I5: a wrong or unsupported token_type_hint changes nothing', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'urn:example:other', '']) {
      expect(await (await introspect(scene.api, token, { token_type_hint })).json()).toMatchObject({ active: true });
      await expectInactive(introspect(scene.api, 'unknown', { token_type_hint }));
    }
  });

  test('I2: no token at all is 400, and two are', async () => {
    const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
    expect((await postForm(PATH, {}, { headers })).status).toBe(400);
    expect((await postForm(PATH, { token: '' }, { headers })).status).toBe(400);
    const twice: [string, string][] = [
      ['token', token],
      ['token', token],
    ];
    expect((await postForm(PATH, twice, { headers })).status).toBe(400);
  });
});

describe('the scope parameter', () => {
  test.each(['read', 'write', 'read write', 'write read', 'read read'])(
    'I3: a token that was granted all of "%s" is active',
    async (scope) => {
      expect(await (await introspect(scene.api, token, { scope })).json()).toMatchObject({ active: true });
    },
  );

  test.each(['admin', 'read admin', 'READ', 'rea', 'read:all'])(
    'I3: a token that was not granted all of "%s" is inactive',
    async (scope) => {
      await expectInactive(introspect(scene.api, token, { scope }));
      await expectInactive(introspectWithKey(env.ROOT_API_KEY, { scope }));
    },
  );

  test('I3: a token that asked for less is held to less', async () => {
    const { access_token } = await getToken(scene.worker, { scope: 'read' });
    await expectInactive(introspect(scene.api, access_token, { scope: 'write' }));
    expect(await isActive(scene.api, access_token)).toBe(true);
  });

  test('I3: a scope that is malformed is 400, and one without a value is none', async () => {
    for (const scope of [' ', 'a"b', 'a\\b', 'é', 'read\twrite']) {
      const response = await introspect(scene.api, token, { scope });
      expect([scope, response.status, await response.json()]).toMatchObject([scope, 400, { error: 'invalid_scope' }]);
    }
    expect(await (await introspect(scene.api, token, { scope: '' })).json()).toMatchObject({ active: true });
    expect(await (await introspect(scene.api, token, { scope: ' read  write ' })).json()).toMatchObject({
      active: true,
    });
    await expectInactive(introspect(scene.api, token, { scope: 'read  admin' }));
  });
});

describe('with a store gone', () => {
  test('I3: without the gate nothing is said to be active', async () => {
    expect(await isActive(scene.api, token)).toBe(true);
    await failing('gate', async () => {
      for (const response of [await introspect(scene.api, token), await introspectWithKey(env.ROOT_API_KEY)]) {
        expect(response.status).toBe(503);
        expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
        expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
      }
    });
    expect(await isActive(scene.api, token)).toBe(true);
  });

  test('I3: without the gate a copy of the revocation in KV still makes a token inactive', async () => {
    const { access_token } = await getToken(scene.worker);
    expect(await isActive(scene.api, access_token)).toBe(true);
    await env.KV.put(`revoked:${scene.worker.client_id}:${decodeJwt(access_token).jti}`, '');
    await failing('gate', async () => {
      await expectInactive(introspect(scene.api, access_token));
      expect((await introspect(scene.api, token)).status).toBe(503);
    });
  });

  test('I3: without gate and KV it is 503, for a revoked token too', async () => {
    const { access_token } = await getToken(scene.worker);
    await revoke(scene.worker, access_token);
    await failing('gate', () =>
      failing('kv', async () => {
        expect((await introspectWithKey(env.ROOT_API_KEY, { token: access_token })).status).toBe(503);
      }),
    );
  });

  test.each(['kv', 'd1'] as const)('I3: without %s everything is answered as before', async (store) => {
    const { access_token } = await getToken(scene.worker);
    await failing(store, async () => {
      expect(await isActive(scene.api, token)).toBe(true);
      expect((await revoke(scene.worker, access_token)).status).toBe(200);
      await expectInactive(introspect(scene.api, access_token));
    });
  });
});
