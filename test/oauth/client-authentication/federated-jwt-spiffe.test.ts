import type { JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { done, ISSUER, manage, world } from '../../http.ts';
import { JWT_SPIFFE, seconds, signJwt } from '../../machines.ts';
import { publishJson } from '../../remote.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { present, refusalOf, workloadClient } from './workloads.ts';

const HOST = 'spire.federated-jwt-spiffe.example';
const TRUST_DOMAIN = 'spiffe://example.org';
const WORKLOAD = `${TRUST_DOMAIN}/ns/shop/sa/orders`;
const here = await world('federated-jwt-spiffe');
const signer = await newSigner('ES256', { kid: 'svid', use: 'jwt-svid' });
const authority = await newSigner('ES256', { kid: 'ca', use: 'x509-svid' });
const unknown = await newSigner('ES256', { kid: 'none' });
const ordinary = await newSigner('ES256', { kid: 'sig', use: 'sig' });

// As SPIRE publishes it: with the keys for JWT-SVIDs, and the certificates of the trust domain.
const BUNDLE = {
  spiffe_sequence: 7,
  spiffe_refresh_hint: 300,
  keys: [{ ...authority.publicJwk, x5c: ['MIIB'] }, signer.publicJwk, unknown.publicJwk, ordinary.publicJwk],
};
await publishJson(HOST, '/bundle', BUNDLE);
const IDENTITY = {
  issuer: TRUST_DOMAIN,
  audience: ISSUER,
  subject: `${TRUST_DOMAIN}/ns/shop/*`,
  jwks_uri: `https://${HOST}/bundle`,
};
const clientId = await workloadClient(here, [IDENTITY]);

type Members = Record<string, unknown>;
const CLAIMS = () => ({ sub: WORKLOAD, aud: [ISSUER], iat: seconds(), exp: seconds() + 300 });
const svid = (claims: Members = {}, header: Members = {}, by = signer) =>
  signJwt(by, { ...CLAIMS(), ...claims }, { kid: by.publicJwk.kid, typ: 'JWT', ...header });
const AS_SVID = { client_assertion_type: JWT_SPIFFE };

describe('a JWT-SVID is taken', () => {
  test.each<[string, Members, Members, Record<string, string>]>([
    ['as SPIRE makes it, with neither iss nor jti', {}, {}, {}],
    ['as what it is', {}, {}, AS_SVID],
    ['with the issuer that SPIRE may be told to name', { iss: `https://${HOST}` }, {}, AS_SVID],
    ['with a type of its profile', {}, { typ: 'JOSE' }, AS_SVID],
    ['without a type', {}, { typ: undefined }, AS_SVID],
    ['without a kid, that its profile leaves open', {}, { kid: undefined }, AS_SVID],
  ])('%s', async (_, claims, header, form) => {
    expect((await present(clientId, await svid(claims, header), form)).status).toBe(200);
  });

  test('again and again', async () => {
    const token = await svid();
    const answers = [await present(clientId, token, AS_SVID), await present(clientId, token, AS_SVID)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('by keys that are registered', async () => {
    const client = await workloadClient(here, [
      { ...IDENTITY, jwks_uri: undefined, jwks: { keys: [signer.publicJwk, authority.publicJwk] } },
    ]);
    expect((await present(client, await svid(), AS_SVID)).status).toBe(200);
    expect(await refusalOf(async () => present(client, await svid({}, {}, authority)))).toBe('no_such_key');
  });
});

test('a bundle is registered as it is: its keys are kept, and its own members are ignored', async () => {
  const pasted = { ...IDENTITY, jwks_uri: undefined, jwks: BUNDLE };
  const client = await workloadClient(here, [pasted]);
  const shown = await done<{ federated_identities: [{ jwks: object }] }>('GET', `clients/${client}`);
  expect(shown.federated_identities[0].jwks).toEqual({ keys: BUNDLE.keys });
  expect((await present(client, await svid(), AS_SVID)).status).toBe(200);
  expect(await refusalOf(async () => present(client, await svid({}, {}, authority)))).toBe('no_such_key');
  await done('PATCH', `clients/${client}`, {
    body: { federated_identities: [{ ...pasted, jwks: { ...BUNDLE, spiffe_sequence: 8 } }] },
  });
  expect((await present(client, await svid(), AS_SVID)).status).toBe(200);
});

describe('a JWT-SVID is refused', () => {
  test.each<[string, Members, Members, string]>([
    [
      'of a trust domain that begins alike',
      { sub: 'spiffe://example.org.evil/ns/shop/sa/orders' },
      {},
      'no_such_identity',
    ],
    ['of another trust domain', { sub: 'spiffe://example.net/ns/shop/sa/orders' }, {}, 'no_such_identity'],
    ['of another path', { sub: `${TRUST_DOMAIN}/ns/shops/sa/orders` }, {}, 'no_such_identity'],
    ['of the trust domain itself', { sub: TRUST_DOMAIN }, {}, 'no_such_identity'],
    ['of no subject', { sub: undefined }, {}, 'no_such_identity'],
    ['that has the subject as issuer', { sub: 'orders', iss: WORKLOAD }, {}, 'no_such_identity'],
    ['for others as well', { aud: [ISSUER, 'spiffe://example.org/db'] }, {}, 'no_such_identity'],
    ['for others', { aud: ['spiffe://example.org/db'] }, {}, 'no_such_identity'],
    ['for nobody', { aud: undefined }, {}, 'no_such_identity'],
    ['that does not expire', { exp: undefined }, {}, 'malformed_assertion'],
    ['that has expired', { iat: seconds() - 400, exp: seconds() - 61 }, {}, 'assertion_expired'],
    ['of another type', {}, { typ: 'dpop+jwt' }, 'wrong_type'],
  ])('%s', async (_, claims, header, reason) => {
    const token = await svid(claims, header);
    expect(await refusalOf(() => present(clientId, token, AS_SVID))).toBe(reason);
  });

  // SPIFFE Trust Domain and Bundle section 4.2.2: a key is for one type of document, and declares it.
  test.each([
    ['certificates', authority],
    ['any signature', ordinary],
    ['it does not say what', unknown],
  ])('that was signed with a key for %s', async (_, by) => {
    expect(await refusalOf(async () => present(clientId, await svid({}, {}, by), AS_SVID))).toBe('no_such_key');
    expect(await refusalOf(async () => present(clientId, await svid({}, { kid: undefined }, by)))).toBe('no_such_key');
  });
});

test('the token of an issuer that is no trust domain is no JWT-SVID, though it is signed as one and called one', async () => {
  const issuer = `https://${HOST}`;
  const jwks = { keys: [ordinary.publicJwk] as JWK[] };
  const client = await workloadClient(here, [{ issuer, subject: WORKLOAD, jwks }]);
  const token = await svid({ iss: issuer }, {}, ordinary);
  expect((await present(client, token)).status).toBe(200);
  expect(await refusalOf(() => present(client, token, AS_SVID))).toBe('no_such_identity');
});

test.each(['urn:ietf:params:oauth:client-assertion-type:saml2-bearer', 'jwt-spiffe', ''])(
  'no other assertion type is taken: %j',
  async (client_assertion_type) => {
    expect([400, 401]).toContain((await present(clientId, await svid(), { client_assertion_type })).status);
  },
);

test('a trust domain is registered with its keys, and with a workload of its own', async () => {
  const create = (identity: object) =>
    manage('clients', {
      organization_id: here.organization,
      client_name: crypto.randomUUID(),
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: [{ ...IDENTITY, ...identity }],
    });
  const refused = await create({ subject: `${TRUST_DOMAIN}.evil/a` });
  expect([refused.status, await refused.json()]).toEqual([
    422,
    expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/federated_identities/0/subject' })] }),
  ]);
  expect((await create({ jwks_uri: undefined })).status).toBe(422);
  expect((await create({ jwks_uri: 'https://10.0.0.1/bundle' })).status).toBe(422);
});
