import { expect, test } from 'vitest';
import { api, create, done, ISSUER, postForm } from '../../http.ts';
import { calls, resetCalls } from '../../instruments.ts';
import { lineOf } from '../../log/lines.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyClient, keyWorld, seconds, TOKEN_URL } from '../../machines.ts';
import { newSigner } from '../../remote-keys/signers.ts';
import { readError } from '../answers.ts';

// A client's own rules for its assertions, and what the answer says about an assertion that these rules or the default ones refuse.

type Members = Record<string, unknown>;

const RELAXED = { assertion_audience: 'issuer_or_token_endpoint', assertion_lifetime_max: 3600 };
const HOUR = () => ({ iat: seconds(), exp: seconds() + 3600 });

const scene = await keyWorld('assertion-rules');
const { signer } = scene;
let counter = 0;
const newClient = (fields: Members = {}) => keyClient(scene, `rules ${++counter}`, [signer.publicJwk], fields);

const strict = await newClient();
const relaxed = await newClient(RELAXED);
const hurried = await newClient({ assertion_lifetime_max: 60 });

const address = () => `198.19.0.${++counter}`;

async function present(clientId: string, claims: Members, header: Members = {}, by = signer): Promise<Response> {
  return askWith(await assertionOf(clientId, by, claims, header), {}, { address: address() });
}

/** Returns the description of a refusal, without its general sentence. */
async function adviceFor(request: () => Promise<Response>): Promise<string> {
  const response = await request();
  expect(await readError(response.clone())).toEqual({ status: 401, error: 'invalid_client' });
  const { error_description } = await response.json<{ error_description: string }>();
  expect(error_description).toMatch(/^Client authentication failed\./);
  return error_description.replace(/^Client authentication failed\. ?/, '');
}

// The claims and headers that the libraries make by default.
test.each<[string, Members, Members]>([
  ['Authlib’s PrivateKeyJWT', { aud: TOKEN_URL, ...HOUR() }, { typ: 'JWT' }],
  ['rack-oauth2’s jwt_bearer', { aud: TOKEN_URL, exp: seconds() + 180 }, {}],
  ['a library that names the token endpoint in a list', { aud: [TOKEN_URL] }, {}],
])('the assertion of %s passes if the client’s rules permit it, and not by default', async (_, claims, header) => {
  expect((await present(relaxed, claims, header)).status).toBe(200);
  expect((await present(strict, claims, header)).status).toBe(401);
});

test('the assertions of other libraries pass by all rules', async () => {
  for (const client of [strict, relaxed, hurried]) expect((await present(client, {})).status).toBe(200);
});

test.each<[string, Members, string]>([
  ['the token endpoint and the issuer', { aud: [ISSUER, TOKEN_URL] }, 'wrong_audience'],
  ['another endpoint', { aud: `${ISSUER}/oauth2/introspect` }, 'wrong_audience'],
  ['the token endpoint of another server', { aud: 'https://other.example/oauth2/token' }, 'wrong_audience'],
  ['more than an hour', { exp: seconds() + 3700 }, 'assertion_lives_too_long'],
])('the most relaxed rules refuse %s', async (_, claims, reason) => {
  expect((await lineOf(async () => present(relaxed, claims))).reason).toBe(reason);
});

// `new URL(issuer).href`, pydantic's AnyHttpUrl, and so MCP's SDK for Python, add a slash to an issuer that is only a host.
test.each<[string, unknown]>([
  ['a URL parser', new URL(ISSUER).href],
  ['a URL parser, in a list', [`${ISSUER}/`]],
  ['a person', `${ISSUER.toUpperCase()}:443`],
])('the issuer in the spelling of %s is the issuer', async (_, aud) => {
  expect(aud).not.toBe(ISSUER);
  expect((await present(strict, { aud })).status).toBe(200);
});

test('the token endpoint in another spelling needs the same rule as the token endpoint', async () => {
  expect((await present(relaxed, { aud: `${TOKEN_URL}/` })).status).toBe(200);
  expect((await lineOf(() => present(strict, { aud: `${TOKEN_URL}/` }))).reason).toBe('wrong_audience');
});

test('a lower limit than the default one is enforced', async () => {
  const { reason } = await lineOf(() => present(hurried, { exp: seconds() + 100 }));
  expect(reason).toBe('assertion_lives_too_long');
  expect((await present(hurried, { exp: seconds() + 55 })).status).toBe(200);
});

test('an assertion of an hour is accepted once', async () => {
  const assertion = await assertionOf(relaxed, signer, HOUR());
  expect((await askWith(assertion)).status).toBe(200);
  expect((await lineOf(() => askWith(assertion))).reason).toBe('replayed');
});

test('changed rules apply to the next request, and a request that fits what the isolate knows costs one gate call', async () => {
  const client = await newClient();
  const cost = async (claims: Members) => {
    resetCalls();
    return [(await present(client, claims)).status, calls.gate];
  };
  expect((await present(client, {})).status).toBe(200);
  await done('PATCH', `clients/${client}`, { body: RELAXED });
  expect(await cost({})).toEqual([200, 1]);
  expect((await cost({ aud: TOKEN_URL }))[0]).toBe(200);
  expect(await cost({ aud: TOKEN_URL, ...HOUR() })).toEqual([200, 1]);
  await done('PATCH', `clients/${client}`, { body: { assertion_audience: 'issuer' } });
  expect((await cost({ aud: TOKEN_URL }))[0]).toBe(401);
  expect((await cost(HOUR()))[0]).toBe(200);
  await done('PATCH', `clients/${client}`, { body: { assertion_lifetime_max: 60 } });
  expect((await cost({ exp: seconds() + 200 }))[0]).toBe(401);
  const body = { assertion_audience: null, assertion_lifetime_max: null };
  expect(await done('PATCH', `clients/${client}`, { body })).toMatchObject({
    assertion_audience: 'issuer',
    assertion_lifetime_max: 300,
  });
  expect((await cost({ exp: seconds() + 200 }))[0]).toBe(200);
});

test('a client that publishes its keys has its rules as well', async () => {
  const client = await newClient({ jwks: null, jwks_uri: 'https://keys.assertion-rules.example/jwks', ...RELAXED });
  // Nothing is published there, so the request fails only when it asks for the keys.
  expect((await present(client, { aud: TOKEN_URL, ...HOUR() })).status).toBe(503);
  await done('PATCH', `clients/${client}`, { body: { assertion_audience: 'issuer' } });
  expect((await present(client, { aud: TOKEN_URL, ...HOUR() })).status).toBe(401);
});

test.each<[string, Members, Members, string]>([
  ['an audience that nobody may have', { aud: 'https://other.example' }, {}, '`aud` must be the issuer, https://auth'],
  ['a lifetime that nobody may have', { exp: seconds() + 4000 }, {}, 'An assertion may live 300 s at most.'],
  ['no exp', { exp: undefined }, {}, '`exp` and `jti` are required'],
  ['no jti', { jti: undefined }, {}, '`exp` and `jti` are required'],
  ['a past exp', { iat: undefined, exp: seconds() - 100 }, {}, 'The assertion has expired'],
  ['a future iat', { iat: seconds() + 100 }, {}, 'The assertion is not valid yet'],
  ['another iss', { iss: 'someone' }, {}, '`iss` and `sub` must both be the client_id.'],
  ['an unknown typ', {}, { typ: 'dpop+jwt' }, '`typ` must be absent, or one of jwt, client-authentication+jwt.'],
])('the answer says what to change: %s', async (_, claims, header, advice) => {
  expect(await adviceFor(() => present(strict, claims, header))).toContain(advice);
});

test('the answer says what to change in a token of another issuer', async () => {
  const claims = { iss: 'https://issuer.example', sub: 'x', exp: undefined };
  expect(await adviceFor(() => present(strict, claims))).toContain('`exp` and `sub` are required');
  const form = { grant_type: 'client_credentials', client_assertion_type: JWT_BEARER, client_assertion: 'e30' };
  expect(await adviceFor(() => ask(form))).toContain('The assertion must be a signed JWT');
  const unknown = { ...form, client_assertion_type: 'urn:example' };
  expect(await adviceFor(() => ask(unknown))).toContain('client_assertion_type must be');
});

test('what only some clients may send gets the same hint from every client, also from one that does not exist', async () => {
  const stranger = await newSigner('ES256', { kid: 'first' });
  const disabled = await newClient({ status: 'disabled' });
  const hints = [
    'Client authentication failed.',
    '`aud` must be the issuer, https://auth.example.com. (Or the client needs another `assertion_audience`.)',
    'An assertion may live 300 s at most. (Or the client needs another `assertion_lifetime_max`.)',
  ].join(' ');
  const claims = { aud: TOKEN_URL, ...HOUR() };
  const refused = [
    await present(strict, claims),
    await present(relaxed, claims, {}, stranger),
    await present(disabled, claims),
    await present('emc_0123456789ABCDEFGHIJKLMNOPQRST', claims),
    await present('not-imported', claims),
  ];
  for (const response of refused) {
    expect([response.status, await response.json()]).toEqual([
      401,
      { error: 'invalid_client', error_description: hints },
    ]);
  }
});

const pointers = async (response: Response) =>
  (await response.json<{ errors: { pointer: string }[] }>()).errors.map(({ pointer }) => pointer);

test.each<[Members, string]>([
  [{ assertion_lifetime_max: 59 }, '/assertion_lifetime_max'],
  [{ assertion_lifetime_max: 3601 }, '/assertion_lifetime_max'],
  [{ assertion_lifetime_max: 90.5 }, '/assertion_lifetime_max'],
  [{ assertion_audience: 'token_endpoint' }, '/assertion_audience'],
  // 200,000 remembered ids.
  [{ assertion_lifetime_max: 3600, rate_limit: { per_minute: 3334, burst: 1 } }, '/rate_limit/per_minute'],
  [{ assertion_lifetime_max: 600, rate_limit: { per_minute: 20_001, burst: 1 } }, '/rate_limit/per_minute'],
])('a client with %j is refused', async (body, pointer) => {
  const response = await api('PATCH', `clients/${strict}`, { body });
  expect([response.status, await pointers(response)]).toEqual([422, [pointer]]);
});

test('as many remembered assertions as fit are permitted', async () => {
  const body = { assertion_lifetime_max: 3600, rate_limit: { per_minute: 3333 } };
  expect((await api('PATCH', `clients/${strict}`, { body })).status).toBe(200);
  await done('PATCH', `clients/${strict}`, { body: { assertion_lifetime_max: null, rate_limit: null } });
});

test('the strict profile refuses relaxed rules for assertions', async () => {
  const profile = { security_profile: 'strict' };
  const response = await api('PATCH', `clients/${relaxed}`, { body: profile });
  expect([response.status, (await pointers(response)).sort()]).toEqual([
    422,
    ['/assertion_audience', '/assertion_lifetime_max'],
  ]);
  const { id } = await create('organizations', { name: 'rules of an organization' });
  const fields = {
    organization_id: id,
    client_name: 'relaxed',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [signer.publicJwk] },
  };
  const { client_id } = await create('clients', { ...fields, assertion_audience: 'issuer_or_token_endpoint' });
  expect((await api('PATCH', `organizations/${id}`, { body: profile })).status).toBe(409);
  await done('PATCH', `clients/${client_id}`, { body: { assertion_audience: null, assertion_lifetime_max: 301 } });
  expect((await api('PATCH', `organizations/${id}`, { body: profile })).status).toBe(409);
  await done('PATCH', `clients/${client_id}`, { body: { assertion_lifetime_max: 60 } });
  expect((await api('PATCH', `organizations/${id}`, { body: profile })).status).toBe(200);
});

test('every endpoint goes by the client’s rules', async () => {
  for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
    const client_assertion = await assertionOf(relaxed, signer, { aud: TOKEN_URL, ...HOUR() });
    const form = { token: 'x', client_assertion_type: JWT_BEARER, client_assertion };
    expect((await postForm(path, form)).status, path).toBe(200);
  }
});
