import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import edgemint from '../../src/index.ts';
import { METADATA_MAX_AGE } from '../../src/oauth/constants.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { Env } from '../../src/platform/env.ts';
import { basic, getToken, ISSUER, postForm, send, world } from '../http.ts';
import { failing, startNewIsolate } from '../instruments.ts';
import { assertionOf, JWT_BEARER, keyWorld, proofOf } from '../machines.ts';

const PATH = '/.well-known/oauth-authorization-server';
const OPENID_PATH = '/.well-known/openid-configuration';

type Endpoint = 'token_endpoint' | 'introspection_endpoint' | 'revocation_endpoint';
type Metadata = Record<Endpoint | 'issuer' | 'jwks_uri', string> & Record<string, unknown>;

const ENDPOINTS = ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint'] as const;

async function metadata(): Promise<Metadata> {
  return (await send(PATH)).json();
}

test('K7: the issuer in the metadata is iss, byte for byte', async () => {
  const { worker } = await world('same-issuer');
  const { issuer } = await metadata();
  expect(decodeJwt((await getToken(worker)).access_token).iss).toBe(issuer);
});

test('K9: OpenID Connect Discovery finds the same document, with the members that it requires', async () => {
  const found = await (await send(OPENID_PATH)).json<Metadata>();
  expect(found).toEqual({
    ...(await metadata()),
    // Not empty, because some libraries refuse an empty list; and nothing that starts a login.
    response_types_supported: ['none'],
    subject_types_supported: ['public'],
    // OpenID Connect Discovery section 3 requires RS256 among them.
    id_token_signing_alg_values_supported: ['ES256', 'RS256', 'EdDSA'],
  });
});

describe('any origin reads', () => {
  const ORIGIN = 'https://app.example.net';

  test.each([PATH, OPENID_PATH, '/.well-known/jwks.json', '/openapi.json'])(
    '%s, and a preflight permits it',
    async (path) => {
      const headers = { Origin: ORIGIN, 'Access-Control-Request-Method': 'GET' };
      const preflight = await send(path, {
        method: 'OPTIONS',
        headers: { ...headers, 'Access-Control-Request-Headers': 'if-none-match, mcp-protocol-version' },
      });
      expect([preflight.status, await preflight.text()]).toEqual([204, '']);
      expect(preflight.headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(preflight.headers.get('Access-Control-Allow-Methods')).toBe('GET, HEAD');
      expect(preflight.headers.get('Access-Control-Allow-Headers')).toBe('*');

      const etag = (await send(path)).headers.get('ETag') ?? '';
      for (const init of [{}, { method: 'HEAD' }, { headers: { 'If-None-Match': etag } }]) {
        const answer = await send(path, { ...init, headers: { Origin: ORIGIN, ...init.headers } });
        expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
        expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('ETag');
      }
    },
  );

  test('the error of a public document, so that a script can tell an outage from a wrong address', async () => {
    startNewIsolate();
    const answer = await failing('d1', () => failing('kv', () => send('/.well-known/jwks.json')));
    expect([answer.status, answer.headers.get('Access-Control-Allow-Origin')]).toEqual([503, '*']);
    // This one does not ask D1 for the key ring again within a second.
    startNewIsolate();
  });

  test.each(['/oauth2/token', '/oauth2/introspect', '/v1/clients', '/healthz'])('nothing of %s', async (path) => {
    for (const method of ['OPTIONS', 'GET', 'POST']) {
      const answer = await send(path, { method, headers: { Origin: ORIGIN } });
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull();
    }
  });
});

/** Sends a request to the Worker with another issuer. */
async function sendAs(issuer: string, url: string, init?: RequestInit): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(url, init) as Parameters<typeof edgemint.fetch>[0];
  const response = await edgemint.fetch(request, environments.get(issuer) ?? expect.unreachable(), context);
  await waitOnExecutionContext(context);
  return response;
}

// One for each issuer: the app of an environment is made once.
const environments = new Map<string, Env>();

describe.each([`${ISSUER}/`, `${ISSUER}/tenant/a`, `${ISSUER}/tenant/a/`])('the issuer %s', (issuer) => {
  environments.set(issuer, { ...env, ISSUER: issuer });
  const baseUrl = issuer.replace(/\/$/, '');
  const path = baseUrl.slice(ISSUER.length);

  const WELL_KNOWN = {
    'RFC 8414': `${ISSUER}${PATH}${path}`,
    'OpenID Connect Discovery': `${baseUrl}/.well-known/openid-configuration`,
    'RFC 8414, for clients of OpenID Connect': `${ISSUER}/.well-known/openid-configuration${path}`,
  };

  test.each(Object.entries(WELL_KNOWN))('K7: its metadata is where %s puts it', async (_, url) => {
    const response = await sendAs(issuer, url);
    expect(response.status).toBe(200);
    const document = await response.json<Metadata>();
    expect(document.issuer).toBe(issuer);
    for (const name of [...ENDPOINTS, 'jwks_uri'] as const) {
      expect(document[name].startsWith(`${baseUrl}/`)).toBe(true);
      expect(document[name].slice('https://'.length)).not.toContain('//');
    }
  });

  test('K7: there is no metadata for an issuer with another path', async () => {
    for (const other of ['/', '/tenant', '/tenant/a/', '/tenant/b', '/TENANT/A', ...(path === '' ? [] : [''])]) {
      expect([other, (await sendAs(issuer, `${ISSUER}${PATH}${other}`)).status]).toEqual([other, 404]);
    }
  });

  test('K7: its endpoints are below its path, and its tokens say the same issuer', async () => {
    const { worker, api } = await world(`tenant-${issuer.length}`);
    const document = await (await sendAs(issuer, WELL_KNOWN['RFC 8414'])).json<Metadata>();
    const post = (url: string, client: typeof worker, form: Record<string, string>) =>
      sendAs(issuer, url, {
        method: 'POST',
        headers: { Authorization: basic(client.client_id, client.client_secret) },
        body: new URLSearchParams(form),
      });

    const granted = await post(document.token_endpoint, worker, { grant_type: 'client_credentials' });
    const { access_token } = await granted.json<{ access_token: string }>();
    const keys = await (await sendAs(issuer, document.jwks_uri)).json<JSONWebKeySet>();
    const { payload } = await jwtVerify(access_token, createLocalJWKSet(keys), { issuer: document.issuer });
    expect(payload.iss).toBe(issuer);

    const introspected = await post(document.introspection_endpoint, api, { token: access_token });
    expect(await introspected.json()).toMatchObject({ active: true, iss: issuer });
    expect((await post(document.revocation_endpoint, worker, { token: access_token })).status).toBe(200);
  });

  if (path !== '')
    test('K7: its endpoints are nowhere else', async () => {
      const document = await (await sendAs(issuer, WELL_KNOWN['RFC 8414'])).json<Metadata>();
      for (const name of ENDPOINTS) {
        const elsewhere = document[name].replace(path, '');
        expect((await sendAs(issuer, elsewhere, { method: 'POST' })).status).toBe(404);
      }
    });

  test('K7: it is the audience of an assertion, with or without the slash, and a DPoP proof is for the token endpoint', async () => {
    const { clientId, signer } = await keyWorld(`own-key-${issuer.length}`);
    const ask = async (aud: string, htu: string) => {
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: JWT_BEARER,
        client_assertion: await assertionOf(clientId, signer, { aud }),
      };
      const headers = { DPoP: await proofOf(signer, { htu }) };
      const body = new URLSearchParams(form);
      return (await sendAs(issuer, `${baseUrl}/oauth2/token`, { method: 'POST', headers, body })).status;
    };
    const [otherSpelling] = [baseUrl, `${baseUrl}/`].filter((text) => text !== issuer);
    expect(await ask(issuer, `${baseUrl}/oauth2/token`)).toBe(200);
    expect(await ask(otherSpelling ?? '', `${baseUrl}/oauth2/token`)).toBe(200);
    expect(await ask(`${baseUrl}/other`, `${baseUrl}/oauth2/token`)).toBe(401);
    expect(await ask(issuer, `${baseUrl}//oauth2/token`)).toBe(400);
  });

  test('K7: the OpenAPI document, the audience of a workload and the refused resource server know it', async () => {
    const document = await (await sendAs(issuer, `${baseUrl}/openapi.json`)).json<{ servers: { url: string }[] }>();
    expect(document.servers).toEqual([{ url: baseUrl }]);

    const { organization } = await world(`described-${issuer.length}`);
    const manage = (resource: string, body: object) =>
      sendAs(issuer, `${baseUrl}/v1/${resource}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${env.ROOT_API_KEY}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ organization_id: organization, ...body }),
      });
    const client = await manage('clients', {
      client_name: 'workload',
      token_endpoint_auth_method: 'federated_jwt',
      federated_identities: [{ issuer: 'https://ci.example.net', subject: 'repo:one' }],
    });
    expect(await client.json()).toMatchObject({ federated_identities: [{ audience: issuer }] });
    for (const identifier of [baseUrl, `${baseUrl}/`, `${baseUrl}/orders`]) {
      expect((await manage('resource-servers', { identifier, name: 'x' })).status).toBe(422);
    }
  });

  test("K7: another issuer's token, though signed with the same keys, is not its own", async () => {
    const { worker, api } = await world(`neighbour-${issuer.length}`);
    const { access_token } = await getToken(worker);
    const response = await sendAs(issuer, `${baseUrl}/oauth2/introspect`, {
      method: 'POST',
      headers: { Authorization: basic(api.client_id, api.client_secret) },
      body: new URLSearchParams({ token: access_token }),
    });
    expect(await response.text()).toBe('{"active":false}');
  });
});

test.each([
  'https://auth.example.com//',
  'https://auth.example.com/a//',
  'https://AUTH.example.com/',
  'https://auth.example.com/?',
  'https://auth.example.com/#',
  'https://auth.example.com:443/',
  'https://user@auth.example.com/',
  'http://auth.example.com/',
])('an issuer that is no normalized https URL is refused: %s', (issuer) => {
  expect(() => readConfig({ ...env, ISSUER: issuer })).toThrow('ISSUER is malformed');
});

test('K8: what is said to be supported is what answers', async () => {
  const document = await metadata();
  expect(document.grant_types_supported).toEqual(['client_credentials', 'urn:ietf:params:oauth:grant-type:jwt-bearer']);
  expect(document.response_types_supported).toEqual([]);
  const { worker } = await world('supported');
  const { client_id, client_secret } = worker;
  const form = { grant_type: 'client_credentials', token: 'unknown' };
  for (const endpoint of ENDPOINTS) {
    const { pathname } = new URL(document[endpoint]);
    expect(document[`${endpoint}_auth_methods_supported`]).toEqual(
      expect.arrayContaining(['client_secret_basic', 'client_secret_post']),
    );
    expect((await postForm(pathname, form)).status).toBe(401);
    const headers = { Authorization: basic(client_id, client_secret) };
    expect((await postForm(pathname, form, { headers })).status).toBe(200);
    expect((await postForm(pathname, { ...form, client_id, client_secret })).status).toBe(200);
  }
});

test('K8: there is no algorithm or method called none', async () => {
  expect(JSON.stringify(await metadata())).not.toMatch(/"none"/i);
});

describe('the authorization endpoint', () => {
  const request = new URLSearchParams({
    response_type: 'code',
    client_id: 'emc_x',
    redirect_uri: 'https://elsewhere.example/callback?"<x>',
    state: 'canary-of-a-state',
    code_challenge_method: 'S256',
  });

  test.each([
    ['GET', 'with no parameter', '', undefined],
    ['GET', 'with a whole request', `?${request}`, undefined],
    ['GET', 'with a broken request', '?redirect_uri=%ff&redirect_uri=javascript:1', undefined],
    ['POST', 'with no body', '', undefined],
    ['POST', 'with a form', '', request],
    ['POST', 'with JSON', '', '{"response_type":"code"}'],
  ])(
    'K8: the authorization endpoint says to %s, %s, that there is no user flow, and redirects nowhere',
    async (method, _, query, body) => {
      const { pathname } = new URL(String((await metadata()).authorization_endpoint));
      const response = await send(`${pathname}${query}`, { method, redirect: 'manual', ...(body && { body }) });
      expect(response.status).toBe(400);
      expect(response.headers.get('Location')).toBeNull();
      expect(response.headers.get('Content-Type')).toBe('application/json');
      expect(response.headers.get('Cache-Control')).toBe('no-store');
      expect(await response.json()).toEqual({
        error: 'unsupported_response_type',
        error_description: 'There is no user flow: get a token at the token endpoint, with client_credentials.',
      });
    },
  );

  test('takes no other method', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const response = await send('/oauth2/authorize', { method });
      expect([response.status, response.headers.get('Allow')]).toEqual([405, 'GET, HEAD, POST']);
    }
  });

  test('is nowhere else', async () => {
    for (const path of ['/authorize', '/oauth2/auth']) expect((await send(path)).status).toBe(404);
  });
});

test('K8: every algorithm that is named has keys', async () => {
  const document = await metadata();
  const { keys } = await (await send(new URL(document.jwks_uri).pathname)).json<JSONWebKeySet>();
  expect(new Set(keys.map(({ alg }) => alg))).toEqual(
    new Set(document.access_token_signing_alg_values_supported as []),
  );
});

test('K8: the metadata may be cached, and is answered with 304 and to HEAD', async () => {
  const get = await send(PATH);
  expect(get.headers.get('Content-Type')).toBe('application/json');
  expect(get.headers.get('Cache-Control')).toBe(`public, max-age=${METADATA_MAX_AGE}`);
  const etag = get.headers.get('ETag') ?? '';
  expect((await send(PATH, { headers: { 'If-None-Match': etag } })).status).toBe(304);
  expect((await send(PATH, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
  const head = await send(PATH, { method: 'HEAD' });
  expect([head.status, await head.text(), head.headers.get('ETag')]).toEqual([200, '', etag]);
  expect((await send(PATH, { method: 'POST' })).status).toBe(405);
});
