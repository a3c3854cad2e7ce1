import { calculateJwkThumbprint, decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { basic, ISSUER, postForm, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';
import { lineOf } from '../log/lines.ts';
import { ask, assertionOf, JWT_BEARER, keyClient, proofOf, seconds, signJwt, TOKEN_URL } from '../machines.ts';
import { publishIssuer } from '../remote.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { readError, readToken } from './answers.ts';
import { tokenOf, workloadClient } from './client-authentication/workloads.ts';

// The jwt-bearer grant, RFC 7523 section 2.1.

type Members = Record<string, unknown>;

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const platform = await newSigner('RS256', { kid: 'first', alg: 'RS256', use: 'sig' });
const issuer = await publishIssuer('issuer.assertion-grant.example', [platform.publicJwk]);
const here = await world('assertion-grant');
const workload = await workloadClient(here, [{ issuer, subject: 'orders' }]);
const signer = await newSigner('ES256', { kid: 'first' });
const keyed = await keyClient(here, 'keyed', [signer.publicJwk]);
const relaxed = await keyClient(here, 'relaxed', [signer.publicJwk], {
  assertion_audience: 'issuer_or_token_endpoint',
  assertion_lifetime_max: 3600,
});

const platformToken = (claims: Members = {}, header: Members = {}) =>
  tokenOf(platform, { iss: issuer, sub: 'orders', ...claims }, header);

let counter = 0;
function grant(assertion: string, form: Record<string, string> = {}, connection = {}): Promise<Response> {
  const address = `2001:db8:1:${(++counter).toString(16)}::1`;
  return ask({ grant_type: GRANT, assertion, ...form }, { address, ...connection });
}

const clientOf = async (response: Response) => (await readToken(response)).claims.client_id;

/** Checks that a request is `invalid_grant`, and returns the reason in the log. */
async function whyRefused(request: () => Promise<Response>): Promise<unknown> {
  const { reason } = await lineOf(async () => {
    const response = await request();
    expect(await readError(response.clone())).toEqual({ status: 400, error: 'invalid_grant' });
    return response;
  });
  return reason;
}

describe('the token of a workload', () => {
  test.each<[string, Members, Record<string, string>]>([
    ['alone', {}, {}],
    ['for the token endpoint', { aud: TOKEN_URL }, {}],
    ['for the token endpoint in a list', { aud: [TOKEN_URL] }, {}],
    ['for the issuer with a slash', { aud: `${ISSUER}/` }, {}],
    ['with the client_id', {}, { client_id: workload }],
    ['with the client_id, for the token endpoint', { aud: TOKEN_URL }, { client_id: workload }],
  ])('gets a token: %s', async (_, claims, form) => {
    expect(await clientOf(await grant(await platformToken(claims), form))).toBe(workload);
  });

  test('gets what the request asks for, and may be used again', async () => {
    const token = await platformToken();
    const { answer, claims } = await readToken(await grant(token, { scope: 'read', resource: here.identifier }));
    expect([answer.scope, claims.aud]).toEqual(['read', here.identifier]);
    expect((await grant(token, { scope: 'admin' })).status).toBe(400);
    expect((await grant(token)).status).toBe(200);
  });

  test('costs one gate call once the isolate knows the workload', async () => {
    const token = await platformToken();
    await grant(token);
    resetCalls();
    expect((await grant(token)).status).toBe(200);
    expect(calls).toMatchObject({ gate: 1, d1: 0, kv: 0 });
  });

  test('is bound to the key of a DPoP proof', async () => {
    const holder = await newSigner('ES256');
    const response = await grant(await platformToken(), {}, { dpop: await proofOf(holder) });
    const { answer, claims } = await readToken(response);
    expect(answer.token_type).toBe('DPoP');
    expect(claims.cnf).toEqual({ jkt: await calculateJwkThumbprint(holder.publicJwk) });
  });

  test('whose identity has another audience is only for that one', async () => {
    const audience = 'urn:example:elsewhere';
    const client = await workloadClient(here, [{ issuer, subject: 'elsewhere', audience }]);
    expect(await clientOf(await grant(await platformToken({ sub: 'elsewhere', aud: audience })))).toBe(client);
    for (const aud of [TOKEN_URL, ISSUER]) {
      const token = await platformToken({ sub: 'elsewhere', aud });
      expect(await whyRefused(() => grant(token))).toBe('no_such_identity');
    }
  });

  test('for an identity whose audience is the token endpoint is for that one', async () => {
    const client = await workloadClient(here, [{ issuer, subject: 'endpoint', audience: TOKEN_URL }]);
    expect(await clientOf(await grant(await platformToken({ sub: 'endpoint', aud: TOKEN_URL })))).toBe(client);
  });

  test.each<[string, Members, Members, string]>([
    ['of another subject', { sub: 'other' }, {}, 'no_such_identity'],
    ['for another server', { aud: 'https://other.example' }, {}, 'no_such_identity'],
    ['for the token endpoint and another', { aud: [TOKEN_URL, 'https://other.example'] }, {}, 'no_such_identity'],
    ['that expired', { iat: undefined, exp: seconds() - 100 }, {}, 'assertion_expired'],
    ['without a subject', { sub: undefined }, {}, 'malformed_assertion'],
    ['of this service', { iss: ISSUER }, {}, 'wrong_subject'],
    ['by an unknown key', {}, { kid: 'unknown' }, 'no_such_key'],
  ])('is refused as invalid_grant: %s', async (_, claims, header, reason) => {
    const token = await platformToken(claims, header);
    expect(await whyRefused(() => grant(token))).toBe(reason);
  });
});

describe('an assertion that a client signed itself', () => {
  test.each<[string, Members, Members]>([
    ['as for private_key_jwt', {}, {}],
    ['of the type for grants', {}, { typ: 'authorization-grant+jwt' }],
    ['without a jti', { jti: undefined }, {}],
    ['for the issuer with a slash', { aud: `${ISSUER}/` }, {}],
  ])('gets a token: %s', async (_, claims, header) => {
    expect(await clientOf(await grant(await assertionOf(keyed, signer, claims, header)))).toBe(keyed);
  });

  test('as Authlib’s AssertionSession makes it, by the rules of its client', async () => {
    const now = seconds();
    const claims = { iss: relaxed, aud: TOKEN_URL, sub: relaxed, iat: now, exp: now + 3600 };
    const assertion = await signJwt(signer, claims, { typ: 'JWT' });
    expect(await clientOf(await grant(assertion, { scope: 'read' }))).toBe(relaxed);
    const other = await signJwt(signer, { ...claims, iss: keyed, sub: keyed }, { typ: 'JWT' });
    expect(await whyRefused(() => grant(other))).toBe('wrong_audience');
  });

  test.each([
    ['with its jti', {}],
    ['without a jti', { jti: undefined, note: 'one' }],
  ])('is accepted once: %s', async (_, claims) => {
    const assertion = await assertionOf(keyed, signer, claims);
    expect((await grant(assertion)).status).toBe(200);
    expect(await whyRefused(() => grant(assertion))).toBe('replayed');
  });

  test('without a jti is accepted once, however its signature is written', async () => {
    const assertion = await assertionOf(keyed, signer, { jti: undefined, note: 'two' });
    expect((await grant(assertion)).status).toBe(200);
    expect(await whyRefused(() => grant(negated(assertion)))).toBe('replayed');
  });

  test('is used up as a client assertion, and the reverse', async () => {
    const assertion = await assertionOf(keyed, signer);
    const form = { client_assertion_type: JWT_BEARER, client_assertion: assertion };
    expect((await ask({ grant_type: 'client_credentials', ...form })).status).toBe(200);
    expect(await whyRefused(() => grant(assertion))).toBe('replayed');
  });

  test('of the type for client authentication is refused, and the reverse', async () => {
    const assertion = await assertionOf(keyed, signer, {}, { typ: 'client-authentication+jwt' });
    expect(await whyRefused(() => grant(assertion))).toBe('wrong_type');
    const client_assertion = await assertionOf(keyed, signer, {}, { typ: 'authorization-grant+jwt' });
    const form = { client_assertion_type: JWT_BEARER, client_assertion };
    expect((await ask({ grant_type: 'client_credentials', ...form })).status).toBe(401);
  });

  test('by another key is refused, with advice that does not depend on the client', async () => {
    const stranger = await newSigner('ES256', { kid: 'first' });
    const assertion = await assertionOf(keyed, stranger);
    expect(await whyRefused(() => grant(assertion))).toBe('no_such_key');
    const response = await grant(await assertionOf(keyed, signer, { aud: 'https://other.example' }));
    expect(await response.json()).toEqual({
      error: 'invalid_grant',
      error_description: `The assertion was refused. \`aud\` must be the issuer, ${ISSUER}.`,
    });
  });
});

describe('with client authentication as well', () => {
  const credentials = (client = here.worker) => ({ Authorization: basic(client.client_id, client.client_secret) });

  /** Requests a token with an assertion and client credentials. */
  async function both(assertion: string, headers: Record<string, string>): Promise<Response> {
    const address = `2001:db8:2:${(++counter).toString(16)}::1`;
    return postForm('/oauth2/token', { grant_type: GRANT, assertion }, { headers, address });
  }

  const secretToo = {
    token_endpoint_auth_method: 'client_secret_basic',
    additional_auth_methods: ['private_key_jwt', 'federated_jwt'],
    jwks: { keys: [signer.publicJwk] },
    federated_identities: [{ issuer, subject: 'both' }],
  };

  test('both must be right, and of one client', async () => {
    const { worker } = await world('both-credentials', secretToo);
    const own = () => assertionOf(worker.client_id, signer);
    expect(await clientOf(await both(await own(), credentials(worker)))).toBe(worker.client_id);
    const token = await platformToken({ sub: 'both' });
    expect(await clientOf(await both(token, credentials(worker)))).toBe(worker.client_id);

    const wrong = { ...worker, client_secret: here.worker.client_secret };
    expect(await readError(await both(await own(), credentials(wrong)))).toEqual({
      status: 401,
      error: 'invalid_client',
    });
    const others = await own();
    expect(await whyRefused(() => both(others, credentials()))).toBe('wrong_subject');
    expect(await whyRefused(() => both(token, credentials()))).toBe('method_not_registered');
    const forged = await assertionOf(worker.client_id, await newSigner('ES256', { kid: 'first' }));
    expect(await whyRefused(() => both(forged, credentials(worker)))).toBe('no_such_key');
  });

  test('a client_id that is another’s is invalid_request', async () => {
    const response = await grant(await assertionOf(keyed, signer), { client_id: workload });
    expect(await readError(response)).toEqual({ status: 400, error: 'invalid_request' });
  });
});

test.each([
  ['no assertion', { assertion: '' }, 'invalid_request'],
  ['an assertion that is no JWT', { assertion: 'e30.e30' }, 'invalid_grant'],
  [
    'only a client assertion',
    { assertion: '', client_assertion: 'e30', client_assertion_type: JWT_BEARER },
    'invalid_request',
  ],
])('%s is %s', async (_, form, error) => {
  expect(await readError(await ask({ grant_type: GRANT, ...form }))).toEqual({ status: 400, error });
});

/** Replaces the signature (r, s) of ES256 by (r, n - s), which is another right one. */
function negated(assertion: string): string {
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
  const [header, claims, signature = ''] = assertion.split('.');
  const bytes = Uint8Array.fromBase64(signature, { alphabet: 'base64url' });
  const s = BigInt(`0x${bytes.slice(32).toHex()}`);
  bytes.set(Uint8Array.fromHex((order - s).toString(16).padStart(64, '0')), 32);
  return [header, claims, bytes.toBase64({ alphabet: 'base64url', omitPadding: true })].join('.');
}

test('a token of the grant is like any other', async () => {
  const { answer } = await readToken(await grant(await platformToken()));
  expect(decodeJwt(answer.access_token)).toMatchObject({ sub: workload, client_id: workload, aud: here.identifier });
});
