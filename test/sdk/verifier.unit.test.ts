import { base64url, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, expect, test } from 'vitest';
import {
  protectedResource,
  type RefusalReason,
  VerificationError,
  type VerifierOptions,
  verifier,
} from '../../src/sdk/verify.ts';
import { FakeServer, ISSUER, json, type Received } from './server.ts';

const AUDIENCE = 'https://orders.example';
const METADATA = '/.well-known/oauth-authorization-server';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: Pair;
let other: Pair;
let rsa: Pair;
let keys: JWK[];

beforeAll(async () => {
  [pair, other, rsa] = await Promise.all([
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('RS256', { extractable: true }),
  ]);
  const publish = async ({ publicKey }: Pair, kid: string, alg: string) => ({
    ...(await exportJWK(publicKey)),
    kid,
    alg,
    use: 'sig',
  });
  keys = await Promise.all([publish(pair, 'k1', 'ES256'), publish(rsa, 'r1', 'RS256')]);
});

interface Made {
  readonly claims?: Record<string, unknown> | undefined;
  readonly header?: Record<string, unknown> | undefined;
  readonly key?: Parameters<SignJWT['sign']>[0];
}

const seconds = () => Math.floor(Date.now() / 1000);

/** Makes an access token as the issuer does, except for what is given. A claim or member that is undefined is left out. */
function makeToken({ claims = {}, header = {}, key = pair.privateKey }: Made = {}): Promise<string> {
  const all = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'emc_1',
    client_id: 'emc_1',
    org_id: 'org_1',
    scope: 'orders:read orders:write',
    roles: ['clerk'],
    jti: crypto.randomUUID(),
    iat: seconds(),
    exp: seconds() + 300,
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header } as { alg: string })
    .sign(key);
}

/** A server with metadata and keys. */
function issuer(answerKeys: (request: Received) => Response | Promise<Response> = () => json({ keys })) {
  return new FakeServer((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === METADATA)
      return json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspect` });
    return pathname === '/jwks' ? answerKeys(request) : new Response('no such page', { status: 404 });
  });
}

function ordersAt(server: FakeServer, options: Partial<VerifierOptions> = {}) {
  return verifier({ issuer: ISSUER, audience: AUDIENCE, fetch: server.fetch, ...options });
}

const refusalOf = (verified: Promise<unknown>) =>
  verified.then(
    () => {
      throw new Error('The token was accepted.');
    },
    (error: unknown) => {
      if (!(error instanceof VerificationError)) throw error;
      return error;
    },
  );

test('a valid token gives its client, organization, scopes and roles', async () => {
  const token = await makeToken();
  expect(await ordersAt(issuer()).verify(token, { scope: 'orders:read', roles: ['clerk'] })).toMatchObject({
    client_id: 'emc_1',
    sub: 'emc_1',
    org_id: 'org_1',
    scopes: ['orders:read', 'orders:write'],
    roles: ['clerk'],
    expires_at: expect.any(Number),
  });
});

test('a thousand tokens at once cost one request for metadata and one for keys', async () => {
  const server = issuer();
  const orders = ordersAt(server);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => makeToken()));
  await Promise.all(Array.from({ length: 1000 }, (_, index) => orders.verify(tokens[index % 20] ?? '')));
  expect(server.to('/jwks')).toHaveLength(1);
  expect(server.to(METADATA)).toHaveLength(1);
});

const now = seconds();

test.each<[string, Made['claims']]>([
  ['of another issuer', { iss: `${ISSUER}/` }],
  ['without iss', { iss: undefined }],
  ['for another API', { aud: 'https://billing.example' }],
  ['for another API as well', { aud: [AUDIENCE, 'https://billing.example'] }],
  ['for the same API with a slash', { aud: `${AUDIENCE}/` }],
  ['without aud', { aud: undefined }],
  ['with an empty list of audiences', { aud: [] }],
  ['with an aud that is an object', { aud: { [AUDIENCE]: true } }],
  ['that has expired', { exp: now - 6 }],
  ['without exp', { exp: undefined }],
  ['with an exp that is a text', { exp: String(now + 300) }],
  ['with an exp that is null', { exp: null }],
  ['that is not valid yet', { nbf: now + 60 }],
  ['with an nbf that is a text', { nbf: '0' }],
  ['from the future', { iat: now + 60 }],
  ['with an iat that is a text', { iat: String(now) }],
  ['without client_id', { client_id: undefined }],
  ['with a client_id that is a list', { client_id: ['emc_1'] }],
  ['with a sub that is a number', { sub: 1 }],
  ['with a jti that is an object', { jti: {} }],
  ['with a cnf that is a text', { cnf: 'jkt' }],
  ['with an empty cnf', { cnf: {} }],
  ['with a cnf that is null', { cnf: null }],
  ['that is bound in an unknown way', { cnf: { kid: 'k1' } }],
  ['that is bound in a known and an unknown way', { cnf: { 'x5t#S256': 'a', kid: 'k1' } }],
])('RFC 9068 section 4: a token %s is refused', async (_, claims) => {
  const error = await refusalOf(ordersAt(issuer()).verify(await makeToken({ claims })));
  expect(error).toMatchObject({ code: 'invalid_token', status: 401, isTemporary: false });
});

test.each<[string, Made['claims'], Partial<VerifierOptions>]>([
  ['a list with the API alone', { aud: [AUDIENCE] }, {}],
  [
    'a list with another API, if that is permitted',
    { aud: ['https://billing.example', AUDIENCE] },
    { acceptForeignAudiences: true },
  ],
  ['an end within the tolerance', { exp: now - 3 }, { clockTolerance: 60 }],
  ['azp in place of client_id', { client_id: undefined, azp: 'app' }, {}],
  ['no scope', { scope: undefined }, {}],
  ['no jti', { jti: undefined }, {}],
])('a token with %s is accepted', async (_, claims, options) => {
  await ordersAt(issuer(), options).verify(await makeToken({ claims }));
});

test('permitting other audiences does not accept a list without this API', async () => {
  const token = await makeToken({ claims: { aud: ['https://billing.example'] } });
  const orders = ordersAt(issuer(), { acceptForeignAudiences: true });
  expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token' });
});

test.each<[string, Made['header']]>([
  ['JWT', { typ: 'JWT' }],
  ['dpop+jwt', { typ: 'dpop+jwt' }],
  ['revocations+jwt', { typ: 'revocations+jwt' }],
  ['no typ', { typ: undefined }],
  ['a typ that is a list', { typ: ['at+jwt'] }],
])('RFC 8725 section 3.11: a token with the type %s is refused', async (_, header) => {
  expect(await refusalOf(ordersAt(issuer()).verify(await makeToken({ header })))).toMatchObject({
    code: 'invalid_token',
  });
});

test('another type is accepted if it is configured', async () => {
  await ordersAt(issuer(), { types: ['JWT'] }).verify(await makeToken({ header: { typ: 'jwt' } }));
});

test('the algorithm is not the choice of the token', async () => {
  const orders = ordersAt(issuer());
  const [body] = [(await makeToken()).split('.')[1]];
  const unsigned = `${base64url.encode(JSON.stringify({ alg: 'none', typ: 'at+jwt' }))}.${body}.`;
  const secret = new TextEncoder().encode(JSON.stringify(keys[1]));
  const modulus = base64url.decode(keys[1]?.n ?? '');
  const tokens = await Promise.all([
    unsigned,
    makeToken({ header: { alg: 'HS256', kid: 'r1' }, key: secret }),
    makeToken({ header: { alg: 'HS256', kid: 'r1' }, key: modulus }),
    makeToken({ header: { alg: 'HS256', kid: undefined }, key: secret }),
    // A key for one algorithm signs with another of its kind.
    rsaToken('PS256'),
    makeToken({ header: { kid: 'r1' } }),
  ]);
  for (const token of tokens)
    expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token', status: 401 });
});

async function rsaToken(alg: string): Promise<string> {
  const { importJWK } = await import('jose');
  const key = await importJWK({ ...(await exportJWK(rsa.privateKey)), alg }, alg);
  return makeToken({ header: { alg, kid: 'r1' }, key });
}

test('only configured algorithms are accepted', async () => {
  const orders = ordersAt(issuer(), { algorithms: ['RS256'] });
  await orders.verify(await rsaToken('RS256'));
  expect(await refusalOf(orders.verify(await makeToken()))).toMatchObject({ code: 'invalid_token' });
});

test.each(['none', 'HS256', 'hs512'])('the algorithm %s cannot be configured', (alg) => {
  expect(() => verifier({ issuer: ISSUER, audience: AUDIENCE, algorithms: [alg] })).toThrow(/algorithms/);
});

test('a token of another key is refused, with its kid, a known one, and none', async () => {
  const orders = ordersAt(issuer());
  for (const kid of ['k2', 'k1', undefined]) {
    const token = await makeToken({ key: other.privateKey, header: { kid } });
    expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token' });
  }
});

test('a token is refused if its header, its claims or its signature is changed', async () => {
  const orders = ordersAt(issuer());
  const [header = '', claims = '', signature = ''] = (await makeToken()).split('.');
  const more = base64url.encode(
    JSON.stringify({ ...JSON.parse(new TextDecoder().decode(base64url.decode(claims))), scope: 'all' }),
  );
  const critical = await makeToken({ header: { crit: ['exp'], exp: 1 } }).catch(() => 'a.b.c');
  for (const token of [
    `${header}.${more}.${signature}`,
    `${header}.${claims}.${signature.slice(2)}`,
    `${header}.${claims}.`,
    `${header}.${claims}`,
    `${header}.${claims}.${signature}.`,
    `${header}.${claims}.${signature}=`,
    ` ${header}.${claims}.${signature}`,
    critical,
    '',
    'a'.repeat(20_000),
  ])
    expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token', status: 401 });
});

test('keys without alg, use and kid work, as do several that fit', async () => {
  const strip = ({ alg: _, use: __, kid: ___, ...jwk }: JWK) => jwk;
  const foreign = strip(await exportJWK(other.publicKey));
  const server = issuer(() => json({ keys: [foreign, ...keys.map(strip)] }));
  const orders = ordersAt(server);
  await orders.verify(await makeToken({ header: { kid: undefined } }));
  await orders.verify(await rsaToken('RS256').then(() => makeToken({ header: { kid: undefined } })));
});

test('keys that are no public keys for signatures are not used', async () => {
  const [key] = keys;
  for (const member of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'ES384' }, { crv: 'P-384' }, { x: '' }]) {
    const orders = ordersAt(
      issuer(() => json({ keys: [{ ...key, ...member }, null, 'key', { kty: 'oct', k: 'AAAA', kid: 'k1' }] })),
    );
    expect(await refusalOf(orders.verify(await makeToken()))).toMatchObject({ code: 'invalid_token' });
  }
});

test.each<[string, () => Response | Promise<Response>]>([
  ['fails', () => new Response('no', { status: 500 })],
  ['redirects', () => new Response(null, { status: 302, headers: { Location: 'https://evil.example/jwks' } })],
  ['is no set of keys', () => json([])],
  ['is huge', () => json({ keys: Array.from({ length: 3000 }, () => keys[0]) })],
  ['does not answer', () => new Promise<Response>(() => undefined)],
])('if the JWKS %s, the answer is 503 with Retry-After', async (_, answer) => {
  const orders = ordersAt(issuer(answer), { requestTimeoutMs: 50 });
  const error = await refusalOf(orders.verify(await makeToken()));
  expect(error).toMatchObject({ code: 'temporarily_unavailable', status: 503, isTemporary: true });
  expect(Number(error.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(error.headers.get('WWW-Authenticate')).toBeNull();
});

test('the header of Bearer requests is read as RFC 6750 section 2.1 says', async () => {
  const orders = ordersAt(issuer());
  const token = await makeToken();
  const ask = (value?: string) =>
    orders.authenticate(new Request(AUDIENCE, { headers: value === undefined ? {} : { Authorization: value } }));
  await ask(`Bearer ${token}`);
  await ask(`bearer  ${token}`);
  for (const value of [undefined, '', 'Basic YTpi', `Bearerx ${token}`])
    expect((await refusalOf(ask(value))).headers.get('WWW-Authenticate')).not.toMatch(/error/);
  for (const value of ['Bearer', 'Bearer a b', `Bearer ${token}, Bearer ${token}`, 'Bearer ä'])
    expect(await refusalOf(ask(value))).toMatchObject({ code: 'invalid_request', status: 400 });
  expect(await refusalOf(ask(`DPoP ${token}`))).toMatchObject({ code: 'invalid_token' });
});

test('the challenges name the scope, the metadata and the algorithms of proofs', async () => {
  const resourceMetadata = protectedResource({ resource: AUDIENCE }).url;
  const orders = ordersAt(issuer(), { resourceMetadata, scope: 'orders:read', dpop: { algorithms: ['ES256'] } });
  const metadata = 'resource_metadata="https://orders.example/.well-known/oauth-protected-resource"';
  const none = await refusalOf(orders.authenticate(new Request(AUDIENCE), { scope: 'orders:delete' }));
  const scope = 'scope="orders:read orders:delete"';
  expect(none).toMatchObject({ status: 401, code: 'missing_token' });
  expect(none.headers.get('WWW-Authenticate')).toBe(
    `Bearer ${scope}, ${metadata}, DPoP ${scope}, ${metadata}, algs="ES256"`,
  );
  const less = await refusalOf(orders.verify(await makeToken(), { scope: 'orders:delete' }));
  expect(less).toMatchObject({ status: 403, code: 'insufficient_scope' });
  expect(less.headers.get('WWW-Authenticate')).toBe(
    `Bearer error="insufficient_scope", error_description="The token lacks the scope orders:delete.", ${scope}, ${metadata}, DPoP ${scope}, ${metadata}, algs="ES256"`,
  );
  const response = less.toResponse();
  expect(response.status).toBe(403);
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  expect(await response.json()).toMatchObject({ error: 'insufficient_scope' });
});

test('a missing role is refused', async () => {
  const orders = ordersAt(issuer(), { roles: ['clerk'] });
  await orders.verify(await makeToken());
  expect(await refusalOf(orders.verify(await makeToken(), { roles: ['admin'] }))).toMatchObject({ status: 403 });
});

test.each([
  ['https://orders.example', '/.well-known/oauth-protected-resource'],
  ['https://orders.example/', '/.well-known/oauth-protected-resource'],
  ['https://orders.example/v1', '/.well-known/oauth-protected-resource/v1'],
  ['https://orders.example/v1?tenant=a', '/.well-known/oauth-protected-resource/v1?tenant=a'],
])('RFC 9728 section 3.1: the metadata of %s are at %s', async (resource, path) => {
  const { url, handle } = protectedResource({ resource, authorization_servers: [ISSUER] });
  expect(url).toBe(`https://orders.example${path}`);
  const response = handle(new Request(url));
  expect(await response?.json()).toEqual({
    resource,
    authorization_servers: [ISSUER],
    bearer_methods_supported: ['header'],
  });
  expect(handle(new Request(`${url}x`))).toBeUndefined();
  expect(handle(new Request(url, { method: 'POST' }))).toBeUndefined();
});

test('a resource that is no URL has no metadata', () => {
  for (const resource of ['orders', 'https://orders.example#a', 'urn:orders'])
    expect(() => protectedResource({ resource })).toThrow(/resource/);
});

// ── DPoP ──

interface ProofMade {
  readonly claims?: Record<string, unknown> | undefined;
  readonly header?: Record<string, unknown> | undefined;
  readonly pair?: Pair;
  /** Signs by a new key for the algorithm. */
  readonly by?: string;
}

async function makeProof(token: string, { claims = {}, header = {}, ...made }: ProofMade = {}): Promise<string> {
  const signing = made.by === undefined ? (made.pair ?? other) : await generateKeyPair(made.by, { extractable: true });
  const ath = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))));
  const all = { htm: 'GET', htu: `${AUDIENCE}/orders`, iat: seconds(), jti: crypto.randomUUID(), ath, ...claims };
  return new SignJWT(JSON.parse(JSON.stringify(all)))
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(signing.publicKey), ...header } as {
      alg: string;
    })
    .sign(signing.privateKey);
}

async function boundToken(): Promise<string> {
  return makeToken({ claims: { cnf: { jkt: await calculateJwkThumbprint(await exportJWK(other.publicKey)) } } });
}

function requestWith(token: string, proof: string | undefined, scheme = 'DPoP', url = `${AUDIENCE}/orders?page=2`) {
  return new Request(url, {
    headers: { Authorization: `${scheme} ${token}`, ...(proof !== undefined && { DPoP: proof }) },
  });
}

test('RFC 9449 section 7.1: a bound token is accepted with its proof, and each proof once', async () => {
  const orders = ordersAt(issuer());
  const token = await boundToken();
  const proof = await makeProof(token);
  await orders.authenticate(requestWith(token, proof));
  expect(await refusalOf(orders.authenticate(requestWith(token, proof)))).toMatchObject({
    code: 'invalid_dpop_proof',
    status: 401,
  });
});

test.each<[string, ProofMade, RefusalReason]>([
  ['of another type', { header: { typ: 'JWT' } }, 'proof_malformed'],
  ['without a type', { header: { typ: undefined } }, 'proof_malformed'],
  ['with a critical extension', { header: { crit: ['b64'], b64: true } }, 'proof_malformed'],
  ['by an algorithm that is not accepted', { header: { alg: 'ES512' }, by: 'ES512' }, 'proof_malformed'],
  ['for another method', { claims: { htm: 'POST' } }, 'proof_wrong_method'],
  ['for the method in other letters', { claims: { htm: 'get' } }, 'proof_wrong_method'],
  ['for another path', { claims: { htu: `${AUDIENCE}/` } }, 'proof_wrong_url'],
  ['for another host', { claims: { htu: 'https://billing.example/orders' } }, 'proof_wrong_url'],
  ['for another scheme', { claims: { htu: 'http://orders.example/orders' } }, 'proof_wrong_url'],
  ['for another port', { claims: { htu: 'https://orders.example:8443/orders' } }, 'proof_wrong_url'],
  ['for a path in other letters', { claims: { htu: `${AUDIENCE}/Orders` } }, 'proof_wrong_url'],
  ['for a relative URL', { claims: { htu: '/orders' } }, 'proof_wrong_url'],
  ['without a URL', { claims: { htu: undefined } }, 'proof_wrong_url'],
  ['for another token', { claims: { ath: 'a' } }, 'proof_wrong_token'],
  ['without ath', { claims: { ath: undefined } }, 'proof_wrong_token'],
  ['without jti', { claims: { jti: undefined } }, 'proof_malformed'],
  ['with an empty jti', { claims: { jti: '' } }, 'proof_malformed'],
  ['with a jti that is a number', { claims: { jti: 1 } }, 'proof_malformed'],
  ['with a long jti', { claims: { jti: 'a'.repeat(257) } }, 'proof_malformed'],
  ['that is old', { claims: { iat: now - 120 } }, 'proof_wrong_time'],
  ['from the future', { claims: { iat: now + 60 } }, 'proof_wrong_time'],
  ['without iat', { claims: { iat: undefined } }, 'proof_wrong_time'],
  ['with an iat that is a text', { claims: { iat: String(now) } }, 'proof_wrong_time'],
  ['without a key', { header: { jwk: undefined } }, 'proof_malformed'],
  ['with a key that is a text', { header: { jwk: 'key' } }, 'proof_malformed'],
  ['with a symmetric key', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }, 'proof_malformed'],
])('RFC 9449 section 4.3: a proof %s is refused', async (_, made, reason) => {
  const token = await boundToken();
  const error = await refusalOf(ordersAt(issuer()).authenticate(requestWith(token, await makeProof(token, made))));
  expect(error).toMatchObject({ code: 'invalid_dpop_proof', status: 401, reason });
  expect(error.headers.get('WWW-Authenticate')).toMatch(/^Bearer, DPoP error="invalid_dpop_proof", .*algs="ES256 /);
});

test('a proof with a private key, a changed one, two proofs, a huge one and none are refused', async () => {
  const orders = ordersAt(issuer());
  const token = await boundToken();
  const proof = await makeProof(token);
  const [header = '', , signature = ''] = proof.split('.');
  const { payload } = { payload: (await makeProof(token, { claims: { htm: 'POST' } })).split('.')[1] };
  const proofs: [string | undefined, RefusalReason][] = [
    [await makeProof(token, { header: { jwk: await exportJWK(other.privateKey) } }), 'proof_malformed'],
    [`${header}.${payload}.${signature}`, 'proof_malformed'],
    [`${proof}, ${await makeProof(token)}`, 'proof_malformed'],
    [await makeProof(token, { claims: { more: 'a'.repeat(8000) } }), 'proof_malformed'],
    [undefined, 'proof_missing'],
  ];
  for (const [value, reason] of proofs) {
    const error = await refusalOf(orders.authenticate(requestWith(token, value)));
    expect(error).toMatchObject({ code: 'invalid_dpop_proof', reason });
  }
});

test('RFC 9449 section 7.1: a token that is bound to another key is an invalid token', async () => {
  const token = await boundToken();
  const proof = await makeProof(token, { pair });
  const error = await refusalOf(ordersAt(issuer()).authenticate(requestWith(token, proof)));
  expect(error).toMatchObject({ code: 'invalid_token', reason: 'proof_wrong_key' });
  expect(error.headers.get('WWW-Authenticate')).toMatch(/^Bearer, DPoP error="invalid_token"/);
});

test('RFC 9449 section 7.2: a bound token is refused without the scheme DPoP', async () => {
  const orders = ordersAt(issuer());
  const token = await boundToken();
  const proof = await makeProof(token);
  expect(await refusalOf(orders.authenticate(requestWith(token, proof, 'Bearer')))).toMatchObject({
    code: 'invalid_token',
  });
  expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token' });
});

test('an API that requires DPoP refuses other tokens, and offers no Bearer', async () => {
  const orders = ordersAt(issuer(), { dpop: { required: true } });
  const error = await refusalOf(orders.authenticate(requestWith(await makeToken(), undefined, 'Bearer')));
  expect(error.headers.get('WWW-Authenticate')).toMatch(/^DPoP error="invalid_token"/);
  const token = await boundToken();
  await orders.authenticate(requestWith(token, await makeProof(token)));
});

test.each([
  ['HTTPS://Orders.Example:443/orders', `${AUDIENCE}/orders`],
  [`${AUDIENCE}/a/../orders#x`, `${AUDIENCE}/orders`],
  [`${AUDIENCE}/%6Frders`, `${AUDIENCE}/orders`],
  [`${AUDIENCE}/%c3%a4`, `${AUDIENCE}/%C3%A4?x=1`],
])('a proof for %s is one for %s', async (htu, url) => {
  const token = await boundToken();
  await ordersAt(issuer()).authenticate(requestWith(token, await makeProof(token, { claims: { htu } }), 'DPoP', url));
});

test('behind a proxy, proofs are for the public URL', async () => {
  const orders = ordersAt(issuer(), { baseUrl: 'https://orders.example/v2' });
  const token = await boundToken();
  const inside = 'http://10.0.0.7:8080/orders';
  await orders.authenticate(
    requestWith(token, await makeProof(token, { claims: { htu: `${AUDIENCE}/v2/orders` } }), 'DPoP', inside),
  );
  const proof = await makeProof(token, { claims: { htu: inside } });
  expect(await refusalOf(orders.authenticate(requestWith(token, proof, 'DPoP', inside)))).toMatchObject({
    code: 'invalid_dpop_proof',
  });
});

test('RFC 9449 section 9: with nonces, a proof needs the offered one, which other processes accept', async () => {
  const secret = 'a secret of at least 32 characters';
  const [first, second] = [
    ordersAt(issuer(), { dpop: { nonces: secret } }),
    ordersAt(issuer(), { dpop: { nonces: secret } }),
  ];
  const token = await boundToken();
  const error = await refusalOf(first.authenticate(requestWith(token, await makeProof(token))));
  expect(error).toMatchObject({ code: 'use_dpop_nonce', status: 401 });
  const nonce = error.headers.get('DPoP-Nonce') ?? '';
  await second.authenticate(requestWith(token, await makeProof(token, { claims: { nonce } })));
  const invented = await refusalOf(
    first.authenticate(requestWith(token, await makeProof(token, { claims: { nonce: 'a' } }))),
  );
  expect(invented).toMatchObject({ code: 'use_dpop_nonce' });
  const alone = ordersAt(issuer(), { dpop: { nonces: true } });
  expect(
    await refusalOf(alone.authenticate(requestWith(token, await makeProof(token, { claims: { nonce } })))),
  ).toMatchObject({
    code: 'use_dpop_nonce',
  });
});

test('if the store of used proofs fails, the answer is 503', async () => {
  const replays = { use: () => Promise.reject(new Error('down')) };
  const token = await boundToken();
  const orders = ordersAt(issuer(), { dpop: { replays } });
  expect(await refusalOf(orders.authenticate(requestWith(token, await makeProof(token))))).toMatchObject({
    status: 503,
  });
});
