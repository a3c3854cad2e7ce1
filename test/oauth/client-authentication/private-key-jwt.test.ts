import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { VERIFICATION_ALGS } from '../../../src/jwt/public-key.ts';
import { createClient, done, ISSUER, introspect } from '../../http.ts';
import { calls, resetCalls } from '../../instruments.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyClient, keyWorld, proofOf, seconds } from '../../machines.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { readToken } from '../answers.ts';

type Members = Record<string, unknown>;

let scene: Awaited<ReturnType<typeof keyWorld>>;

beforeAll(async () => {
  scene = await keyWorld('asserted', { rate_limit: { per_minute: 10_000, burst: 1000 }, may_rotate_secret: true });
});

/** Requests a token with the client's valid assertion, with some members replaced. */
async function askBy(claims: Members = {}, header: Members = {}): Promise<Response> {
  return askWith(await assertionOf(scene.clientId, scene.signer, claims, header));
}

test('a client gets a token with an assertion that its registered key signed', async () => {
  const { answer, claims } = await readToken(await askBy());
  expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'read write' });
  expect(claims).toMatchObject({ iss: ISSUER, sub: scene.clientId, client_id: scene.clientId, aud: scene.identifier });
});

test('a warm one makes one gate call, and asks no other store', async () => {
  await askBy();
  const assertion = await assertionOf(scene.clientId, scene.signer);
  resetCalls();
  expect((await askWith(assertion)).status).toBe(200);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
});

test('an assertion is good for one token', async () => {
  const assertion = await assertionOf(scene.clientId, scene.signer);
  const [first, second] = [await askWith(assertion), await askWith(assertion)];
  expect([first.status, second.status], await first.text()).toEqual([200, 401]);
});

test.each(VERIFICATION_ALGS)('it may be signed with %s', async (alg) => {
  const signer = await newSigner(alg, { kid: alg });
  const clientId = await keyClient(scene, `signs with ${alg}`, [signer.publicJwk]);
  for (const kid of [alg, undefined]) {
    const { claims } = await readToken(await askWith(await assertionOf(clientId, signer, {}, { kid })));
    expect(claims.client_id).toBe(clientId);
  }
});

test('RFC 9864: EdDSA and Ed25519 are two names for the same, whichever the key has', async () => {
  for (const named of ['EdDSA', 'Ed25519', undefined]) {
    const signer = await newSigner('Ed25519');
    const jwk = { ...signer.publicJwk, ...(named !== undefined && { alg: named }) };
    const clientId = await keyClient(scene, `key named ${named}`, [jwk]);
    for (const alg of ['EdDSA', 'Ed25519'] as const) {
      expect((await askWith(await assertionOf(clientId, { ...signer, alg }))).status).toBe(200);
    }
  }
});

test('an RSA key that names no algorithm is for both of its kind', async () => {
  const [forPss, forPkcs1] = await Promise.all([newSigner('PS256', { kid: 'pss' }), newSigner('RS256', { kid: 'p1' })]);
  const clientId = await keyClient(scene, 'two RSA keys', [forPss.publicJwk, forPkcs1.publicJwk]);
  for (const signer of [forPss, forPkcs1]) {
    expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
  }
});

describe('what is taken as well:', () => {
  test.each([
    ['no typ', undefined],
    ['the typ of any JWT', 'JWT'],
    ['the same in lower case', 'jwt'],
    ['a whole media type', 'application/jwt'],
    ['the typ of its own', 'client-authentication+jwt'],
    ['the same in capitals, as a whole media type', 'Application/Client-Authentication+JWT'],
  ])('%s', async (_, typ) => {
    expect((await askBy({}, { typ })).status).toBe(200);
  });

  test.each([
    ['the issuer in a list of one', () => ({ aud: [ISSUER] })],
    ['no iat', () => ({ iat: undefined })],
    ['an nbf', () => ({ nbf: seconds() })],
    ['times with fractions', () => ({ iat: seconds() - 0.25, nbf: seconds() - 0.5, exp: seconds() + 59.75 })],
    ['the longest lifetime', () => ({ iat: seconds(), exp: seconds() + 300 })],
    ['the longest of one that does not say when it was issued', () => ({ iat: undefined, exp: seconds() + 300 })],
    ['a jti of 200 characters', () => ({ jti: crypto.randomUUID().padEnd(200, 'j') })],
    [
      'a jti of any characters',
      () => ({ jti: `'; DROP TABLE spent_ids; -- \u0000 \ud83d\ude00 ${crypto.randomUUID()}` }),
    ],
    ['claims of its own', () => ({ scope: 'admin', client_id: 'another', cnf: { jkt: 'x' }, nested: { a: [1] } })],
  ] as [string, () => Members][])('%s', async (_, claims) => {
    expect((await askBy(claims())).status).toBe(200);
  });

  test.each([
    ['an exp 10 s ago', () => ({ iat: seconds() - 40, exp: seconds() - 10 })],
    ['an iat 10 s from now', () => ({ iat: seconds() + 10, exp: seconds() + 70 })],
    ['an nbf 10 s from now', () => ({ nbf: seconds() + 10 })],
    ['an exp 10 s past the cap, its clock being ahead', () => ({ iat: undefined, exp: seconds() + 310 })],
  ] as [string, () => Members][])('a clock that is off by 10 s: %s', async (_, claims) => {
    expect((await askBy(claims())).status).toBe(200);
  });

  test('the client_id beside it, if it is the same', async () => {
    const assertion = await assertionOf(scene.clientId, scene.signer);
    expect((await askWith(assertion, { client_id: scene.clientId })).status).toBe(200);
  });

  test('parameters of other methods without a value', async () => {
    const assertion = await assertionOf(scene.clientId, scene.signer);
    expect((await askWith(assertion, { client_secret: '' })).status).toBe(200);
  });
});

test('a client that brought its id along from elsewhere authenticates alike', async () => {
  const signer = await newSigner('ES256');
  const clientId = await keyClient(scene, 'imported', [signer.publicJwk], { client_id: 'billing@moved.example.com' });
  expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
});

test('what it may do with a secret it may do with a key: introspect, and revoke its own token', async () => {
  const signer = await newSigner('ES256');
  const introspects = await keyClient(scene, 'introspects', [signer.publicJwk], { introspects: [scene.identifier] });
  const { access_token: token } = (await readToken(await askBy())).answer;
  const send = async (path: string, clientId: string, by = signer) =>
    ask(
      { token, client_assertion_type: JWT_BEARER, client_assertion: await assertionOf(clientId, by) },
      { path: `/oauth2/${path}` },
    );
  expect(await (await send('introspect', introspects)).json()).toMatchObject({ active: true });
  expect((await send('revoke', scene.clientId, scene.signer)).status).toBe(200);
  expect(await (await send('introspect', introspects)).json()).toEqual({ active: false });
  expect(await (await introspect(scene.api, token)).json()).toEqual({ active: false });
});

test('it has no secret to rotate', async () => {
  const { clientId, signer } = scene;
  const credentials = { client_assertion_type: JWT_BEARER, client_assertion: await assertionOf(clientId, signer) };
  const response = await ask(credentials, { path: '/oauth2/rotate-secret' });
  expect([response.status, await response.json()]).toMatchObject([400, { error: 'unauthorized_client' }]);
});

test('a token is bound to the key of a DPoP proof', async () => {
  const holder = await newSigner('ES256');
  const assertion = await assertionOf(scene.clientId, scene.signer);
  const { answer } = await readToken(await askWith(assertion, {}, { dpop: await proofOf(holder) }));
  expect(answer.token_type).toBe('DPoP');
  expect(decodeJwt(answer.access_token).cnf).toEqual({ jkt: expect.any(String) });
});

describe('a client that goes over from a secret to a key', () => {
  test('may use either while both are registered, then the key alone', async () => {
    const signer = await newSigner('ES256');
    const grants = [{ resource_server: scene.identifier, scopes: ['read'] }];
    const client = await createClient({ organization_id: scene.organization, client_name: 'goes over', grants });
    const bySecret = () => ask({ grant_type: 'client_credentials', ...client });
    const byKey = async () => askWith(await assertionOf(client.client_id, signer));
    const statuses = async () => [(await bySecret()).status, (await byKey()).status];
    const change = (body: Members) => done('PATCH', `clients/${client.client_id}`, { body });

    expect(await statuses()).toEqual([200, 401]);
    await change({ additional_auth_methods: ['private_key_jwt'], jwks: { keys: [signer.publicJwk] } });
    expect(await statuses()).toEqual([200, 200]);
    await change({ token_endpoint_auth_method: 'private_key_jwt', additional_auth_methods: [] });
    expect(await statuses()).toEqual([401, 200]);
    await change({ token_endpoint_auth_method: 'client_secret_post', additional_auth_methods: [] });
    expect(await statuses()).toEqual([200, 401]);
  });
});
