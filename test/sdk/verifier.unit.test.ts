import { base64url, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { expect, test, vi } from 'vitest';
import { ReplayMemory } from '../../src/sdk/verify/replay.ts';
import { protectedResource, type RefusalReason, type VerifierOptions, verifier } from '../../src/sdk/verify.ts';
import {
  AUDIENCE,
  issuer,
  keys,
  type Made,
  METADATA,
  makeToken,
  ordersAt,
  other,
  type Pair,
  pair,
  refusalOf,
  rsa,
  seconds,
} from './access-tokens.ts';
import { FakeServer, ISSUER, json, type Received } from './server.ts';

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
  const without = await makeToken({ claims: { roles: 'clerk' } });
  expect(await refusalOf(orders.verify(without))).toMatchObject({ status: 403, reason: 'missing_role' });
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

async function thumbprint({ publicKey }: Pair): Promise<string> {
  return calculateJwkThumbprint(await exportJWK(publicKey));
}

async function boundToken(): Promise<string> {
  return makeToken({ claims: { cnf: { jkt: await thumbprint(other) } } });
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

test('RFC 9449 section 8.2: a proof with the last nonce is accepted, and the answer has the next one', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  try {
    const secret = 'a secret of at least 32 characters';
    const orders = ordersAt(issuer(), { jwks: { keys }, dpop: { nonces: secret } });
    const token = await makeToken({ claims: { exp: seconds() + 3600, cnf: { jkt: await thumbprint(other) } } });
    const ask = async (nonce: string | null, verifying = orders) =>
      verifying.authenticate(requestWith(token, await makeProof(token, { claims: { nonce, iat: seconds() } })));
    const none = await refusalOf(orders.authenticate(new Request(AUDIENCE)));
    const first = none.headers.get('DPoP-Nonce');
    expect((await ask(first)).dpop_nonce).toBeUndefined();
    vi.setSystemTime(Date.now() + 150_000);
    const { dpop_nonce: second } = await ask(first);
    expect(second).toMatch(/^[\w-]{24}$/);
    expect(second).not.toBe(first);
    expect((await ask(second ?? null)).dpop_nonce).toBeUndefined();
    vi.setSystemTime(Date.now() + 150_000);
    const late = await refusalOf(ask(first));
    expect(late).toMatchObject({ code: 'use_dpop_nonce', reason: 'proof_wrong_nonce' });
    expect(late.headers.get('WWW-Authenticate')).toMatch(/^Bearer, DPoP error="use_dpop_nonce", .*algs=/);
    // Another secret is introduced: first every process accepts it, then it makes nonces.
    const renewed = ordersAt(issuer(), {
      jwks: { keys },
      dpop: { nonces: ['another secret of 32 characters!', secret] },
    });
    const { dpop_nonce: renewedNonce } = await ask(late.headers.get('DPoP-Nonce'), renewed);
    expect(renewedNonce).not.toBe(late.headers.get('DPoP-Nonce'));
    expect(await refusalOf(ask(renewedNonce ?? null))).toMatchObject({ code: 'use_dpop_nonce' });
  } finally {
    vi.useRealTimers();
  }
});

test('processes of an API share used proofs through a store', async () => {
  const used = new Map<string, number>();
  const replays = {
    use: async (id: string, expiresAt: number) => !used.has(id) && used.set(id, expiresAt).has(id),
  };
  const token = await boundToken();
  const proof = await makeProof(token);
  await ordersAt(issuer(), { dpop: { replays } }).authenticate(requestWith(token, proof));
  const second = ordersAt(issuer(), { dpop: { replays } }).authenticate(requestWith(token, proof));
  expect(await refusalOf(second)).toMatchObject({ reason: 'proof_used' });
  const [[id, expiresAt] = ['', 0]] = used;
  expect(id).toMatch(/^[\w-]{43} [\w-]{36}$/);
  expect(expiresAt).toBeGreaterThan(Date.now() + 55_000);
  expect(expiresAt).toBeLessThan(Date.now() + 70_000);
});

test('a proof is spent only by a request that is accepted', async () => {
  const orders = ordersAt(issuer());
  const token = await boundToken();
  const proof = await makeProof(token);
  const refused = orders.authenticate(requestWith(token, proof), { scope: 'orders:delete' });
  expect(await refusalOf(refused)).toMatchObject({ status: 403 });
  const twice = [1, 2].map(() => orders.authenticate(requestWith(token, proof)));
  const results = await Promise.allSettled(twice);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a full memory of proofs refuses older ones of the busiest key, accepts none twice, and costs other keys nothing', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const memory = new ReplayMemory(100);
    const end = (iat: number) => (iat + 65) * 1000;
    const start = Math.floor(Date.now() / 1000);
    expect(memory.use('quiet 1', end(start), Date.now())).toBe(true);
    const flood = Array.from({ length: 1000 }, (_, index) => `busy ${index}`);
    const accepted = flood.filter((id, index) => memory.use(id, end(start + Math.floor(index / 50)), Date.now()));
    // All of them came in time, some of the same second are refused.
    expect(accepted.length).toBeGreaterThan(500);
    expect(flood.filter((id, index) => memory.use(id, end(start + Math.floor(index / 50)), Date.now()))).toEqual([]);
    expect(memory.use('quiet 1', end(start), Date.now())).toBe(false);
    expect(memory.use('quiet 2', end(start), Date.now())).toBe(true);
    expect(memory.use('busy late', end(start), Date.now())).toBe(false);
    vi.setSystemTime(end(start + 21));
    expect(memory.use('busy new', end(start + 80), Date.now())).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('proofs are forgotten when they have expired', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const memory = new ReplayMemory(10);
    for (let round = 0; round < 20; round++) {
      for (let proof = 0; proof < 10; proof++) {
        expect(memory.use(`key ${round} ${proof}`, Date.now() + 60_000, Date.now())).toBe(true);
      }
      vi.setSystemTime(Date.now() + 61_000);
    }
  } finally {
    vi.useRealTimers();
  }
});

// ── Certificates ──

const DER = Uint8Array.from({ length: 400 }, (_, index) => [0x30, 0x82, 0x01, 0x8c][index] ?? index % 251);
const BASE64 = btoa(String.fromCharCode(...DER));
const PEM = `-----BEGIN CERTIFICATE-----\n${BASE64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
const SHA256 = new Uint8Array(await crypto.subtle.digest('SHA-256', DER));
const HEX = [...SHA256].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const X5T = base64url.encode(SHA256);

const certified = () => makeToken({ claims: { cnf: { 'x5t#S256': X5T } } });
const withHeader = (token: string, value?: string) =>
  new Request(AUDIENCE, {
    headers: { Authorization: `Bearer ${token}`, ...(value !== undefined && { 'X-Certificate': value }) },
  });

test.each<[string, Uint8Array | string]>([
  ['DER', DER],
  ['PEM', PEM],
  ['PEM as nginx and AWS encode it', encodeURIComponent(PEM)],
  ['the byte sequence of RFC 9440', `:${BASE64}:`],
  ['the base64 of Traefik', BASE64],
  ['the hash of Envoy', `By=spiffe://a;Hash=${HEX};Subject="CN=a,O=b";URI=spiffe://c`],
  ['the certificate of Envoy', `Hash=;Cert="${encodeURIComponent(PEM)}"`],
  ['a thumbprint', X5T],
  ['a fingerprint', HEX],
  ['a fingerprint with colons', HEX.toUpperCase().replace(/..(?=.)/g, '$&:')],
])('RFC 8705 section 3: a bound token is accepted with its certificate as %s', async (_, certificate) => {
  const token = await certified();
  await ordersAt(issuer()).verify(token, { certificate });
  await ordersAt(issuer()).authenticate(withHeader(token), { certificate });
  await ordersAt(issuer(), { certificate: () => certificate }).authenticate(withHeader(token));
});

test.each<[string, Uint8Array | string | undefined]>([
  ['none', undefined],
  ['an empty one', ''],
  ['empty bytes', new Uint8Array()],
  ['another one', DER.slice(1)],
  ['another PEM', PEM.replace('M', 'N')],
  ['several elements of Envoy', `Hash=${HEX},Hash=${HEX}`],
  ['a quoted name of Envoy', `Subject="Hash=${HEX}"`],
  ['no base64', '-----BEGIN CERTIFICATE-----\n=A=\n-----END CERTIFICATE-----'],
  ['a broken encoding', '%E0%A4%A'],
])('RFC 8705 section 3: a bound token is refused with %s', async (_, certificate) => {
  const token = await certified();
  const configured = ordersAt(issuer(), { certificate: ({ headers }) => headers.get('X-Certificate') ?? certificate });
  for (const verify of [
    () => ordersAt(issuer()).verify(token, { certificate }),
    () => configured.authenticate(withHeader(token)),
  ]) {
    const error = await refusalOf(verify());
    expect(error).toMatchObject({ code: 'invalid_token', reason: expect.stringMatching(/^(no|wrong)_certificate$/) });
  }
});

test('the certificate comes from the configured header alone, or from Cloudflare', async () => {
  const token = await certified();
  const fromHeader = ordersAt(issuer(), { certificate: ({ headers }) => headers.get('X-Certificate') });
  await fromHeader.authenticate(withHeader(token, encodeURIComponent(PEM)));
  // The certificate of the connection is the proxy's.
  const proxied = fromHeader.authenticate(withHeader(token), { certificate: DER });
  expect(await refusalOf(proxied)).toMatchObject({ reason: 'no_certificate' });
  expect(await refusalOf(ordersAt(issuer()).authenticate(withHeader(token, `:${BASE64}:`)))).toMatchObject({
    reason: 'no_certificate',
  });
  const cloudflare = (tlsClientAuth: object) => Object.assign(withHeader(token), { cf: { tlsClientAuth } });
  const presented = { certPresented: '1', certRevoked: '0', certVerified: 'FAILED:self signed certificate' };
  await ordersAt(issuer()).authenticate(cloudflare({ ...presented, certFingerprintSHA256: HEX }));
  for (const wrong of [
    { certPresented: '0', certFingerprintSHA256: HEX },
    { certRevoked: '1', certFingerprintSHA256: HEX },
    { certFingerprintSHA256: 'a' },
    {},
  ]) {
    const refused = ordersAt(issuer()).authenticate(cloudflare({ ...presented, ...wrong }));
    expect(await refusalOf(refused)).toMatchObject({ reason: 'no_certificate' });
  }
});

test('a token that is bound in a known and an unknown way is refused with the known proof', async () => {
  const token = await makeToken({ claims: { cnf: { 'x5t#S256': X5T, osc: {} } } });
  const refused = ordersAt(issuer()).verify(token, { certificate: DER });
  expect(await refusalOf(refused)).toMatchObject({ code: 'invalid_token', reason: 'unknown_binding' });
});

test('a token that is bound to a key and a certificate needs both', async () => {
  const token = await makeToken({ claims: { cnf: { 'x5t#S256': X5T, jkt: await thumbprint(other) } } });
  const ask = async (certificate: Uint8Array | undefined, proof: string | undefined, scheme: string) =>
    ordersAt(issuer()).authenticate(requestWith(token, proof, scheme), { certificate });
  await ask(DER, await makeProof(token), 'DPoP');
  expect(await refusalOf(ask(undefined, await makeProof(token), 'DPoP'))).toMatchObject({ reason: 'no_certificate' });
  expect(await refusalOf(ask(DER, undefined, 'DPoP'))).toMatchObject({ reason: 'proof_missing' });
  expect(await refusalOf(ask(DER, await makeProof(token), 'Bearer'))).toMatchObject({ reason: 'bound' });
  const orders = ordersAt(issuer(), { dpop: { required: true } });
  const refused = orders.authenticate(withHeader(await certified()), { certificate: DER });
  expect(await refusalOf(refused)).toMatchObject({ reason: 'not_bound' });
});

// ── Challenges ──

test('RFC 6750 section 3.1: two tokens in one request are an invalid request', async () => {
  const token = await makeToken();
  const request = new Request(`${AUDIENCE}/orders?page=1&access_token=${token}`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  const error = await refusalOf(ordersAt(issuer()).authenticate(request));
  expect(error).toMatchObject({ code: 'invalid_request', status: 400, reason: 'several_tokens' });
  expect(error.headers.get('WWW-Authenticate')).toMatch(/^Bearer error="invalid_request"/);
  const inUrl = await refusalOf(ordersAt(issuer()).authenticate(new Request(`${AUDIENCE}/?access_token=${token}`)));
  expect(inUrl).toMatchObject({ code: 'missing_token', reason: 'no_token' });
});

test('no refusal contains a part of the token or of the proof', async () => {
  const orders = ordersAt(issuer(), { scope: 'orders:read' });
  const secret = 'canary-0d9f';
  const claims = [
    { sub: secret, exp: 1 },
    { client_id: [secret] },
    { iss: secret },
    { aud: secret },
    { scope: secret },
    { nbf: secret },
    { cnf: { [secret]: secret } },
  ];
  const headers = [{ typ: secret }, { kid: secret }, { crit: [secret], [secret]: 1 }];
  const tokens = await Promise.all([
    ...claims.map((each) => makeToken({ claims: each })),
    ...headers.map((header) => makeToken({ header }).catch(() => secret)),
  ]);
  for (const token of [...tokens, secret, `a.${secret}.b`]) {
    const error = await refusalOf(orders.authenticate(requestWith(token, undefined, 'Bearer')));
    const shown = [error.message, ...error.headers.values(), await error.toResponse().text(), String(error.cause)];
    for (const text of shown) {
      expect(text).not.toContain(secret);
      for (const segment of token.split('.').filter(({ length }) => length > 8)) expect(text).not.toContain(segment);
    }
  }
  const token = await boundToken();
  const proof = await makeProof(token, { claims: { htu: `${AUDIENCE}/${secret}`, jti: secret, nonce: secret } });
  const error = await refusalOf(ordersAt(issuer()).authenticate(requestWith(token, proof)));
  expect(JSON.stringify([error, error.message, [...error.headers]])).not.toContain(secret);
});

test('no text can add a header or a parameter to a challenge', async () => {
  const orders = ordersAt(issuer(), { resourceMetadata: 'https://orders.example/"\r\nSet-Cookie: a=b' });
  const scope = ['orders:read"', 'a\r\nSet-Cookie: a=b', 'ä\\'];
  const token = await makeToken();
  for (const verify of [
    () => orders.authenticate(new Request(AUDIENCE), { scope }),
    () => orders.verify(token, { scope }),
  ]) {
    const error = await refusalOf(verify());
    const value = error.headers.get('WWW-Authenticate') ?? '';
    expect(value).not.toMatch(/[^\x20-\x7E]/);
    const parameter = '[a-z_]+="[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]*"';
    expect(value).toMatch(new RegExp(`^Bearer ${parameter}(, ${parameter})*, DPoP ${parameter}(, ${parameter})*$`));
    expect(error.headers.has('Set-Cookie')).toBe(false);
  }
});

test('each refusal is told to the hook, whose faults change nothing', async () => {
  const onEvent = vi.fn(() => {
    throw new Error('broken');
  });
  const orders = ordersAt(issuer(), { onEvent });
  await orders.verify(await makeToken());
  const error = await refusalOf(orders.verify(await makeToken({ claims: { exp: 1 } })));
  expect(onEvent.mock.calls).toEqual([
    [{ type: 'keys', count: 2, durationMs: expect.any(Number) }],
    [{ type: 'refused', error }],
  ]);
});

// ── Introspection ──

function introspecting(
  answer: (request: Received) => Response | Promise<Response>,
  more: Partial<VerifierOptions> = {},
) {
  const keysOnly = issuer();
  const server = new FakeServer((request) =>
    new URL(request.url).pathname === '/introspect' ? answer(request) : keysOnly.answer(request),
  );
  const client = { id: 'api', secret: 'a-secret' };
  const orders = ordersAt(server, { revocations: 'introspection', introspection: { client }, ...more });
  return { server, orders };
}

test('RFC 7662: introspection asks once for callers at the same time, and again after five seconds', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  try {
    let active: unknown = true;
    const { server, orders } = introspecting(() => json({ active }));
    const token = await makeToken();
    await Promise.all(Array.from({ length: 100 }, () => orders.verify(token)));
    expect(server.to('/introspect')).toHaveLength(1);
    const [request] = server.to('/introspect');
    expect(request?.method).toBe('POST');
    expect(request?.headers.get('Authorization')).toBe(`Basic ${btoa('api:a-secret')}`);
    expect([...(request?.form ?? [])]).toEqual([['token', token]]);
    active = false;
    await orders.verify(token);
    vi.setSystemTime(Date.now() + 5000);
    vi.advanceTimersByTime(5000);
    expect(await refusalOf(orders.verify(token))).toMatchObject({ code: 'invalid_token', reason: 'revoked' });
    active = true;
    expect(await refusalOf(orders.verify(token))).toMatchObject({ reason: 'revoked' });
    await orders.verify(await makeToken());
    expect(server.to('/introspect')).toHaveLength(3);
  } finally {
    vi.useRealTimers();
  }
});

test('a token is introspected only if everything else about it is right', async () => {
  const { server, orders } = introspecting(() => json({ active: true }));
  await refusalOf(orders.verify(await makeToken(), { scope: 'orders:delete' }));
  await refusalOf(orders.verify(await makeToken({ claims: { exp: 1 } })));
  await refusalOf(orders.verify(await boundToken()));
  expect(server.to('/introspect')).toEqual([]);
});

test.each<[string, () => Response | Promise<Response>, boolean]>([
  ['fails', () => json({}, 500), true],
  ['refuses the client', () => json({ error: 'invalid_client' }, 401), false],
  ['answers without active', () => json({}), false],
  ['answers with a text', () => json({ active: 'true' }), false],
  ['cannot be reached', () => Promise.reject(new TypeError('fetch failed')), true],
])('if the introspection %s, the answer is 503 and never yes', async (_, answer, isTemporary) => {
  const { orders } = introspecting(answer);
  const error = await refusalOf(orders.verify(await makeToken()));
  expect(error).toMatchObject({ status: 503, reason: 'revocations_unavailable', cause: { isTemporary } });
  expect(error.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
});

test('an answer is not used after its time, even if there is no other', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  try {
    let isDown = false;
    const { orders } = introspecting(() => (isDown ? json({}, 500) : json({ active: true })));
    const token = await makeToken();
    await orders.verify(token);
    isDown = true;
    await orders.verify(token);
    vi.advanceTimersByTime(5000);
    expect(await refusalOf(orders.verify(token))).toMatchObject({ status: 503, reason: 'revocations_unavailable' });
  } finally {
    vi.useRealTimers();
  }
});

test('a server that fails, or asks to wait, is given a pause', async () => {
  const failing = introspecting(() => json({}, 500));
  for (let call = 0; call < 20; call++) await refusalOf(failing.orders.verify(await makeToken()));
  expect(failing.server.to('/introspect')).toHaveLength(3);
  const throttling = introspecting(() => json({}, 429, { 'Retry-After': '7' }));
  for (let call = 0; call < 5; call++) {
    const error = await refusalOf(throttling.orders.verify(await makeToken()));
    expect(Number(error.headers.get('Retry-After'))).toBeGreaterThanOrEqual(7);
  }
  expect(throttling.server.to('/introspect')).toHaveLength(1);
});

test('no proof is used twice on a machine whose clock is ten minutes ahead of the issuer', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const server = issuer();
    const [token, proof] = await boundToken().then(async (bound) => [bound, await makeProof(bound)] as const);
    vi.setSystemTime(Date.now() + 600_000);
    const orders = ordersAt(server);
    await orders.authenticate(requestWith(token, proof));
    vi.setSystemTime(Date.now() + 2000);
    expect(await refusalOf(orders.authenticate(requestWith(token, proof)))).toMatchObject({ reason: 'proof_used' });
  } finally {
    vi.useRealTimers();
  }
});
