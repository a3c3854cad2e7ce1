import { env } from 'cloudflare:workers';
import { base64url, calculateJwkThumbprint, decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { getToken, ISSUER, send, world } from '../../http.ts';
import { askWith, keyClient, proofOf, seconds, TOKEN_URL } from '../../machines.ts';
import { asked, publishIssuer } from '../../remote.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { present, refusalOf, tokenOf, unavailabilityOf, workloadClient } from './workloads.ts';

const HOST = 'issuer.federated-jwt.example';
const COLD_HOST = 'cold.federated-jwt.example';
const signer = await newSigner('RS256', { kid: 'first', alg: 'RS256', use: 'sig' });
const issuer = await publishIssuer(HOST, [signer.publicJwk]);

const here = await world('federated-jwt');
const CONDITIONS = {
  subject: 'repo:octo-org/octo-repo:*',
  claims: {
    repository_id: '74',
    environment: ['production', 'staging'],
    run_attempt: 1,
    ref_protected: true,
    ref: 'refs/tags/v*',
    '/pod/name': 'web-*',
  },
};
const IDENTITY = { issuer, ...CONDITIONS };
const CLAIMS = {
  iss: issuer,
  sub: 'repo:octo-org/octo-repo:environment:production',
  repository_id: '74',
  environment: 'production',
  run_attempt: '1',
  ref_protected: 'true',
  ref: 'refs/tags/v1.2',
  pod: { name: 'web-1' },
};
const clientId = await workloadClient(here, [IDENTITY]);
const isolatedIssuer = `https://${COLD_HOST}`;
// The issuer has published nothing, so a request that fetches its keys ends in a 503.
const coldClientId = await workloadClient(here, [{ issuer: isolatedIssuer, ...CONDITIONS }]);

type Members = Record<string, unknown>;
const signed = (claims: Members = {}, header: Members = {}) => tokenOf(signer, { ...CLAIMS, ...claims }, header);

async function isGranted(token: string): Promise<boolean> {
  const response = await present(clientId, token);
  const answer = await response.json<{ token_type: string; scope: string }>();
  expect([response.status, answer]).toEqual([200, expect.objectContaining({ token_type: 'Bearer', scope: 'read' })]);
  return true;
}

describe('the token of a workload that the client trusts is taken', () => {
  test.each<[string, Members, Members]>([
    ['as it is', {}, {}],
    ['with its one audience in a list', { aud: [ISSUER] }, {}],
    ['with a slash after the issuer in `aud`', { aud: `${ISSUER}/` }, {}],
    ['without a type', {}, { typ: undefined }],
    ['as an access token of another server', {}, { typ: 'at+jwt' }],
    ['with its type in full', {}, { typ: 'application/JWT' }],
    ['without a kid', {}, { kid: undefined }],
    ['without an nbf and an iat', { nbf: undefined, iat: undefined }, {}],
    ['by a clock ten seconds ahead', { nbf: seconds() + 10, iat: seconds() + 10, exp: seconds() + 600 }, {}],
    ['by a clock ten seconds behind', { iat: seconds() - 300, nbf: seconds() - 300, exp: seconds() - 10 }, {}],
    ['that is good for a day and some minutes', { exp: seconds() + 86_400 + 300 }, {}],
    ['with other of the allowed values', { environment: 'staging', run_attempt: 1, ref_protected: true }, {}],
    ['with a jwk that nobody asked for', {}, { jwk: { kty: 'oct', k: 'AA' } }],
  ])('%s', async (_, claims, header) => {
    expect(await isGranted(await signed(claims, header))).toBe(true);
  });

  test('as often as it is used, as platforms hand it out', async () => {
    const token = await signed({ jti: 'only-one' });
    expect([await isGranted(token), await isGranted(token)]).toEqual([true, true]);
  });

  test('and the access token is bound to the key of a DPoP proof', async () => {
    const holder = await newSigner('ES256');
    const response = await askWith(await signed(), { client_id: clientId }, { dpop: await proofOf(holder) });
    const { access_token, token_type } = await response.json<{ access_token: string; token_type: string }>();
    expect(token_type).toBe('DPoP');
    expect(decodeJwt(access_token).cnf).toEqual({ jkt: await calculateJwkThumbprint(holder.publicJwk) });
  });

  test.each(['ES256', 'PS256', 'ES384', 'EdDSA', 'Ed25519'] as const)('signed with %s', async (alg) => {
    const other = await newSigner(alg, { kid: alg });
    const client = await workloadClient(here, [{ ...IDENTITY, jwks: { keys: [other.publicJwk] } }]);
    expect((await present(client, await tokenOf(other, CLAIMS))).status).toBe(200);
  });
});

// Faults of a token that show without any key, by the claim or header that is wrong.
const TOLD_WITHOUT_KEYS: readonly (readonly [name: string, claims: Members, header: Members, reason: string])[] = [
  ['of another issuer', { iss: `${isolatedIssuer}/` }, {}, 'no_such_identity'],
  ['of no issuer', { iss: undefined }, {}, 'no_such_identity'],
  ['of a list of issuers', { iss: [isolatedIssuer] }, {}, 'no_such_identity'],
  ['for another audience', { aud: 'https://other.example.com' }, {}, 'no_such_identity'],
  ['for the token URL', { aud: TOKEN_URL }, {}, 'no_such_identity'],
  ['for others as well', { aud: [ISSUER, 'https://other.example.com'] }, {}, 'no_such_identity'],
  ['for nobody', { aud: undefined }, {}, 'no_such_identity'],
  ['for nobody in a list', { aud: [] }, {}, 'no_such_identity'],
  ['of another subject', { sub: 'repo:octo-org/octo-repo-fork:ref:refs/tags/v1' }, {}, 'no_such_identity'],
  ['of a subject that only contains it', { sub: `x${CLAIMS.sub}` }, {}, 'no_such_identity'],
  ['of no subject', { sub: undefined }, {}, 'no_such_identity'],
  ['of another repository', { repository_id: '75' }, {}, 'no_such_identity'],
  ['of no repository', { repository_id: undefined }, {}, 'no_such_identity'],
  ['of another environment', { environment: 'dev' }, {}, 'no_such_identity'],
  ['of another attempt', { run_attempt: '2' }, {}, 'no_such_identity'],
  ['of an unprotected ref', { ref_protected: 'false' }, {}, 'no_such_identity'],
  ['of another ref', { ref: 'refs/heads/v1' }, {}, 'no_such_identity'],
  ['of another pod', { pod: { name: 'db-1' } }, {}, 'no_such_identity'],
  ['of a pod that is not where it should be', { pod: undefined, '/pod/name': 'web-1' }, {}, 'no_such_identity'],
  ['without an exp', { exp: undefined }, {}, 'malformed_assertion'],
  ['with an exp that is a text', { exp: String(seconds() + 600) }, {}, 'malformed_assertion'],
  ['with an iat that is a text', { iat: String(seconds()) }, {}, 'malformed_assertion'],
  ['with an nbf that is null', { nbf: null }, {}, 'malformed_assertion'],
  ['that expired 61 seconds ago', { iat: seconds() - 300, exp: seconds() - 61 }, {}, 'assertion_expired'],
  ['that is good from 61 seconds on', { nbf: seconds() + 61 }, {}, 'assertion_not_yet_valid'],
  ['that was issued in 61 seconds', { iat: seconds() + 61 }, {}, 'assertion_not_yet_valid'],
  ['that is good for more than 25 hours', { exp: seconds() + 90_100 }, {}, 'assertion_lives_too_long'],
  [
    'that does not say since when, and is good for more than 25 hours',
    { iat: undefined, nbf: undefined, exp: seconds() + 90_100 },
    {},
    'assertion_lives_too_long',
  ],
  ['that is a DPoP proof', {}, { typ: 'dpop+jwt' }, 'wrong_type'],
  ['that is a client’s own assertion', {}, { typ: 'client-authentication+jwt' }, 'wrong_type'],
  ['that is a logout token', {}, { typ: 'logout+jwt' }, 'wrong_type'],
  ['that is an introspection response', {}, { typ: 'token-introspection+jwt' }, 'wrong_type'],
  ['of this very service', { iss: ISSUER }, {}, 'wrong_subject'],
];

test.each(TOLD_WITHOUT_KEYS)(
  'a token %s is refused, and no key is fetched for it',
  async (_, claims, header, reason) => {
    const token = await signed({ iss: isolatedIssuer, ...claims }, header);
    const before = await asked(COLD_HOST, '/.well-known/openid-configuration');
    expect(await refusalOf(() => present(coldClientId, token))).toBe(reason);
    expect(await asked(COLD_HOST, '/.well-known/openid-configuration')).toBe(before);
  },
);

test('with all of that as it must be the issuer is asked', async () => {
  const token = await signed({ iss: isolatedIssuer });
  expect(await unavailabilityOf(() => present(coldClientId, token))).toBe('remote_keys_unavailable');
  expect(await asked(COLD_HOST, '/.well-known/openid-configuration')).toBeGreaterThan(0);
});

/** Replaces the header of a signed token, so that its signature no longer matches. */
function withHeader(token: string, header: Members): string {
  const [, claims, signature] = token.split('.');
  return [base64url.encode(JSON.stringify(header)), claims, signature].join('.');
}

describe('a token is refused', () => {
  test.each([['none'], ['HS256'], ['RS384'], ['RS512'], ['ES512'], ['ES256K'], ['rs256'], ['']])(
    'whose algorithm is %j',
    async (alg) => {
      const token = withHeader(await signed(), { alg, kid: 'first' });
      expect(await refusalOf(() => present(clientId, token))).toBe('wrong_algorithm');
    },
  );

  test('that has no signature', async () => {
    const [, claims] = (await signed()).split('.');
    const token = `${base64url.encode(JSON.stringify({ alg: 'none' }))}.${claims}.`;
    expect(await refusalOf(() => present(clientId, token))).toBe('malformed_assertion');
  });

  test('that is signed with the public key as if it were a secret', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(signer.publicJwk));
    const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
    const token = await tokenOf({ ...signer, alg: 'HS256' as never, privateKey: key }, CLAIMS);
    expect(await refusalOf(() => present(clientId, token))).toBe('wrong_algorithm');
  });

  test.each([
    ['an extension', { crit: ['exp'] }],
    ['an extension that is understood elsewhere', { crit: ['b64'], b64: true }],
    ['a kid that is no text', { kid: 1 }],
    ['a typ that is no text', { typ: ['JWT'] }],
  ])('that has %s', async (_, header) => {
    const token = withHeader(await signed(), { alg: 'RS256', kid: 'first', ...header });
    expect(await refusalOf(() => present(clientId, token))).toBe('malformed_assertion');
  });

  test.each(['', 'a.b', 'not a token', 'e30.e30.e30.e30.e30'])('that is none: %j', async (token) => {
    expect([400, 401]).toContain((await present(clientId, token)).status);
  });

  test('whose kid the issuer does not have', async () => {
    const token = await signed({}, { kid: 'unknown' });
    expect(await refusalOf(() => present(clientId, token))).toBe('no_such_key');
  });

  test('that another signed by the same kid', async () => {
    const other = await newSigner('RS256', { kid: 'first' });
    expect(await refusalOf(async () => present(clientId, await tokenOf(other, CLAIMS)))).toBe('no_such_key');
  });

  test('that brings its key along', async () => {
    const other = await newSigner('RS256', { kid: 'first' });
    const token = await tokenOf(other, CLAIMS, { jwk: other.publicJwk, jku: `https://${HOST}/jwks` });
    expect(await refusalOf(() => present(clientId, token))).toBe('no_such_key');
  });

  test('by an algorithm that its key is not for', async () => {
    const { privateKey, publicJwk } = await newSigner('PS256', { kid: 'pss', alg: 'RS256' });
    const client = await workloadClient(here, [{ ...IDENTITY, jwks: { keys: [publicJwk] } }]);
    const token = await tokenOf({ ...signer, alg: 'PS256', privateKey, publicJwk }, CLAIMS);
    expect(await refusalOf(() => present(client, token))).toBe('no_such_key');
  });

  test('that was changed after it was signed', async () => {
    const [header, , signature] = (await signed({ environment: 'staging' })).split('.');
    const token = [
      header,
      base64url.encode(JSON.stringify({ ...CLAIMS, exp: seconds() + 60, aud: ISSUER })),
      signature,
    ];
    expect(await refusalOf(() => present(clientId, token.join('.')))).toBe('no_such_key');
  });

  test('that this service issued', async () => {
    const { access_token } = await getToken(here.worker);
    expect(await refusalOf(() => present(clientId, access_token))).toBe('wrong_subject');
  });
});

describe('the client', () => {
  test('that authenticates in another way is not told by what it trusts', async () => {
    const key = await newSigner('ES256');
    const client = await keyClient(here, 'own-key', [key.publicJwk], { federated_identities: [IDENTITY] });
    expect(await refusalOf(async () => present(client, await signed()))).toBe('method_not_registered');
  });

  test('that has a secret is not', async () => {
    expect(await refusalOf(async () => present(here.worker.client_id, await signed()))).toBe('method_not_registered');
  });

  test('that trusts others is not', async () => {
    const client = await workloadClient(here, [{ ...IDENTITY, claims: { repository_id: '75' } }]);
    expect(await refusalOf(async () => present(client, await signed()))).toBe('no_such_identity');
  });

  test('that is disabled is not', async () => {
    const client = await workloadClient(here, [IDENTITY], { status: 'disabled' });
    expect(await refusalOf(async () => present(client, await signed()))).toBe('disabled_client');
  });

  test('that does not exist is not', async () => {
    const client = 'emc_0123456789ABCDEFGHIJKLMNOPQRST';
    expect(await refusalOf(async () => present(client, await signed()))).toBe('unknown_client');
  });
});

test.each([
  ['of a name that objects have', '{"repository_id":"74","__proto__":"x"}'],
  ['on a number that is not exact', '{"repository_id":9007199254740993}'],
  ['of more than values and lists', '{"repository_id":"74","pod":{"name":"web"}}'],
  ['on null', '{"repository_id":"74","ref":null}'],
])('a condition %s is refused, not left out', async (_, claims) => {
  const body = `{"organization_id":"${here.organization}","client_name":"refused","federated_identities":[{"issuer":"${issuer}","claims":${claims}}]}`;
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${env.ROOT_API_KEY}` };
  const response = await send('/v1/clients', { method: 'POST', headers, body });
  const { errors } = await response.json<{ errors: { pointer: string }[] }>();
  expect(response.status).toBe(422);
  expect(errors.map(({ pointer }) => pointer.startsWith('/federated_identities/0/claims'))).toContain(true);
});
