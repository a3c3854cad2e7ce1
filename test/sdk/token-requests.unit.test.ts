import { createLocalJWKSet, decodeProtectedHeader, exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readChallenges } from '../../src/sdk/client/challenge.ts';
import {
  azure,
  type Client,
  githubActions,
  gitlab,
  kvStore,
  redisStore,
  SdkError,
  type TokenSource,
  type TokenSourceEvent,
  type TokenSourceOptions,
  type TokenStore,
  tokenSource,
} from '../../src/sdk/client.ts';
import { FakeIssuer, FakeServer, ISSUER, json, type Received } from './server.ts';

// What token requests and requests to APIs contain, and what processes share. Keys are real, so the clocks are.

const SECRET = { id: 'machine', secret: 'a-secret' };
const API = 'https://orders.example/orders';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.parse('2026-11-29T12:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

function sourceAt(server: FakeIssuer, options: Partial<TokenSourceOptions> = {}): TokenSource {
  return tokenSource({ issuer: ISSUER, client: SECRET, fetch: server.fetch, ...options });
}

/** Requests a token and returns the request. */
async function requestFor(
  client: Client,
  server = new FakeIssuer(),
  options: Partial<TokenSourceOptions> = {},
): Promise<Received> {
  await sourceAt(server, { client, ...options }).token();
  const request = server.tokenRequests.at(-1);
  if (!request) throw new Error('There was no request.');
  return request;
}

describe('a client with a secret', () => {
  test('RFC 6749 section 2.3.1: encodes both in Basic as a form does', async () => {
    const { headers, form } = await requestFor({ id: 'a b:c', secret: 'p+%:€ü' });
    expect(atob(headers.get('Authorization')?.slice('Basic '.length) ?? '')).toBe('a+b%3Ac:p%2B%25%3A%E2%82%AC%C3%BC');
    expect([...form.keys()]).toEqual(['grant_type']);
    expect(headers.get('Content-Type')).toBe('application/x-www-form-urlencoded');
  });

  test.each([
    [undefined, 'basic'],
    [['client_secret_post'], 'post'],
    [['client_secret_post', 'client_secret_basic'], 'basic'],
    [['private_key_jwt'], 'basic'],
  ])('with the methods %j of the server uses %s', async (methods, method) => {
    const server = new FakeIssuer();
    server.metadata = { token_endpoint_auth_methods_supported: methods };
    const { headers, form } = await requestFor(SECRET, server);
    expect(headers.has('Authorization')).toBe(method === 'basic');
    expect(form.get('client_secret')).toBe(method === 'post' ? 'a-secret' : null);
  });

  test('uses the method of its options', async () => {
    const { headers, form } = await requestFor({ ...SECRET, method: 'client_secret_post' });
    expect(headers.has('Authorization')).toBe(false);
    expect(Object.fromEntries(form)).toMatchObject({ client_id: 'machine', client_secret: 'a-secret' });
  });

  test('reads the secret anew for each token, and fails with a code if it cannot', async () => {
    const server = new FakeIssuer();
    const secret = vi.fn().mockResolvedValueOnce('first').mockRejectedValueOnce(new Error('no vault'));
    const source = sourceAt(server, { client: { id: 'machine', secret } });
    await source.token();
    vi.setSystemTime(Date.now() + 300_000);
    vi.advanceTimersByTime(300_000);
    await expect(source.token({ waitMs: 100 })).rejects.toMatchObject({
      code: 'credential_unavailable',
      isTemporary: true,
      cause: new Error('no vault'),
    });
    expect(server.tokenRequests).toHaveLength(1);
  });
});

describe('RFC 7523: a client with a private key', () => {
  const KINDS = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'];

  /** Returns the claims of an assertion that a key has signed. */
  async function claimsOf(request: Received, publicKey: Parameters<typeof exportJWK>[0], at: number) {
    const { client_assertion = '', client_assertion_type } = Object.fromEntries(request.form);
    expect(client_assertion_type).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    const keys = createLocalJWKSet({ keys: [await exportJWK(publicKey)] });
    return jwtVerify(client_assertion, keys, { currentDate: new Date(at) });
  }

  test.each(KINDS.flatMap((alg) => ['CryptoKey', 'JWK', 'PEM'].map((form) => [alg, form] as const)))(
    'signs by %s as %s',
    async (alg, form) => {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      const key =
        form === 'PEM' ? await exportPKCS8(privateKey) : form === 'JWK' ? await exportJWK(privateKey) : privateKey;
      const server = new FakeIssuer();
      server.metadata = { token_endpoint_auth_signing_alg_values_supported: [alg] };
      const request = await requestFor({ id: 'machine', key }, server);
      const { payload, protectedHeader } = await claimsOf(request, publicKey, server.now);
      expect(protectedHeader).toEqual({ alg });
      expect(payload).toMatchObject({ iss: 'machine', sub: 'machine', aud: ISSUER, jti: expect.any(String) });
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    },
  );

  test('takes kid and alg from the JWK or from the options', async () => {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), kid: 'of-the-jwk', alg: 'PS256' };
    const first = await requestFor({ id: 'machine', key: jwk });
    expect(decodeProtectedHeader(first.form.get('client_assertion') ?? '')).toEqual({
      alg: 'PS256',
      kid: 'of-the-jwk',
    });
    const second = await requestFor({ id: 'machine', key: jwk, kid: 'of-the-options', alg: 'RS256' });
    const header = { alg: 'RS256', kid: 'of-the-options' };
    expect(decodeProtectedHeader(second.form.get('client_assertion') ?? '')).toEqual(header);
  });

  test('is for the token endpoint if the options say so', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const server = new FakeIssuer();
    const request = await requestFor({ id: 'machine', key: privateKey, audience: 'token_endpoint' }, server);
    expect((await claimsOf(request, publicKey, server.now)).payload.aud).toBe(`${ISSUER}/token`);
  });

  test.each([-600_000, 600_000])(
    'signs with the time of a server that is %i ms ahead of the machine',
    async (ahead) => {
      const { privateKey, publicKey } = await generateKeyPair('ES256');
      const server = new FakeIssuer(ahead);
      const request = await requestFor({ id: 'machine', key: privateKey }, server);
      const { iat = 0 } = (await claimsOf(request, publicKey, server.now)).payload;
      expect(Math.abs(iat - server.now / 1000)).toBeLessThanOrEqual(1.1);
    },
  );

  test('makes a new assertion for each request', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const server = new FakeIssuer();
    const source = sourceAt(server, { client: { id: 'machine', key: privateKey } });
    await source.token();
    await source.token({ replaces: 't1' });
    const [first, second] = server.tokenRequests.map(({ form }) => form.get('client_assertion'));
    expect(first).not.toBe(second);
  });

  test.each([
    ['no key at all', 'nonsense', /BEGIN PRIVATE KEY/],
    ['the PEM of openssl ec', '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----', /openssl pkcs8/],
    ['a broken PEM', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', /private key/],
    ['a public JWK', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, /private/],
    ['a broken JWK', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'a-secret-d' }, /cannot be imported/],
  ])('with %s fails with the reason, and without a part of the key', async (_, key, reason) => {
    const error = await requestFor({ id: 'machine', key }).catch((failure) => failure);
    expect(error).toMatchObject({ code: 'invalid_option', isTemporary: false, message: expect.stringMatching(reason) });
    expect(`${error.message} ${error.cause}`).not.toMatch(/AAAA|a-secret-d/);
  });

  test('with a public CryptoKey fails with the reason', async () => {
    const { publicKey } = await generateKeyPair('ES256');
    await expect(requestFor({ id: 'machine', key: publicKey })).rejects.toThrow(/private key, not a public one/);
  });
});

describe('a workload', () => {
  test('sends the token of its platform as the credential, and reads it anew for each token', async () => {
    const server = new FakeIssuer();
    const token = vi.fn().mockResolvedValueOnce('one\n').mockReturnValueOnce('two');
    const source = sourceAt(server, { client: { id: 'machine', token } });
    await source.token();
    await source.token({ replaces: 't1' });
    expect(server.tokenRequests.map(({ form }) => form.get('client_assertion'))).toEqual(['one', 'two']);
    expect(Object.fromEntries(server.tokenRequests[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'machine',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'one',
    });
  });

  test('needs no id', async () => {
    expect((await requestFor({ token: 'one' })).form.has('client_id')).toBe(false);
  });

  test('RFC 7523 section 2.1: sends it as the assertion of the grant if the options say so', async () => {
    const { form } = await requestFor({ token: 'one', grant: 'jwt-bearer' }, undefined, { scope: 'a' });
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    expect(Object.fromEntries(form)).toEqual({ grant_type, assertion: 'one', scope: 'a' });
  });

  test('of GitHub Actions asks for the token with the audience', async () => {
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', 'https://actions.example/token?api-version=2');
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'runner');
    const platform = new FakeServer(() => json({ value: 'of-the-job' }));
    expect(await githubActions({ audience: ISSUER, fetch: platform.fetch })()).toBe('of-the-job');
    const url = new URL(platform.requests[0]?.url ?? '');
    expect(Object.fromEntries(url.searchParams)).toEqual({ 'api-version': '2', audience: ISSUER });
    expect(platform.requests[0]?.headers.get('Authorization')).toBe('Bearer runner');
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', undefined);
    await expect(githubActions({ audience: ISSUER })()).rejects.toThrow(/id-token: write/);
  });

  test('of GitLab reads the variable of the job', () => {
    vi.stubEnv('EDGEMINT_TOKEN', 'of-the-job');
    expect(gitlab('EDGEMINT_TOKEN')()).toBe('of-the-job');
    expect(() => gitlab('NO_SUCH_VARIABLE')()).toThrow(/id_tokens/);
  });

  test('of Azure asks the metadata service of a machine, or the one of App Service', async () => {
    const platform = new FakeServer(() => json({ access_token: 'of-azure' }));
    const token = azure({ resource: 'api://app', identity: 'one', fetch: platform.fetch });
    expect(await token()).toBe('of-azure');
    vi.stubEnv('IDENTITY_ENDPOINT', 'http://localhost:42356/msi/token');
    vi.stubEnv('IDENTITY_HEADER', 'a-header');
    expect(await token()).toBe('of-azure');
    const [machine, service] = platform.requests;
    expect(machine?.url).toBe(
      'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fapp&client_id=one',
    );
    expect(machine?.headers.get('Metadata')).toBe('true');
    expect(service?.url).toContain('http://localhost:42356/msi/token?api-version=2019-08-01&resource=');
    expect(service?.headers.get('X-IDENTITY-HEADER')).toBe('a-header');
  });

  test.each([
    [503, true],
    [400, false],
  ])('whose platform answers %i has a typed error', async (status, isTemporary) => {
    const platform = new FakeServer(() => json({}, status));
    const token = azure({ resource: 'api://app', fetch: platform.fetch });
    await expect(token()).rejects.toMatchObject({ code: 'credential_unavailable', status, isTemporary });
  });
});

test.each([
  [{}, `${ISSUER}/token`],
  [
    { mtls_endpoint_aliases: { token_endpoint: 'https://mtls.auth.example.com/token' } },
    'https://mtls.auth.example.com/token',
  ],
])('RFC 8705: a client with a certificate names itself, and with the metadata %j asks at %s', async (metadata, url) => {
  const server = new FakeIssuer();
  server.metadata = metadata;
  server.api = () => json({ access_token: 'a', token_type: 'Bearer', expires_in: 60 });
  await sourceAt(server, { client: { id: 'machine', certificate: true } }).token();
  const request = server.requests.at(-1);
  expect(request?.url).toBe(url);
  expect(Object.fromEntries(request?.form ?? [])).toEqual({ grant_type: 'client_credentials', client_id: 'machine' });
});

describe('RFC 9449: DPoP', () => {
  /** Verifies a proof. @returns its claims and the thumbprint's key */
  async function proofOf({ headers, url, method }: Received) {
    const proof = headers.get('DPoP') ?? '';
    const { jwk, typ } = decodeProtectedHeader(proof);
    const { payload } = await jwtVerify(proof, createLocalJWKSet({ keys: [jwk ?? { kty: '' }] }));
    expect(typ).toBe('dpop+jwt');
    expect(jwk).not.toHaveProperty('d');
    const { origin, pathname } = new URL(url);
    expect(payload).toMatchObject({ htm: method, htu: `${origin}${pathname}`, jti: expect.any(String) });
    return { payload, jwk };
  }

  test('a token request has a proof, and is repeated with the nonce of the server', async () => {
    const server = new FakeIssuer();
    const nonce = { 'DPoP-Nonce': 'n1' };
    server.refuse = (_, count) => (count === 1 ? json({ error: 'use_dpop_nonce' }, 400, nonce) : undefined);
    const source = sourceAt(server, { dpop: true });
    expect(await source.token()).toMatchObject({ access_token: 't2', token_type: 'DPoP' });
    const [first, second] = await Promise.all(server.tokenRequests.map(proofOf));
    expect(first?.payload.nonce).toBeUndefined();
    expect(second?.payload.nonce).toBe('n1');
    expect(second?.payload.jti).not.toBe(first?.payload.jti);
    expect(second?.jwk).toEqual(first?.jwk);
    await source.token({ replaces: 't2' });
    expect((await proofOf(server.tokenRequests[2] as Received)).payload.nonce).toBe('n1');
  });

  test('a server that wants another nonce each time is not asked in a loop', async () => {
    const server = new FakeIssuer();
    server.refuse = (_, count) => json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': `n${count}` });
    await expect(sourceAt(server, { dpop: true }).token()).rejects.toMatchObject({ code: 'use_dpop_nonce' });
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('section 5: a token that is not bound is refused', async () => {
    const server = new FakeIssuer();
    server.token = { token_type: 'Bearer' };
    await expect(sourceAt(server, { dpop: true }).token()).rejects.toMatchObject({
      code: 'not_bound',
      isTemporary: false,
    });
  });

  test.each(['ES256', 'RS256', 'EdDSA'])('the key of the options may be a pair or a private JWK (%s)', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const publicJwk = await exportJWK(pair.publicKey);
    for (const dpop of [pair, { ...(await exportJWK(pair.privateKey)), kid: 'mine' }]) {
      const server = new FakeIssuer();
      await sourceAt(server, { dpop }).token();
      expect((await proofOf(server.tokenRequests[0] as Received)).jwk).toEqual(publicJwk);
    }
  });

  test('section 7 and 9: requests to an API have the token, a proof with its hash, and the nonce of that API', async () => {
    const server = new FakeIssuer(600_000);
    const wanted = { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'of-the-api' };
    server.api = () => (server.to('/orders').length === 1 ? json({}, 401, wanted) : json({ orders: [] }));
    const source = sourceAt(server, { dpop: true });
    const response = await source.fetch(`${API}?page=2`, { method: 'post', body: 'a' });
    expect(await response.json()).toEqual({ orders: [] });
    const requests = server.to('/orders');
    const [first, second] = await Promise.all(requests.map(proofOf));
    expect(requests[1]?.headers.get('Authorization')).toBe('DPoP t1');
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('t1')));
    expect(first?.payload.ath).toBe(Buffer.from(hash).toString('base64url'));
    expect(Math.abs((first?.payload.iat ?? 0) - server.now / 1000)).toBeLessThanOrEqual(1.1);
    expect(second?.payload.nonce).toBe('of-the-api');
    await source.fetch(API);
    expect((await proofOf(server.to('/orders')[2] as Received)).payload.nonce).toBe('of-the-api');
    await source.token({ replaces: 't1' });
    expect((await proofOf(server.tokenRequests[1] as Received)).payload.nonce).toBeUndefined();
  });
});

describe('fetch of a source', () => {
  const INVALID = { 'WWW-Authenticate': 'Bearer realm="orders", error="invalid_token", error_description="expired"' };

  /** An API that refuses some tokens. */
  function refusing(server: FakeIssuer, tokens: readonly string[], headers: Record<string, string> = INVALID) {
    server.api = (request) => {
      const token = request.headers.get('Authorization')?.slice('Bearer '.length) ?? '';
      return tokens.includes(token) ? json({ error: 'no' }, 401, headers) : json({ token });
    };
  }

  test('adds the token, and leaves the rest of the request as it is', async () => {
    const server = new FakeIssuer();
    const source = sourceAt(server);
    const headers = { 'X-Mine': '1', Authorization: 'Basic bWU=' };
    for (const input of [API, new URL(API), new Request(API, { headers })]) {
      await source.fetch(input, input instanceof Request ? undefined : { headers });
      const request = server.to('/orders').at(-1);
      expect(request?.headers.get('Authorization')).toBe('Bearer t1');
      expect(request?.headers.get('X-Mine')).toBe('1');
      expect(request?.headers.has('DPoP')).toBe(false);
    }
  });

  test.each([
    ['a text', 'body'],
    ['a form', new URLSearchParams({ a: 'b' })],
    ['bytes', new Uint8Array([1])],
    ['a buffer', new ArrayBuffer(1)],
    ['a blob', new Blob(['a'])],
    ['form data', new FormData()],
    ['nothing', undefined],
  ])(
    'with %s as the body gets one new token after 401 invalid_token, and sends the request once more',
    async (_, body) => {
      const server = new FakeIssuer();
      refusing(server, ['t1']);
      const events: TokenSourceEvent[] = [];
      const source = sourceAt(server, { onEvent: (event) => events.push(event) });
      const response = await source.fetch(API, { method: 'POST', ...(body !== undefined && { body }) });
      expect(await response.json()).toEqual({ token: 't2' });
      expect(server.to('/orders')).toHaveLength(2);
      expect(events.filter(({ type }) => type === 'refused')).toEqual([{ type: 'refused', url: API }]);
    },
  );

  test.each([
    ['a stream', () => [API, { method: 'POST', body: new Blob(['a']).stream(), duplex: 'half' }] as const],
    ['a request with a body', () => [new Request(API, { method: 'POST', body: 'a' }), {}] as const],
  ])('with %s returns the 401, and the next request has a new token', async (_, make) => {
    const server = new FakeIssuer();
    refusing(server, ['t1']);
    const source = sourceAt(server);
    const [input, init] = make();
    expect((await source.fetch(input, init as RequestInit)).status).toBe(401);
    expect(server.to('/orders')).toHaveLength(1);
    await vi.waitFor(() => expect(server.tokenRequests).toHaveLength(2));
    expect(await (await source.fetch(API)).json()).toEqual({ token: 't2' });
  });

  test('returns the second 401 as it is, and an API that refuses every token costs few token requests', async () => {
    const server = new FakeIssuer();
    refusing(
      server,
      Array.from({ length: 500 }, (_, index) => `t${index}`),
    );
    const source = sourceAt(server);
    for (let count = 0; count < 50; count++) {
      const response = await source.fetch(API);
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ error: 'no' });
      vi.advanceTimersByTime(1000);
    }
    expect(server.tokenRequests.length).toBeLessThanOrEqual(4);
  });

  test.each([
    ['insufficient_scope', 'Bearer error="insufficient_scope"'],
    ['another scheme', 'Basic realm="a", Digest error="invalid_token"'],
    ['no challenge', ''],
  ])('with a 401 of %s returns it', async (_, challenge) => {
    const server = new FakeIssuer();
    refusing(server, ['t1'], challenge === '' ? {} : { 'WWW-Authenticate': challenge });
    expect((await sourceAt(server).fetch(API)).status).toBe(401);
    expect(server.tokenRequests).toHaveLength(1);
  });

  test('returns the 401 if there is no new token', async () => {
    const server = new FakeIssuer();
    refusing(server, ['t1']);
    const source = sourceAt(server);
    await source.token();
    server.refuse = () => json({ error: 'invalid_client' }, 401);
    const response = await source.fetch(API);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: 'no' });
  });

  test('without a token throws the error of the server', async () => {
    const server = new FakeIssuer();
    server.refuse = () => json({ error: 'invalid_client' }, 401);
    await expect(sourceAt(server).fetch(API)).rejects.toMatchObject({ code: 'invalid_client' });
    expect(server.to('/orders')).toEqual([]);
  });

  test('sends no token over http to another machine', async () => {
    const server = new FakeIssuer();
    await expect(sourceAt(server).fetch('http://orders.example')).rejects.toMatchObject({ code: 'invalid_option' });
    expect(server.requests).toEqual([]);
    expect((await sourceAt(server, { allowHttp: true }).fetch('http://orders.example')).status).toBe(200);
  });

  test('ends with the signal of the request', async () => {
    const server = new FakeIssuer();
    server.api = () => new Promise(() => undefined);
    const controller = new AbortController();
    const request = sourceAt(server).fetch(API, { signal: controller.signal });
    await vi.waitFor(() => expect(server.to('/orders')).toHaveLength(1));
    controller.abort(new Error('left'));
    await expect(request).rejects.toThrow('left');
  });
});

test.each([
  ['Bearer', [['bearer', {}]]],
  ['Bearer error="invalid_token"', [['bearer', { error: 'invalid_token' }]]],
  ['Bearer realm="a, b=\\"c\\"" , error=invalid_token', [['bearer', { realm: 'a, b="c"', error: 'invalid_token' }]]],
  [
    'Negotiate abc==, DPoP algs="ES256 RS256", error="use_dpop_nonce", Bearer',
    [
      ['negotiate', {}],
      ['dpop', { algs: 'ES256 RS256', error: 'use_dpop_nonce' }],
      ['bearer', {}],
    ],
  ],
  [
    'Basic realm="a",Bearer scope="x"',
    [
      ['basic', { realm: 'a' }],
      ['bearer', { scope: 'x' }],
    ],
  ],
  ['', []],
  ['"', []],
])('RFC 9110 section 11.6.1: the challenges of %j are read', (header, expected) => {
  const challenges = readChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
  expect(challenges).toEqual(expected);
});

/** A store in memory with a lease. */
class MemoryStore implements TokenStore {
  readonly values = new Map<string, string>();
  readonly leases = new Map<string, { holder: string; until: number }>();
  readonly ttls: number[] = [];

  async get(key: string) {
    return this.values.get(key);
  }
  async set(key: string, value: string, ttlSeconds: number) {
    this.values.set(key, value);
    this.ttls.push(ttlSeconds);
  }
  async acquire(key: string, holder: string, ttlMs: number) {
    const lease = this.leases.get(key);
    if (lease && lease.holder !== holder && lease.until > performance.now()) return false;
    this.leases.set(key, { holder, until: performance.now() + ttlMs });
    return true;
  }
  async release(key: string, holder: string) {
    if (this.leases.get(key)?.holder === holder) this.leases.delete(key);
  }
}

describe('a shared store', () => {
  test('lets 50 processes that start at once use one token', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const processes = Array.from({ length: 50 }, () => sourceAt(server, { store }));
    const tokens = await Promise.all(processes.map((source) => source.token()));
    expect(new Set(tokens.map(({ access_token }) => access_token))).toEqual(new Set(['t1']));
    expect(server.tokenRequests).toHaveLength(1);
    expect(store.ttls).toEqual([300]);
    expect(store.leases.size).toBe(0);
  });

  test('is not shared by clients, APIs, scopes or keys that differ', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const variants: Partial<TokenSourceOptions>[] = [
      {},
      { client: { id: 'other', secret: 'a' } },
      { resource: 'https://a.example' },
      { audience: 'https://a.example' },
      { scope: 'a' },
      { parameters: { claims: '{}' } },
      { dpop: await exportJWK(privateKey) },
    ];
    for (const variant of variants) await sourceAt(server, { store, ...variant }).token();
    expect(server.tokenRequests).toHaveLength(variants.length);
    expect(store.values.size).toBe(variants.length);
  });

  test.each([-600_000, 0, 600_000])(
    'is judged by the clock of a server that is %i ms ahead: a token is used until its end, and not after it',
    async (ahead) => {
      const server = new FakeIssuer(ahead);
      const store = new MemoryStore();
      await sourceAt(server, { store }).token();
      vi.advanceTimersByTime(290_000);
      expect((await sourceAt(server, { store }).token()).access_token).toBe('t1');
      vi.advanceTimersByTime(10_000);
      expect((await sourceAt(server, { store }).token()).access_token).toBe('t2');
    },
  );

  test.each([-600_000, 0, 600_000])('serves a start while a server that is %i ms ahead is down', async (ahead) => {
    const server = new FakeIssuer(ahead);
    server.lifetime = 3600;
    const store = new MemoryStore();
    await sourceAt(server, { store }).token();
    server.answer = () => Promise.reject(new TypeError('fetch failed'));
    for (let minute = 0; minute < 65; minute += 5) {
      const token = sourceAt(server, { store }).token({ waitMs: 200 });
      // The clock of this machine may be wrong, so a token near its end is not used.
      if (minute < 35) expect(await token).toMatchObject({ access_token: 't1' });
      else if (minute < 60) await token.catch(() => undefined);
      else await expect(token).rejects.toBeInstanceOf(SdkError);
      vi.advanceTimersByTime(300_000);
    }
  });

  test('gets the renewed token of another process', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const [first, second] = [sourceAt(server, { store }), sourceAt(server, { store })];
    await first.token();
    await second.token();
    vi.advanceTimersByTime(285_000);
    await first.token();
    await vi.waitFor(async () => expect((await first.token()).access_token).toBe('t2'));
    await second.token();
    await vi.waitFor(async () => expect((await second.token()).access_token).toBe('t2'));
    expect(server.tokenRequests).toHaveLength(2);
  });

  test('does not give a refused token back', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const source = sourceAt(server, { store });
    await source.token();
    expect((await source.token({ replaces: 't1' })).access_token).toBe('t2');
    expect((await sourceAt(server, { store }).token()).access_token).toBe('t2');
  });

  test('that is behind, such as KV, does not give it back later either', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const source = sourceAt(server, { store });
    await source.token();
    store.set = async () => undefined;
    server.lifetime = 60;
    await source.token({ replaces: 't1' });
    // The new token has expired, and the stored one, which the API refused, has not.
    vi.advanceTimersByTime(61_000);
    expect((await source.token()).access_token).toBe('t3');
  });

  test.each(['get', 'set', 'acquire', 'release'] as const)(
    'whose %s fails or hangs costs nobody the token',
    async (operation) => {
      for (const broken of [() => Promise.reject(new Error('down')), () => new Promise<never>(() => undefined)]) {
        const events: TokenSourceEvent[] = [];
        const server = new FakeIssuer();
        const store = new MemoryStore();
        store[operation] = broken;
        const source = sourceAt(server, { store, onEvent: (event) => events.push(event) });
        expect((await source.token()).access_token).toBe('t1');
        await vi.waitFor(() =>
          expect(events).toContainEqual({ type: 'store_failure', operation, error: expect.any(Error) }),
        );
      }
    },
    20_000,
  );

  test('with a lease whose holder has ended waits until the lease ends', async () => {
    const server = new FakeIssuer();
    const store = new MemoryStore();
    const acquire = vi.spyOn(store, 'acquire').mockResolvedValue(false);
    const token = sourceAt(server, { store }).token();
    await vi.waitFor(() => expect(acquire.mock.calls.length).toBeGreaterThan(2));
    expect(server.tokenRequests).toEqual([]);
    vi.advanceTimersByTime(15_000);
    expect((await token).access_token).toBe('t1');
  });

  test('that holds something else is not believed', async () => {
    const records = [
      '',
      'null',
      '{}',
      '[1]',
      '{"v":2,"access_token":"x"}',
      '{"v":1,"access_token":5,"expires_at":99999999999}',
    ];
    for (const record of records) {
      const store = new MemoryStore();
      store.get = async () => record;
      expect((await sourceAt(new FakeIssuer(), { store }).token()).access_token).toBe('t1');
    }
  });

  test.each<[string, Partial<TokenSourceOptions>]>([
    ['a workload without an id', { client: { token: 'a' } }],
    ['a DPoP key of its own', { dpop: true }],
  ])('is refused for %s', (_, options) => {
    const create = () => sourceAt(new FakeIssuer(), { store: new MemoryStore(), ...options });
    expect(create).toThrow(expect.objectContaining({ code: 'invalid_option' }));
  });
});

test('Workers KV keeps a token for at least a minute, as it requires', async () => {
  const put = vi.fn(async () => undefined);
  const store = kvStore({ get: async (key) => (key === 'a' ? 'b' : null), put });
  expect(await store.get('a')).toBe('b');
  await store.set('a', 'b', 30);
  await store.set('a', 'b', 300.4);
  expect(put.mock.calls).toEqual([
    ['a', 'b', { expirationTtl: 60 }],
    ['a', 'b', { expirationTtl: 301 }],
  ]);
});

test('Redis gets commands that take the lease only if it is free or the own, and release only the own', async () => {
  const entries = new Map<string, string>();
  const commands: string[][] = [];
  const store = redisStore(async (words) => {
    commands.push(words);
    const [name = '', key = '', value = ''] = words;
    if (name === 'GET') return entries.get(key) ?? null;
    if (name === 'SET' && words.includes('NX') && entries.has(key)) return null;
    if (name === 'SET') entries.set(key, value);
    if (name === 'EVAL' && entries.get(words[3] ?? '') === words[4]) entries.delete(words[3] ?? '');
    return 'OK';
  });
  expect(await store.get('a')).toBeUndefined();
  await store.set('a', 'token', 299.5);
  expect(await store.get('a')).toBe('token');
  expect(await store.acquire?.('a', 'me', 15_000)).toBe(true);
  expect(await store.acquire?.('a', 'you', 15_000)).toBe(false);
  expect(await store.acquire?.('a', 'me', 15_000)).toBe(true);
  await store.release?.('a', 'you');
  expect(await store.acquire?.('a', 'you', 15_000)).toBe(false);
  await store.release?.('a', 'me');
  expect(await store.acquire?.('a', 'you', 15_000)).toBe(true);
  expect(commands).toContainEqual(['SET', 'a', 'token', 'EX', '300']);
  expect(commands).toContainEqual(['SET', 'a:lease', 'me', 'NX', 'PX', '15000']);
});
