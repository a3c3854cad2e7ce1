import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { certificates, jwkOf, tlsOf } from '../certificates.ts';
import { basic, create, done, getToken, ISSUER, postForm, requestToken, world } from '../http.ts';
import {
  ask,
  askWith,
  assertionOf,
  JWT_BEARER,
  keyClient,
  keyWorld,
  proofOf,
  seconds,
  signJwt,
  TOKEN_URL,
} from '../machines.ts';
import { newSigner, type Signer } from '../remote-keys/signers.ts';

// Each clause of docs/strict-profile.md. A twin client with the standard profile sends the same, to show that the profile is what refuses.

type Members = Readonly<Record<string, unknown>>;

const STRICT = { security_profile: 'strict' };

let here: Awaited<ReturnType<typeof keyWorld>>;
let signer: Signer;
let rsa: Signer;
let rsaPss: Signer;
let holder: Signer;
/** Two clients with the same keys: one with the standard profile, one with the strict profile. */
let twins: readonly [standard: string, strict: string];

beforeAll(async () => {
  here = await keyWorld('strict');
  signer = here.signer;
  rsaPss = await newSigner('PS256', { kid: 'rsa' });
  // The same key, with the other RSA algorithm.
  const privateKey = (await importJWK(rsaPss.privateJwk, 'RS256')) as CryptoKey;
  rsa = { ...rsaPss, alg: 'RS256', privateKey };
  holder = await newSigner('ES256');
  const keys = [signer.publicJwk, rsaPss.publicJwk];
  twins = [await keyClient(here, 'standard', keys), await keyClient(here, 'strict', keys, STRICT)];
});

const errorOf = async (response: Response) => [response.status, (await response.json<{ error?: string }>()).error];

/** Requests a token as the client, with an assertion of these members, and a proof with the holder's key. */
async function asking(clientId: string, claims: Members = {}, by = signer, header: Members = {}): Promise<Response> {
  return askWith(await assertionOf(clientId, by, claims, header), {}, { dpop: await proofOf(holder) });
}

/** The status of the answer under the standard profile, and under the strict one. */
async function judged(claims: Members, by = signer): Promise<number[]> {
  return Promise.all(twins.map(async (twin) => (await asking(twin, claims, by)).status));
}

interface Answer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
}

async function tokenOf(response: Response): Promise<Answer> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as Answer;
}

describe('authentication', () => {
  test('a secret is refused, by Basic and in the form, at every endpoint, though it was taken a moment ago', async () => {
    const { worker } = await world('strict-secret');
    const { access_token: token } = await getToken(worker);
    const keyed = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [signer.publicJwk] } };
    await done('PATCH', `clients/${worker.client_id}`, { body: { ...keyed, ...STRICT } });
    expect(await errorOf(await requestToken(worker))).toEqual([401, 'invalid_client']);
    const dpop = await proofOf(holder);
    const form = { grant_type: 'client_credentials', ...worker };
    expect(await errorOf(await ask(form, { dpop }))).toEqual([401, 'invalid_client']);
    for (const path of ['/oauth2/introspect', '/oauth2/revoke', '/oauth2/rotate-secret']) {
      const headers = { Authorization: basic(worker.client_id, worker.client_secret) };
      expect([path, ...(await errorOf(await postForm(path, { token }, { headers })))]).toEqual([
        path,
        401,
        'invalid_client',
      ]);
    }
    expect((await asking(worker.client_id)).status).toBe(200);
  });

  test('the token of another issuer is refused, though it was taken a moment ago', async () => {
    const platform = await newSigner('RS256');
    const issuer = 'https://platform.strict-profile.example.com';
    const jwks = { keys: [platform.publicJwk] };
    const client = await keyClient(here, 'workload', [signer.publicJwk], {
      additional_auth_methods: ['federated_jwt'],
      federated_identities: [{ issuer, subject: 'worker', jwks }],
    });
    const token = () =>
      signJwt(platform, { iss: issuer, sub: 'worker', aud: ISSUER, iat: seconds(), exp: seconds() + 60 });
    const byToken = async () => askWith(await token(), { client_id: client }, { dpop: await proofOf(holder) });
    expect((await byToken()).status).toBe(200);
    await done('PATCH', `clients/${client}`, { body: { additional_auth_methods: [], ...STRICT } });
    expect(await errorOf(await byToken())).toEqual([401, 'invalid_client']);
  });

  test('a client that proves nothing is refused', async () => {
    const form = { grant_type: 'client_credentials', client_id: twins[1] };
    expect(await errorOf(await ask(form, { dpop: await proofOf(holder) }))).toEqual([401, 'invalid_client']);
  });

  test('a certificate authenticates, by its subject or by itself', async () => {
    const form = { grant_type: 'client_credentials' };
    const bySubject = await keyClient(here, 'by subject', [], {
      ...STRICT,
      token_endpoint_auth_method: 'tls_client_auth',
      jwks: null,
      tls_client_auth_subject_dn: certificates.named.subject,
    });
    const byItself = await keyClient(here, 'by itself', [await jwkOf(certificates.own)], {
      ...STRICT,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
    });
    const [issued, own] = [tlsOf(certificates.named), tlsOf(certificates.own)];
    expect((await ask({ ...form, client_id: bySubject }, { tls: issued })).status).toBe(200);
    expect((await ask({ ...form, client_id: byItself }, { tls: own })).status).toBe(200);
    expect((await ask({ ...form, client_id: byItself }, { tls: issued })).status).toBe(401);
  });

  test('an assertion names the issuer as its audience, as a text', async () => {
    expect(await judged({ aud: ISSUER })).toEqual([200, 200]);
    expect(await judged({ aud: [ISSUER] })).toEqual([200, 401]);
    expect(await judged({ aud: `${ISSUER}/` })).toEqual([200, 401]);
    for (const aud of [TOKEN_URL, [ISSUER, TOKEN_URL], [], undefined])
      expect(await judged({ aud })).toEqual([401, 401]);
  });

  test('an assertion is good for 60 seconds at most, and says since when', async () => {
    const now = seconds();
    expect(await judged({ iat: now, exp: now + 60 })).toEqual([200, 200]);
    expect(await judged({ iat: now, exp: now + 61 })).toEqual([200, 401]);
    expect(await judged({ iat: undefined, exp: now + 30 })).toEqual([200, 401]);
    expect(await judged({ iat: undefined, nbf: now, exp: now + 30 })).toEqual([200, 401]);
  });

  test('a clock may be 10 seconds off, and not 61', async () => {
    const shifted = (by: number) => ({ iat: seconds() + by, nbf: seconds() + by, exp: seconds() + by + 60 });
    for (const by of [10, -10, -70]) expect([by, ...(await judged(shifted(by)))]).toEqual([by, 200, 200]);
    for (const by of [61, -121]) expect([by, ...(await judged(shifted(by)))]).toEqual([by, 401, 401]);
    expect(await judged({ nbf: seconds() + 61, exp: seconds() + 60 })).toEqual([401, 401]);
  });

  test('an assertion is taken once', async () => {
    const assertion = await assertionOf(twins[1], signer);
    const again = async () => (await askWith(assertion, {}, { dpop: await proofOf(holder) })).status;
    expect([await again(), await again()]).toEqual([200, 401]);
  });
});

describe('binding', () => {
  test('a request that proves the possession of nothing gets no token', async () => {
    const [standard, strict] = twins;
    const unbound = async (client: string) => askWith(await assertionOf(client, signer));
    expect((await unbound(standard)).status).toBe(200);
    expect(await errorOf(await unbound(strict))).toEqual([400, 'invalid_request']);
  });

  test('a token is bound to the key of the DPoP proof', async () => {
    const { access_token, token_type } = await tokenOf(await asking(twins[1]));
    expect(token_type).toBe('DPoP');
    expect(decodeJwt(access_token).cnf).toEqual({ jkt: await calculateJwkThumbprint(holder.publicJwk) });
  });

  test('a token is bound to the certificate of the connection where there is no proof', async () => {
    const [standard, strict] = twins;
    const tls = tlsOf(certificates.own);
    const cnfOf = async (client: string, connection: object = { tls }) => {
      const response = await askWith(await assertionOf(client, signer), {}, connection);
      return decodeJwt((await tokenOf(response)).access_token).cnf;
    };
    expect(await cnfOf(standard)).toBeUndefined();
    expect(await cnfOf(strict)).toEqual({ 'x5t#S256': certificates.own.x5t });
    const jkt = await calculateJwkThumbprint(holder.publicJwk);
    expect(await cnfOf(strict, { tls, dpop: await proofOf(holder) })).toEqual({ jkt });
    const revoked = { tls: tlsOf(certificates.own, { certRevoked: '1' }) };
    expect((await askWith(await assertionOf(strict, signer), {}, revoked)).status).toBe(400);
  });

  test('introspection tells a resource server what a token is bound to', async () => {
    const caller = await keyClient(here, 'caller', [signer.publicJwk], { ...STRICT, introspects: [here.identifier] });
    const { access_token: token } = await tokenOf(await asking(twins[1]));
    const credentials = { client_assertion_type: JWT_BEARER, client_assertion: await assertionOf(caller, signer) };
    const response = await ask({ token, ...credentials }, { path: '/oauth2/introspect' });
    expect(await response.json()).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: await calculateJwkThumbprint(holder.publicJwk) },
    });
  });

  test('a proof is taken once', async () => {
    const dpop = await proofOf(holder);
    const again = async () => errorOf(await askWith(await assertionOf(twins[1], signer), {}, { dpop }));
    expect([await again(), await again()]).toEqual([
      [200, undefined],
      [400, 'invalid_dpop_proof'],
    ]);
  });

  test('a client may be asked for a nonce in its proofs', async () => {
    const fields = { ...STRICT, dpop_nonce_required: true };
    const client = await keyClient(here, 'with nonces', [signer.publicJwk], fields);
    const refused = await asking(client);
    const nonce = refused.headers.get('DPoP-Nonce') ?? '';
    expect(await errorOf(refused)).toEqual([400, 'use_dpop_nonce']);
    const dpop = await proofOf(holder, { nonce });
    expect((await askWith(await assertionOf(client, signer), {}, { dpop })).status).toBe(200);
  });
});

describe('algorithms', () => {
  test('an assertion is signed with ES256, PS256 or EdDSA: RS256 is refused, and what is no signature', async () => {
    const edwards = await newSigner('EdDSA');
    const client = await keyClient(here, 'edwards', [edwards.publicJwk], STRICT);
    expect((await asking(client, {}, edwards)).status).toBe(200);
    expect(await judged({}, rsaPss)).toEqual([200, 200]);
    expect(await judged({}, rsa)).toEqual([200, 401]);
    const [, claims = ''] = (await assertionOf(twins[1], signer)).split('.');
    const none = btoa('{"alg":"none"}').replaceAll('=', '');
    expect((await askWith(`${none}.${claims}.`, {}, { dpop: await proofOf(holder) })).status).toBe(401);
  });

  test('a proof is signed with ES256, PS256 or EdDSA: RS256 is refused', async () => {
    for (const alg of ['ES256', 'PS256', 'EdDSA', 'RS256'] as const) {
      const dpop = await proofOf(await newSigner(alg));
      const answers = await Promise.all(
        twins.map(async (twin) => {
          // Both may use the same proof, because each client's gate has its own replay memory.
          return errorOf(await askWith(await assertionOf(twin, signer), {}, { dpop }));
        }),
      );
      const strict = alg === 'RS256' ? [400, 'invalid_dpop_proof'] : [200, undefined];
      expect([alg, ...answers]).toEqual([alg, [200, undefined], strict]);
    }
  });

  test('a token is signed with ES256 or EdDSA: there is none for a resource server that wants RS256', async () => {
    const answers: unknown[] = [];
    for (const signing_alg of ['ES256', 'EdDSA', 'RS256']) {
      const identifier = `https://${signing_alg.toLowerCase()}.strict.example.com`;
      const scopes = [{ name: 'read' }, { name: 'write' }];
      const owned = { organization_id: here.organization, identifier, name: signing_alg, scopes };
      await create('resource-servers', { ...owned, signing_alg });
      const client = await keyClient({ ...here, identifier }, signing_alg, [signer.publicJwk], STRICT);
      const response = await asking(client);
      const { access_token, error } = await response.json<{ access_token?: string; error?: string }>();
      answers.push(error ?? decodeProtectedHeader(access_token ?? '').alg);
    }
    expect(answers).toEqual(['ES256', 'EdDSA', 'invalid_target']);
  });
});

test('keys of one kid are told apart by what else they say', async () => {
  const signers = await Promise.all(
    (['ES256', 'EdDSA', 'ES256', 'PS256'] as const).map((alg) => newSigner(alg, { kid: 'same' })),
  );
  const keys = signers.map(({ publicJwk }) => publicJwk);
  const client = await keyClient(here, 'one kid', keys, STRICT);
  for (const one of signers) expect((await asking(client, {}, one, { kid: 'same' })).status).toBe(200);
});

test('a token is good for 15 minutes at most, however long its resource server lets it be', async () => {
  const [standard, strict] = twins;
  const lifetimes = async (client: string) => (await tokenOf(await asking(client))).expires_in;
  expect([await lifetimes(standard), await lifetimes(strict)]).toEqual([3600, 900]);
  await done('PATCH', `resource-servers/${here.server.id}`, { body: { access_token_ttl: 7200 } });
  expect([await lifetimes(standard), await lifetimes(strict)]).toEqual([7200, 900]);
  await done('PATCH', `resource-servers/${here.server.id}`, { body: { access_token_ttl: 300 } });
  expect([await lifetimes(standard), await lifetimes(strict)]).toEqual([300, 300]);
  const { access_token } = await tokenOf(await asking(strict));
  const { iat = 0, exp = 0 } = decodeJwt(access_token);
  expect(exp - iat).toBe(300);
});

test('what becomes strict is strict in the next request, also where the client is known already', async () => {
  const one = await keyWorld('becomes-strict');
  const another = await keyWorld('organization-becomes-strict');
  await done('DELETE', `clients/${another.api.client_id}`);
  const becoming: [typeof one, path: string][] = [
    [one, `clients/${one.clientId}`],
    [another, `organizations/${another.organization}`],
  ];
  for (const [{ clientId, signer: own }, path] of becoming) {
    const list = () => asking(clientId, { aud: [ISSUER] }, own);
    const long = () => asking(clientId, { exp: seconds() + 300 }, own);
    const unbound = async () => askWith(await assertionOf(clientId, own));
    const statuses = async () => [await list(), await long(), await unbound()].map(({ status }) => status);
    expect(await statuses()).toEqual([200, 200, 200]);
    await done('PATCH', path, { body: STRICT });
    expect(await statuses()).toEqual([401, 401, 400]);
    expect((await asking(clientId, {}, own)).status).toBe(200);
    await done('PATCH', path, { body: { security_profile: 'standard' } });
    expect(await statuses()).toEqual([200, 200, 200]);
  }
});
