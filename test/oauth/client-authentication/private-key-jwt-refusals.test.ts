import { base64url, exportSPKI, importJWK } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { basic, done, ISSUER, postForm } from '../../http.ts';
import { calls, resetCalls } from '../../instruments.ts';
import { requestLines } from '../../log/lines.ts';
import {
  ask,
  askWith,
  assertionOf,
  JWT_BEARER,
  keyClient,
  keyWorld,
  seconds,
  signJwt,
  TOKEN_URL,
} from '../../machines.ts';
import { asked } from '../../remote.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { forge, segment } from '../../tokens/forge.ts';
import { expectNotAuthenticated, readError } from '../answers.ts';

// Each assertion has exactly one fault: without it, it would get a token, as the first test shows. The log says which check failed, and the
// answer only if that does not depend on the client.

type Members = Record<string, unknown>;

const ELSEWHERE = 'keys.asserted.example';

let scene: Awaited<ReturnType<typeof keyWorld>>;
/** A key that is registered nowhere. */
let stranger: Signer;
let attempts = 0;

beforeAll(async () => {
  scene = await keyWorld('refusals', { rate_limit: { per_minute: 10_000, burst: 1000 } });
  stranger = await newSigner('ES256', { kid: 'first' });
});

/** A new address for each request, so that earlier failures do not hold it back. */
const address = () => `198.18.${++attempts >> 8}.${attempts & 255}`;

/** Checks that a request gets the answer of a failed authentication, and returns the reason in the log. */
async function whyRefused(request: () => Promise<Response>): Promise<unknown> {
  let response: Response | undefined;
  const [line] = await requestLines(async () => {
    response = await request();
  });
  if (response) await expectNotAuthenticated(response, line?.reason);
  return line?.reason;
}

/** Returns the reason for which an assertion is refused. */
const whyIs = (assertion: string) => whyRefused(() => askWith(assertion, {}, { address: address() }));

/** Valid claims, with some of them replaced. */
function claimsOf(claims: Members = {}): Members {
  const { clientId } = scene;
  const usual = { iss: clientId, sub: clientId, aud: ISSUER, iat: seconds(), exp: seconds() + 60 };
  return { ...usual, jti: crypto.randomUUID(), ...claims };
}

/** Signs any header and claims with the client's key. They are JSON values or raw texts. */
function forged(header: unknown, claims: unknown = claimsOf()): Promise<string> {
  return forge(header, claims, { alg: 'ES256', privateKey: scene.signer.privateKey });
}

test('an assertion that is made as here, and changed in nothing, is taken', async () => {
  expect((await askWith(await assertionOf(scene.clientId, scene.signer))).status).toBe(200);
  expect((await askWith(await forged({ alg: 'ES256', kid: 'first' }))).status).toBe(200);
  expect((await askWith(await forged({ alg: 'ES256' }, JSON.stringify(claimsOf())))).status).toBe(200);
});

describe('RFC 7523 section 3', () => {
  const OTHER = 'emc_000000000000000000000000000000';

  test.each([
    ['item 1: no iss', 'wrong_subject', () => ({ iss: undefined })],
    ['item 1: an iss that is another', 'wrong_subject', () => ({ iss: OTHER })],
    ['item 1: an iss that is the authorization server', 'wrong_subject', () => ({ iss: ISSUER })],
    ['item 1: an iss that is a list', 'wrong_subject', () => ({ iss: [scene.clientId] })],
    ['item 2: a sub that is another', 'wrong_subject', () => ({ sub: OTHER })],
    ['item 2: a sub in another case', 'wrong_subject', () => ({ sub: scene.clientId.toUpperCase() })],
    ['item 2: an empty sub', 'wrong_subject', () => ({ sub: '' })],
    ['item 2: no sub', 'malformed_assertion', () => ({ sub: undefined })],
    ['item 2: a sub that is a list', 'malformed_assertion', () => ({ sub: [scene.clientId] })],
    ['item 4: no exp', 'malformed_assertion', () => ({ exp: undefined })],
    ['item 4: an exp that is over, 61 s ago', 'assertion_expired', () => ({ iat: undefined, exp: seconds() - 61 })],
    ['item 4: an exp that is far away', 'assertion_lives_too_long', () => ({ exp: seconds() + 3600 })],
    ['item 5: an nbf 61 s from now', 'assertion_not_yet_valid', () => ({ nbf: seconds() + 61 })],
    ['item 6: an iat 61 s from now', 'assertion_not_yet_valid', () => ({ iat: seconds() + 61, exp: seconds() + 121 })],
    ['item 6: an iat that is long ago', 'assertion_lives_too_long', () => ({ iat: seconds() - 300 })],
    ['item 7: no jti', 'malformed_assertion', () => ({ jti: undefined })],
    ['item 7: an empty jti', 'malformed_assertion', () => ({ jti: '' })],
    ['item 7: a jti of 201 characters', 'malformed_assertion', () => ({ jti: 'j'.repeat(201) })],
    ['item 7: a jti that is a number', 'malformed_assertion', () => ({ jti: 7 })],
    ['item 7: a jti that is null', 'malformed_assertion', () => ({ jti: null })],
    ['item 7: a jti that is a list', 'malformed_assertion', () => ({ jti: ['j'] })],
  ] as [string, string, () => Members][])('%s is refused', async (_, reason, claims) => {
    expect(await whyIs(await assertionOf(scene.clientId, scene.signer, claims()))).toBe(reason);
  });

  // By the correction of 2025 (rfc7523bis): the issuer and nothing else.
  test.each([
    ['none', undefined],
    ['the token endpoint', TOKEN_URL],
    ['the token endpoint in a list', [TOKEN_URL]],
    ['the introspection endpoint', `${ISSUER}/oauth2/introspect`],
    ['another server', 'https://other.example.com'],
    ['the issuer and another', [ISSUER, 'https://other.example.com']],
    ['another and the issuer', ['https://other.example.com', ISSUER]],
    ['the issuer and the token endpoint', [ISSUER, TOKEN_URL]],
    ['the issuer twice', [ISSUER, ISSUER]],
    ['an empty list', []],
    ['a list in a list', [[ISSUER]]],
    ['an empty text', ''],
    ['a number', 7],
    ['null', null],
    ['an object', { [ISSUER]: true }],
    ['the token endpoint with a slash', `${TOKEN_URL}/`],
    ['the issuer with a path', `${ISSUER}/a`],
    ['the issuer with a query', `${ISSUER}/?a`],
    ['the issuer with a fragment', `${ISSUER}/#`],
    ['the issuer with a user', ISSUER.replace('//', '//a@')],
    ['the issuer with another port', `${ISSUER}:8443`],
    ['the issuer with another scheme', ISSUER.replace('https', 'http')],
    ['the issuer with a space', `${ISSUER} `],
    ['a host that begins like the issuer', `${ISSUER}.other.example/`],
    ['the issuer and its other spelling', [ISSUER, `${ISSUER}/`]],
    ['the resource server', 'https://refusals.example.com'],
  ])('item 3: the audience %s is refused', async (_, aud) => {
    expect(await whyIs(await assertionOf(scene.clientId, scene.signer, { aud }))).toBe('wrong_audience');
  });

  test.each([
    ['wrong_algorithm', { alg: 'none' }],
    ['wrong_algorithm', { alg: 'None' }],
    ['wrong_algorithm', { alg: 'HS256' }],
    ['wrong_algorithm', { alg: 'ES384' }],
    ['wrong_algorithm', { alg: 'ES512' }],
    ['wrong_algorithm', { alg: 'ES256K' }],
    ['wrong_algorithm', { alg: 'RS512' }],
    ['wrong_algorithm', { alg: 'es256' }],
    ['wrong_algorithm', { alg: 'ES256 ' }],
    ['wrong_algorithm', { alg: '' }],
    ['wrong_algorithm', { alg: 'toString' }],
    ['no_such_key', { alg: 'RS256' }],
    ['no_such_key', { alg: 'PS256' }],
    ['no_such_key', { alg: 'EdDSA' }],
    ['malformed_assertion', {}],
    ['malformed_assertion', { alg: null }],
  ] as [string, Members][])('item 9, RFC 8725 section 3.1: %s for the header %j', async (reason, header) => {
    expect(await whyIs(await forged(header))).toBe(reason);
  });

  test('item 9: one without a signature is refused', async () => {
    const unsigned = `${segment({ alg: 'none' })}.${segment(claimsOf())}.`;
    expect(await whyIs(unsigned)).toBe('malformed_assertion');
    expect(await whyIs(`${unsigned}AA`)).toBe('wrong_algorithm');
    expect(await whyIs(`${segment({ alg: 'ES256' })}.${segment(claimsOf())}.AA`)).toBe('no_such_key');
  });

  test('item 9: another’s signature is refused, with and without the kid', async () => {
    for (const kid of ['first', undefined]) {
      expect(await whyIs(await assertionOf(scene.clientId, stranger, {}, { kid }))).toBe('no_such_key');
    }
  });

  test('item 9: a signature over other claims is refused', async () => {
    const [header = '', , signature = ''] = (await assertionOf(scene.clientId, scene.signer)).split('.');
    expect(await whyIs(`${header}.${segment(claimsOf())}.${signature}`)).toBe('no_such_key');
  });

  test('item 10, J4: times that are no seconds are refused', async () => {
    const RAW = ['"1800000000"', 'null', '1e400', '-1', '-1e400', '9007199254740993', 'true', '[1800000000]', '{}'];
    for (const name of ['exp', 'nbf', 'iat']) {
      for (const raw of RAW) {
        const json = JSON.stringify(claimsOf({ [name]: 'here' })).replace('"here"', raw);
        expect(await whyIs(await forged({ alg: 'ES256' }, json)), `${name} ${raw}`).toBe('malformed_assertion');
      }
      const notANumber = JSON.stringify(claimsOf({ [name]: 'here' })).replace('"here"', 'NaN');
      expect(await whyIs(await forged({ alg: 'ES256' }, notANumber))).toBe('malformed_assertion');
    }
  });
});

describe('the lifetime is capped, whatever exp says', () => {
  test.each([
    ['301 s', () => ({ exp: seconds() + 301 })],
    ['one hour', () => ({ exp: seconds() + 3600 })],
    ['300,000 years', () => ({ exp: 1e13 })],
    ['the largest time', () => ({ exp: Number.MAX_SAFE_INTEGER })],
    ['301 s of which most is over', () => ({ iat: seconds() - 290, exp: seconds() + 11 })],
    ['as long as there is time', () => ({ iat: 0 })],
    ['one hour, not saying when it was issued', () => ({ iat: undefined, exp: seconds() + 3600 })],
    ['335 s, not saying when it was issued', () => ({ iat: undefined, exp: seconds() + 335 })],
    ['the largest time, not saying when it was issued', () => ({ iat: undefined, exp: Number.MAX_SAFE_INTEGER })],
  ] as [string, () => Members][])('%s is refused', async (_, claims) => {
    expect(await whyIs(await assertionOf(scene.clientId, scene.signer, claims()))).toBe('assertion_lives_too_long');
  });
});

describe('RFC 8725 section 3.11: what says that it is something else is refused', () => {
  test.each([
    'at+jwt',
    'application/at+jwt',
    'dpop+jwt',
    'JOSE',
    'logout+jwt',
    'secevent+jwt',
    'token-introspection+jwt',
    'statuslist+jwt',
    'oauth-authz-req+jwt',
    'client-authentication',
    'text/jwt',
    'jwt;charset=utf-8',
    ' jwt',
    '',
  ])('typ %j', async (typ) => {
    expect(await whyIs(await assertionOf(scene.clientId, scene.signer, {}, { typ }))).toBe('wrong_type');
  });
});

describe('J1', () => {
  test.each([
    { crit: ['exp'], exp: 1 },
    { crit: ['b64'], b64: false },
    { crit: ['b64'], b64: true },
    { crit: [] },
    { crit: null },
    { crit: 'exp' },
    { b64: false },
    { b64: true },
  ])('an extension is refused: %j', async (header) => {
    expect(await whyIs(await forged({ alg: 'ES256', ...header }))).toBe('malformed_assertion');
  });
});

describe('J2: a header never chooses the key, and nothing is fetched for it', () => {
  const CHOICES: [string, (signer: Signer) => Members][] = [
    ['jwk', ({ publicJwk }) => ({ jwk: publicJwk })],
    ['jwk under the kid of the real one', ({ publicJwk }) => ({ jwk: { ...publicJwk, kid: 'first' }, kid: 'first' })],
    ['jku', () => ({ jku: `https://${ELSEWHERE}/jwks`, kid: 'theirs' })],
    ['jku without a kid', () => ({ jku: `https://${ELSEWHERE}/jwks`, kid: undefined })],
    ['x5u', () => ({ x5u: `https://${ELSEWHERE}/chain.pem`, kid: undefined })],
    ['x5c', ({ publicJwk }) => ({ x5c: [btoa(JSON.stringify(publicJwk))], kid: undefined })],
    ['x5t', () => ({ x5t: 'A'.repeat(27), 'x5t#S256': 'A'.repeat(43), kid: undefined })],
    ['a kid that is a URL', () => ({ kid: `https://${ELSEWHERE}/jwks` })],
  ];

  test.each(CHOICES)('%s', async (_, header) => {
    const assertion = await signJwt(stranger, claimsOf(), { kid: 'first', ...header(stranger) });
    expect(await whyIs(assertion)).toBe('no_such_key');
    for (const path of ['/jwks', '/chain.pem']) expect(await asked(ELSEWHERE, path)).toBe(0);
  });

  test('beside the signature of the real one they are not even looked at', async () => {
    const members = Object.assign({}, ...CHOICES.map(([, header]) => header(stranger)), { kid: 'first' });
    expect((await askWith(await assertionOf(scene.clientId, scene.signer, {}, members))).status).toBe(200);
  });
});

describe('J3: one spelling', () => {
  test.each([
    ['a padded header', (header: string, claims: string, signature: string) => `${header}=.${claims}.${signature}`],
    ['padded claims', (header: string, claims: string, signature: string) => `${header}.${claims}=.${signature}`],
    ['a padded signature', (header: string, claims: string, signature: string) => `${header}.${claims}.${signature}==`],
    [
      'a signature with stray last bits',
      (header: string, claims: string, signature: string) =>
        `${header}.${claims}.${signature.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[signature.slice(-1)]}`,
    ],
    ['a line feed', (header: string, claims: string, signature: string) => `${header}.${claims}.${signature}\n`],
    ['a space', (header: string, claims: string, signature: string) => ` ${header}.${claims}.${signature}`],
    ['a fourth segment', (header: string, claims: string, signature: string) => `${header}.${claims}.${signature}.`],
    ['a JWE', (header: string, claims: string, signature: string) => `${header}.${claims}.${signature}.AAAA.AAAA`],
    [
      'flattened JSON',
      (header: string, payload: string, signature: string) => JSON.stringify({ protected: header, payload, signature }),
    ],
    [
      'general JSON',
      (header: string, payload: string, signature: string) =>
        JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ],
  ])('%s is refused', async (_, spelled) => {
    const [header = '', claims = '', signature = ''] = (await assertionOf(scene.clientId, scene.signer)).split('.');
    expect(await whyIs(spelled(header, claims, signature))).toBe('malformed_assertion');
  });

  test('an assertion within an assertion is refused', async () => {
    const inner = await assertionOf(scene.clientId, scene.signer);
    expect(await whyIs(await forged({ alg: 'ES256', cty: 'JWT' }, inner))).toBe('malformed_assertion');
  });

  test('DER is no signature of ECDSA', async () => {
    const assertion = await assertionOf(scene.clientId, scene.signer);
    const [header, claims, signature = ''] = assertion.split('.');
    const raw = base64url.decode(signature);
    const integer = (bytes: Uint8Array) => [0x02, 33, 0, ...bytes];
    const der = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))];
    const spelled = base64url.encode(Uint8Array.from([0x30, der.length, ...der]));
    expect(await whyIs(`${header}.${claims}.${spelled}`)).toBe('no_such_key');
    expect((await askWith(assertion)).status).toBe(200);
  });
});

describe('J5: a kid is inert', () => {
  test.each([
    "' OR 1=1 --",
    '../../../dev/null',
    'first\u0000',
    'FIRST',
    'fırst',
    '',
    '__proto__',
    'constructor',
    'k'.repeat(8000),
  ])('%j', async (kid) => {
    expect(await whyIs(await assertionOf(scene.clientId, scene.signer, {}, { kid }))).toBe('no_such_key');
  });

  test('one of a megabyte is too large a request', async () => {
    const assertion = await assertionOf(scene.clientId, scene.signer, {}, { kid: 'k'.repeat(1e6) });
    const response = await askWith(assertion, {}, { address: address() });
    expect(await readError(response)).toEqual({ status: 413, error: 'invalid_request' });
  });
});

describe('RFC 8725 section 2.1: algorithms are not mixed up', () => {
  test('the text of a public key is no secret for HS256', async () => {
    const publicKey = await importJWK(scene.signer.publicJwk, 'ES256', { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error('not a key pair');
    const texts = [JSON.stringify(scene.signer.publicJwk), await exportSPKI(publicKey), scene.signer.publicJwk.x ?? ''];
    for (const text of texts) {
      const input = `${segment({ alg: 'HS256', kid: 'first' })}.${segment(claimsOf())}`;
      const [secret, bytes] = [text, input].map((one) => new TextEncoder().encode(one)) as [Uint8Array, Uint8Array];
      const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      const mac = base64url.encode(new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes)));
      expect(await whyIs(`${input}.${mac}`)).toBe('wrong_algorithm');
    }
  });

  test('an RSA key for one of its algorithms verifies none by the other', async () => {
    const [forPkcs1, forPss] = await Promise.all([newSigner('RS256'), newSigner('PS256')]);
    const keys = [
      { ...forPkcs1.publicJwk, alg: 'RS256' },
      { ...forPss.publicJwk, alg: 'PS256' },
    ];
    const clientId = await keyClient(scene, 'RSA keys with algorithms', keys);
    const otherwise = async ({ privateJwk }: Signer, alg: 'RS256' | 'PS256') => {
      const privateKey = await importJWK(privateJwk, alg);
      if (privateKey instanceof Uint8Array) throw new Error('not a key pair');
      return assertionOf(clientId, { ...forPss, alg, privateKey });
    };
    expect(await whyIs(await otherwise(forPkcs1, 'PS256'))).toBe('no_such_key');
    expect(await whyIs(await otherwise(forPss, 'RS256'))).toBe('no_such_key');
    expect((await askWith(await otherwise(forPkcs1, 'RS256'))).status).toBe(200);
    expect((await askWith(await otherwise(forPss, 'PS256'))).status).toBe(200);
  });
});

describe('RFC 7521 section 4.2', () => {
  const valid = () => assertionOf(scene.clientId, scene.signer);
  const form = (assertion: string): [string, string][] => [
    ['grant_type', 'client_credentials'],
    ['client_assertion_type', JWT_BEARER],
    ['client_assertion', assertion],
  ];

  /** POSTs a form whose parameters may be repeated. */
  const post = (entries: [string, string][], headers: Record<string, string> = {}) =>
    postForm('/oauth2/token', entries, { headers, address: address() });

  test.each([
    'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    JWT_BEARER.toUpperCase(),
    `${JWT_BEARER} `,
    'jwt-bearer',
  ])('the client_assertion_type %s is refused', async (type) => {
    const assertion = await valid();
    expect(await whyRefused(() => askWith(assertion, { client_assertion_type: type }, { address: address() }))).toBe(
      'malformed_assertion',
    );
  });

  test('an assertion without its type is malformed', async () => {
    for (const type of [undefined, '']) {
      const entries = form(await valid()).filter(([name]) => name !== 'client_assertion_type');
      if (type !== undefined) entries.push(['client_assertion_type', type]);
      expect(await readError(await post(entries))).toEqual({ status: 400, error: 'invalid_request' });
    }
  });

  test('a type without its assertion is no credential', async () => {
    const entries = form('').filter(([name]) => name !== 'client_assertion');
    expect(await whyRefused(() => post(entries))).toBe('no_credentials');
    expect(await whyRefused(() => post(form('')))).toBe('no_credentials');
  });

  test('an assertion in the URI is no credential', async () => {
    const query = new URLSearchParams(form(await valid())).toString();
    const request = () =>
      ask({ grant_type: 'client_credentials' }, { path: `/oauth2/token?${query}`, address: address() });
    expect(await whyRefused(request)).toBe('no_credentials');
  });

  test.each(['client_assertion', 'client_assertion_type', 'client_id'])('%s twice is malformed', async (name) => {
    const assertion = await valid();
    const entries: [string, string][] = [...form(assertion), ['client_id', scene.clientId]];
    const again = entries.find(([one]) => one === name) ?? [name, ''];
    expect(await readError(await post([...entries, again]))).toEqual({ status: 400, error: 'invalid_request' });
  });

  test('one method at a time: an assertion beside a secret, in the body or as Basic', async () => {
    const assertion = await valid();
    const secret: [string, string] = ['client_secret', 'ems_whatever'];
    const authorization = { Authorization: basic(scene.clientId, 'ems_whatever') };
    const twice = [await post([...form(assertion), secret]), await post(form(assertion), authorization)];
    for (const response of twice) {
      expect(await readError(response)).toEqual({ status: 400, error: 'invalid_request' });
    }
    // The refused requests have not spent the assertion.
    expect((await askWith(assertion)).status).toBe(200);
  });

  test('the client_id beside it must be the one that it names', async () => {
    const response = await askWith(await valid(), { client_id: scene.worker.client_id.toLowerCase() });
    expect(await readError(response)).toEqual({ status: 400, error: 'invalid_request' });
  });
});

describe('the client', () => {
  test('one that is unknown is refused, whatever its id looks like', async () => {
    const own = await keyClient(scene, 'soon gone', [stranger.publicJwk]);
    await done('DELETE', `clients/${own}`);
    for (const id of [own, 'nobody-at-all', 'emc_000000000000000000000000000000', 'a b', '.', 'ü', 'x'.repeat(300)]) {
      expect(await whyIs(await assertionOf(id, stranger)), id).toBe('unknown_client');
    }
  });

  test('one that was deleted is refused, though the isolate knows its keys', async () => {
    const clientId = await keyClient(scene, 'known and gone', [stranger.publicJwk]);
    expect((await askWith(await assertionOf(clientId, stranger))).status).toBe(200);
    await done('DELETE', `clients/${clientId}`);
    expect(await whyIs(await assertionOf(clientId, stranger))).toBe('unknown_client');
  });

  test.each(['client', 'organization'])(
    'one is refused while it, or its organization, is disabled: %s',
    async (what) => {
      const { clientId, signer, organization } = await keyWorld(`disabled-${what}-with-key`);
      const path = what === 'client' ? `clients/${clientId}` : `organizations/${organization}`;
      expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
      await done('PATCH', path, { body: { status: 'disabled' } });
      const assertion = await assertionOf(clientId, signer);
      expect(await whyIs(assertion)).toBe('disabled_client');
      await done('PATCH', path, { body: { status: 'active' } });
      expect((await askWith(assertion)).status).toBe(200);
    },
  );

  test('one that has expired is refused, and the log says so', async () => {
    const { clientId, signer } = await keyWorld('expired-with-key');
    const end = Math.floor(Date.now() / 1000) * 1000 + 60_000;
    const body = { expires_at: new Date(end).toISOString() };
    await done('PATCH', `clients/${clientId}`, { body });
    expect((await askWith(await assertionOf(clientId, signer))).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: end });
    try {
      expect(await whyIs(await assertionOf(clientId, signer))).toBe('expired_client');
      expect(await whyIs(await assertionOf(clientId, stranger))).toBe('no_such_key');
    } finally {
      vi.useRealTimers();
    }
  });

  test('one of another method is refused', async () => {
    expect(await whyIs(await assertionOf(scene.api.client_id, stranger))).toBe('method_not_registered');
    const bySubject = await keyClient(scene, 'by certificate', [stranger.publicJwk], {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'machine.example.com',
    });
    expect(await whyIs(await assertionOf(bySubject, stranger))).toBe('method_not_registered');
  });

  test('one’s key proves no other client', async () => {
    const other = await keyClient(scene, 'other', [stranger.publicJwk]);
    expect(await whyIs(await assertionOf(other, scene.signer))).toBe('no_such_key');
    expect((await askWith(await assertionOf(other, stranger))).status).toBe(200);
  });
});

test('an assertion is spent by nothing but its use: not by what is refused under its jti, by whomever', async () => {
  const claims = claimsOf();
  const refused: [string, string][] = [
    ['wrong_audience', await signJwt(scene.signer, { ...claims, aud: TOKEN_URL })],
    ['no_such_key', await signJwt(stranger, claims)],
    ['wrong_type', await signJwt(scene.signer, claims, { typ: 'at+jwt' })],
    ['assertion_expired', await signJwt(scene.signer, { ...claims, iat: undefined, exp: seconds() - 100 })],
  ];
  for (const [reason, assertion] of refused) expect(await whyIs(assertion)).toBe(reason);
  const other = await keyClient(scene, 'same jti', [stranger.publicJwk]);
  expect((await askWith(await signJwt(stranger, { ...claims, iss: other, sub: other }))).status).toBe(200);

  const good = await signJwt(scene.signer, claims);
  expect((await askWith(good)).status).toBe(200);
  expect(await whyIs(good)).toBe('replayed');
  // A replay is recognized by the jti alone: another exp makes no difference.
  expect(await whyIs(await signJwt(scene.signer, { ...claims, exp: seconds() + 90 }))).toBe('replayed');
});

test('what is refused for what it says costs no store anything', async () => {
  const assertions = await Promise.all(
    [{ aud: 'https://other.example.com' }, { exp: 1 }, { jti: '' }, { iss: 'another' }].map((claims) =>
      assertionOf(scene.clientId, scene.signer, claims),
    ),
  );
  resetCalls();
  for (const assertion of assertions) expect((await askWith(assertion)).status).toBe(401);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 0, rateLimit: 0 });
});
