import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { certificates, jwkOf, tlsOf } from '../certificates.ts';
import {
  basic,
  type Credentials,
  createClient,
  done,
  getToken,
  introspect,
  postForm,
  requestToken,
  world,
} from '../http.ts';
import { startNewIsolate } from '../instruments.ts';
import { ask, askWith, assertionOf, keyClient, proofOf, seconds } from '../machines.ts';
import { publish, publishIssuer } from '../remote.ts';
import { newSigner } from '../remote-keys/signers.ts';

// Every way to be refused, through the OAuth endpoints; then one call for the administrator, which tells the true reason and no credential.

const HOST = 'issuer.diagnosis.example';
const DOWN_HOST = 'down.diagnosis.example';

interface Refusal {
  readonly reason: string;
  readonly authenticated: boolean;
  readonly endpoint: string;
  readonly status: number;
  readonly error: string | null;
  readonly description: string | null;
  readonly request_id: string;
  readonly address: string | null;
  readonly resource: string | null;
  readonly scopes: string[] | null;
  readonly count: number;
}

interface Diagnosis {
  readonly status: string;
  readonly findings: { finding: string; meaning: string; next_step: string }[];
  readonly summary: { reason: string; count: number; meaning: string; next_step: string }[] | null;
  readonly refusals: Refusal[] | null;
  readonly credentials: { kind: string; name: string }[];
  readonly effective_scopes: unknown[];
  readonly rate_limit: { remaining: number | null };
}

const diagnose = (clientId: string) => done<Diagnosis>('GET', `clients/${clientId}/diagnosis`);

const here = await world('diagnosis');
const other = await world('diagnosis-other');
const signer = await newSigner('ES256', { kid: 'first' });
const stranger = await newSigner('ES256', { kid: 'first' });
const holder = await newSigner('ES256');
const workload = await newSigner('RS256', { kid: 'w' });
const issuer = await publishIssuer(HOST, [workload.publicJwk]);
await publish(DOWN_HOST, '/.well-known/openid-configuration', { status: 500 });

let made = 0;
const name = () => `client ${++made}`;
const grants = [{ resource_server: here.identifier, scopes: ['read'] }];
const bySecret = (fields: object = {}): Promise<Credentials> =>
  createClient({ organization_id: here.organization, client_name: name(), grants, ...fields });
const byKey = (fields: Record<string, unknown> = {}) => keyClient(here, name(), [signer.publicJwk], fields);
const byWorkload = (identity: object) =>
  bySecret({ token_endpoint_auth_method: 'federated_jwt', federated_identities: [{ issuer, ...identity }] });

/** What was sent: whose request it was, its answer, and the credentials in it. */
interface Sent {
  readonly clientId: string;
  readonly response: Response;
  readonly secrets: readonly string[];
}

let addresses = 0;
const address = () => `198.51.100.${++addresses}`;

async function withSecret(client: Credentials, form: Record<string, string> = {}): Promise<Sent> {
  const response = await requestToken(client, form, { address: address() });
  return { clientId: client.client_id, response, secrets: [client.client_secret] };
}

async function withAssertion(clientId: string, assertion: string, form: Record<string, string> = {}): Promise<Sent> {
  return { clientId, response: await askWith(assertion, form, { address: address() }), secrets: [assertion] };
}

/** Sends an assertion of a new client with these claims. */
async function ownAssertion(claims: object, header: object = {}, fields = {}, by = signer): Promise<Sent> {
  const clientId = await byKey(fields);
  return withAssertion(clientId, await assertionOf(clientId, by, { ...claims }, { ...header }));
}

async function withProof(proof: string, client: Credentials | Promise<Credentials> = bySecret()): Promise<Sent> {
  const { client_id, client_secret } = await client;
  const form = { grant_type: 'client_credentials' };
  const headers = { Authorization: basic(client_id, client_secret), DPoP: proof };
  const response = await postForm('/oauth2/token', form, { headers, address: address() });
  return { clientId: client_id, response, secrets: [client_secret, proof] };
}

async function withCertificate(fields: object, tls: object): Promise<Sent> {
  const { client_id } = await bySecret(fields);
  const form = { grant_type: 'client_credentials', client_id };
  return { clientId: client_id, response: await ask(form, { tls, address: address() }), secrets: [] };
}

const mistyped = ({ client_secret }: Credentials) =>
  client_secret.slice(0, -1) + (client_secret.endsWith('0') ? '1' : '0');

/** Lets a client's primary secret expire: rotates it, and ends the old one. */
async function expired(client: Credentials): Promise<Credentials> {
  await getToken(client);
  await done('POST', `clients/${client.client_id}/secrets/rotate`, { body: { grace_seconds: 0 } });
  return client;
}

const selfSigned = async () => ({
  token_endpoint_auth_method: 'self_signed_tls_client_auth',
  jwks: { keys: [await jwkOf(certificates.own)] },
});
const STRICT = { security_profile: 'strict' };

/** Each way to be refused: its reason, whether the request proves to be the client's, the status, and how it is sent. */
const WAYS: readonly (readonly [
  name: string,
  reason: string,
  authenticated: boolean,
  status: number,
  () => Promise<Sent>,
])[] = [
  // Secrets.
  [
    'a secret that nobody has',
    'wrong_secret',
    false,
    401,
    async () => withSecret({ ...(await bySecret()), client_secret: generateSecret('ems_') }),
  ],
  [
    'a mistyped secret',
    'mistyped_secret',
    false,
    401,
    async () => {
      const client = await bySecret();
      return withSecret({ ...client, client_secret: mistyped(client) });
    },
  ],
  ['an expired secret', 'expired_secret', true, 401, async () => withSecret(await expired(await bySecret()))],
  [
    'the secret of another client',
    'wrong_secret',
    false,
    401,
    async () => withSecret({ ...(await bySecret()), client_secret: other.worker.client_secret }),
  ],
  [
    'a secret without the right method',
    'method_not_registered',
    false,
    401,
    async () => withSecret({ client_id: await byKey(), client_secret: generateSecret('ems_') }),
  ],
  [
    'a client_id without any credential',
    'no_credentials',
    false,
    401,
    async () => {
      const { client_id } = await bySecret();
      return { clientId: client_id, response: await ask({ grant_type: 'client_credentials', client_id }), secrets: [] };
    },
  ],
  [
    'a secret in two places',
    'more_than_one_method',
    false,
    400,
    async () => {
      const client = await bySecret();
      return withSecret(client, { client_secret: client.client_secret });
    },
  ],
  ['a disabled client', 'disabled_client', true, 401, async () => withSecret(await bySecret({ status: 'disabled' }))],
  [
    'a disabled organization',
    'disabled_client',
    true,
    401,
    async () => {
      const { organization, worker } = await world(`diagnosis-disabled`);
      await done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } });
      return withSecret(worker);
    },
  ],
  [
    'an expired client',
    'expired_client',
    true,
    401,
    async () => {
      const client = await bySecret({ expires_at: new Date(Date.now() + 60_000).toISOString() });
      await getToken(client);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
      const sent = await withSecret(client);
      vi.useRealTimers();
      return sent;
    },
  ],
  [
    'too many attempts',
    'too_many_attempts',
    false,
    429,
    async () => {
      const client = await bySecret();
      const wrong = { ...client, client_secret: mistyped(client) };
      const one = address();
      for (let attempt = 0; attempt < 20; attempt++) await requestToken(wrong, {}, { address: one });
      const response = await requestToken(wrong, {}, { address: one });
      // The isolate reports five at once; the one that is held back comes with the first of the next minute.
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
      await requestToken(wrong, {}, { address: one });
      vi.useRealTimers();
      return { clientId: client.client_id, response, secrets: [client.client_secret] };
    },
  ],
  // Assertions.
  [
    'an assertion that has expired',
    'assertion_expired',
    false,
    401,
    () => ownAssertion({ iat: seconds() - 400, exp: seconds() - 200 }),
  ],
  [
    'an assertion of the future',
    'assertion_not_yet_valid',
    false,
    401,
    () => ownAssertion({ iat: seconds() + 200, exp: seconds() + 300 }),
  ],
  [
    'an assertion that lives too long',
    'assertion_lives_too_long',
    false,
    401,
    () => ownAssertion({ exp: seconds() + 900 }),
  ],
  [
    'an assertion for another audience',
    'wrong_audience',
    false,
    401,
    () => ownAssertion({ aud: 'https://elsewhere.example' }),
  ],
  [
    'an assertion of another issuer',
    'wrong_subject',
    false,
    401,
    async () => {
      const clientId = await byKey();
      return withAssertion(clientId, await assertionOf(clientId, signer, { iss: 'me' }), {});
    },
  ],
  ['an assertion of a wrong type', 'wrong_type', false, 401, () => ownAssertion({}, { typ: 'dpop+jwt' })],
  ['an assertion without an id', 'malformed_assertion', false, 401, () => ownAssertion({ jti: undefined })],
  ['an assertion by an unknown key', 'no_such_key', false, 401, () => ownAssertion({}, { kid: 'second' })],
  ['an assertion with a bad signature', 'no_such_key', false, 401, () => ownAssertion({}, {}, {}, stranger)],
  [
    'an assertion by a client without that method',
    'method_not_registered',
    false,
    401,
    async () => {
      const { client_id } = await bySecret();
      return withAssertion(client_id, await assertionOf(client_id, signer));
    },
  ],
  [
    'an assertion that was used before',
    'replayed',
    true,
    401,
    async () => {
      const clientId = await byKey();
      const assertion = await assertionOf(clientId, signer);
      expect((await askWith(assertion)).status).toBe(200);
      return withAssertion(clientId, assertion);
    },
  ],
  [
    'an assertion of a disabled client',
    'disabled_client',
    true,
    401,
    () => ownAssertion({}, {}, { status: 'disabled' }),
  ],
  [
    'an algorithm that the strict profile forbids',
    'wrong_algorithm',
    false,
    401,
    async () => {
      const rsa = await newSigner('RS256', { kid: 'rsa' });
      const clientId = await keyClient(here, name(), [rsa.publicJwk], STRICT);
      return withAssertion(clientId, await assertionOf(clientId, rsa));
    },
  ],
  [
    'an assertion as a grant for another audience',
    'wrong_audience',
    false,
    400,
    async () => {
      const clientId = await byKey();
      const assertion = await assertionOf(clientId, signer, { aud: 'https://elsewhere.example' });
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
      return { clientId, response: await ask(form, { address: address() }), secrets: [assertion] };
    },
  ],
  [
    'an assertion of an imported client that this isolate does not know',
    'wrong_audience',
    false,
    401,
    async () => {
      const clientId = await byKey({ client_id: 'moved-in' });
      startNewIsolate();
      const assertion = await assertionOf(clientId, signer, { aud: 'https://elsewhere.example' });
      return withAssertion(clientId, assertion);
    },
  ],
  [
    'an API key beside a secret',
    'more_than_one_method',
    false,
    400,
    async () => {
      const { client_id, client_secret } = await bySecret();
      const form = { grant_type: 'client_credentials', client_id, client_secret };
      const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
      const response = await postForm('/oauth2/token', form, { headers, address: address() });
      return { clientId: client_id, response, secrets: [client_secret] };
    },
  ],
  // Workloads.
  [
    'a workload that is not trusted',
    'no_such_identity',
    false,
    401,
    async () => {
      const { client_id } = await byWorkload({ subject: 'repo:a' });
      const token = await assertionOf('repo:b', workload, { iss: issuer, sub: 'repo:b' });
      return withAssertion(client_id, token, { client_id });
    },
  ],
  [
    'a workload’s token with a bad signature, without client_id',
    'no_such_key',
    false,
    401,
    async () => {
      const { client_id } = await byWorkload({ subject: 'repo:c' });
      const forged = await newSigner('RS256', { kid: 'w' });
      return withAssertion(client_id, await assertionOf('repo:c', forged, { iss: issuer, sub: 'repo:c' }));
    },
  ],
  [
    'a workload whose issuer does not answer',
    'remote_keys_unavailable',
    false,
    503,
    async () => {
      const down = `https://${DOWN_HOST}`;
      const { client_id } = await byWorkload({ issuer: down, subject: 'repo:d' });
      const token = await assertionOf('repo:d', workload, { iss: down, sub: 'repo:d' });
      return withAssertion(client_id, token, { client_id });
    },
  ],
  // Certificates.
  [
    'another certificate',
    'no_such_certificate',
    false,
    401,
    async () => withCertificate(await selfSigned(), tlsOf(certificates.stranger)),
  ],
  [
    'an expired certificate',
    'certificate_not_verified',
    false,
    401,
    async () =>
      withCertificate(await selfSigned(), tlsOf(certificates.own, { certVerified: 'FAILED:certificate has expired' })),
  ],
  [
    'a revoked certificate',
    'certificate_revoked',
    false,
    401,
    async () => withCertificate(await selfSigned(), tlsOf(certificates.own, { certRevoked: '1' })),
  ],
  [
    'no certificate',
    'no_credentials',
    false,
    401,
    async () => withCertificate(await selfSigned(), { certPresented: '0' }),
  ],
  [
    'no certificate to bind the token to',
    'certificate_required',
    true,
    400,
    async () => withSecret(await bySecret({ tls_client_certificate_bound_access_tokens: true })),
  ],
  // Proofs of possession.
  [
    'no DPoP proof',
    'dpop_required',
    true,
    400,
    async () => withSecret(await bySecret({ dpop_bound_access_tokens: true })),
  ],
  ['neither proof nor certificate', 'binding_required', true, 400, () => ownAssertion({}, {}, STRICT)],
  [
    'a proof without a nonce',
    'use_dpop_nonce',
    true,
    400,
    async () =>
      withProof(await proofOf(holder), bySecret({ dpop_bound_access_tokens: true, dpop_nonce_required: true })),
  ],
  [
    'a proof for another URL',
    'proof_wrong_uri',
    false,
    400,
    async () => withProof(await proofOf(holder, { htu: 'https://elsewhere.example' })),
  ],
  [
    'a proof that is too old',
    'proof_too_old',
    false,
    400,
    async () => withProof(await proofOf(holder, { iat: seconds() - 600 })),
  ],
  ['a proof that is no JWT', 'proof_malformed', false, 400, () => withProof('proof')],
  [
    'a proof that was used before',
    'proof_replayed',
    true,
    400,
    async () => {
      const client = await bySecret();
      const proof = await proofOf(holder);
      expect((await withProof(proof, client)).response.status).toBe(200);
      return withProof(proof, client);
    },
  ],
  [
    'a proof by an algorithm that the strict profile forbids',
    'proof_wrong_algorithm',
    true,
    400,
    async () => {
      const clientId = await byKey(STRICT);
      const rsa = await newSigner('RS256');
      const [assertion, proof] = [await assertionOf(clientId, signer), await proofOf(rsa)];
      const response = await askWith(assertion, {}, { dpop: proof, address: address() });
      return { clientId, response, secrets: [assertion, proof] };
    },
  ],
  // What is requested.
  [
    'a scope that is not granted',
    'invalid_scope',
    true,
    400,
    async () => withSecret(await bySecret(), { scope: 'read admin' }),
  ],
  [
    'a resource server that is not granted',
    'invalid_target',
    true,
    400,
    async () => withSecret(await bySecret(), { resource: other.identifier }),
  ],
  ['no grants', 'unauthorized_client', true, 400, async () => withSecret(await bySecret({ grants: [] }))],
  [
    'a claim that may not be requested',
    'claims_not_requestable',
    true,
    400,
    async () => withSecret(await bySecret(), { claims: '{"tier":"gold"}' }),
  ],
  [
    'a used up rate limit',
    'slow_down',
    true,
    429,
    async () => {
      const client = await bySecret({ rate_limit: { per_minute: 1, burst: 1 } });
      await getToken(client);
      return withSecret(client);
    },
  ],
  [
    'another grant type',
    'unsupported_grant_type',
    false,
    400,
    async () => {
      const { client_id, client_secret } = await bySecret();
      const headers = { Authorization: basic(client_id, client_secret) };
      const response = await postForm('/oauth2/token', { grant_type: 'password' }, { headers, address: address() });
      return { clientId: client_id, response, secrets: [client_secret] };
    },
  ],
  [
    'a body that is no form',
    'invalid_request',
    false,
    415,
    async () => {
      const { client_id, client_secret } = await bySecret();
      const headers = { Authorization: basic(client_id, client_secret), 'Content-Type': 'application/json' };
      const response = await postForm('/oauth2/token', {}, { headers, address: address() });
      return { clientId: client_id, response, secrets: [client_secret] };
    },
  ],
  // Other endpoints.
  [
    'a secret that nobody has, to introspect',
    'wrong_secret',
    false,
    401,
    async () => {
      const client = await bySecret({ introspects: [here.identifier] });
      const { access_token } = await getToken(here.worker);
      const wrong = generateSecret('ems_');
      const response = await introspect({ ...client, client_secret: wrong }, access_token);
      return { clientId: client.client_id, response, secrets: [client.client_secret, wrong, access_token] };
    },
  ],
  [
    'a foreign token to introspect',
    'not_theirs',
    true,
    200,
    async () => {
      const client = await bySecret({ grants: [], introspects: [] });
      const { access_token } = await getToken(here.worker);
      const response = await introspect(client, access_token);
      return { clientId: client.client_id, response, secrets: [client.client_secret, access_token] };
    },
  ],
  [
    'a rotation that is not permitted',
    'unauthorized_client',
    true,
    400,
    async () => {
      const { client_id, client_secret } = await bySecret();
      const response = await postForm(
        '/oauth2/rotate-secret',
        {},
        { headers: { Authorization: basic(client_id, client_secret) } },
      );
      return { clientId: client_id, response, secrets: [client_secret] };
    },
  ],
];

test('there are at least 25 ways', () => {
  expect(new Set(WAYS.map(([, reason]) => reason)).size).toBeGreaterThanOrEqual(25);
});

describe('one call tells an administrator the true reason, and nothing secret', () => {
  test.each(WAYS)('%s', async (_, reason, authenticated, status, send) => {
    const { clientId, response, secrets } = await send();
    expect(response.status).toBe(status);
    const requestId = response.headers.get('X-Request-Id');
    const diagnosis = await vi.waitFor(async () => {
      const found = await diagnose(clientId);
      expect(found.refusals?.map((refusal) => refusal.reason)).toContain(reason);
      return found;
    });
    const refusal = diagnosis.refusals?.find((one) => one.reason === reason);
    expect(refusal).toMatchObject({ reason, authenticated, status, request_id: expect.any(String) });
    if (reason !== 'too_many_attempts') expect(refusal?.request_id).toBe(requestId);
    const summary = diagnosis.summary?.find((one) => one.reason === reason);
    expect(summary?.meaning).toMatch(/^[A-Z].*[^.]\.$/);
    expect(summary?.next_step).toMatch(/^[A-Z].*[^.]\.$/);

    const text = JSON.stringify(diagnosis);
    for (const secret of [...secrets, env.ROOT_API_KEY]) {
      for (const part of secret.split('.')) if (part.length > 12) expect(text).not.toContain(part.slice(0, 40));
    }
  });
});
