import { base64url, exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { SigningAlg } from '../../src/gates/protocol.ts';
import { getToken, ISSUER, introspect, manage, postForm, send, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';
import { decode, forge, type StolenKey, segment, sign, signature, stealKey } from './forge.ts';
import { expectRefused, INACTIVE, introspectAsRoot, isActive } from './verdict.ts';

type Genuine = { token: string; client: Awaited<ReturnType<typeof world>>['worker'] } & ReturnType<typeof decode>;

let scene: Awaited<ReturnType<typeof world>>;
let genuine: Genuine;
let keys: Record<SigningAlg, StolenKey>;

beforeAll(async () => {
  scene = await world('untrusted', { claims: { mixed: '>>>???~~~' } });
  const { access_token: token } = await getToken(scene.worker);
  genuine = { token, client: scene.worker, ...decode(token) };
  keys = { ES256: await stealKey('ES256'), RS256: await stealKey('RS256'), EdDSA: await stealKey('EdDSA') };
});

/** The genuine token with some of its header and claims replaced, signed with the service's own key. */
function resigned(header: Record<string, unknown>, claims: Record<string, unknown> = {}): Promise<string> {
  return forge({ ...genuine.header, ...header }, { ...genuine.claims, ...claims }, keys.ES256);
}

test('a token that is forged as here, and changed in nothing, is taken: what is refused below is refused for what was changed', async () => {
  expect(await isActive('root', await resigned({}))).toBe(true);
  expect(
    await isActive('root', await forge({ ...genuine.header, ...named('RS256') }, genuine.claims, keys.RS256)),
  ).toBe(true);
});

function named(alg: SigningAlg) {
  return { alg, kid: keys[alg].kid };
}

describe('extensions', () => {
  test.each([
    ['an unknown extension', { crit: ['urn:example:ext'], 'urn:example:ext': true }],
    ['an extension that the header does not have', { crit: ['urn:example:ext'] }],
    ['a name of the standard', { crit: ['exp'], exp: 1 }],
    ['a header parameter that everybody knows', { crit: ['kid'] }],
    ['nothing', { crit: [] }],
    ['a text that is no list', { crit: 'exp' }],
    ['an empty name', { crit: [''], '': 1 }],
    ['null', { crit: null }],
    ['a number', { crit: [1], 1: 1 }],
    ['an inherited name', { crit: ['toString'] }],
    ['an unencoded payload', { crit: ['b64'], b64: false }],
  ])('J1: a crit that names %s is refused', async (_, header) => {
    await expectRefused(await resigned(header), genuine);
  });

  test('J1: an unencoded payload is refused, in its place and detached', async () => {
    const header = segment({ ...genuine.header, crit: ['b64'], b64: false });
    const raw = JSON.stringify(genuine.claims);
    const signed = await signature(`${header}.${raw}`, keys.ES256);
    await expectRefused(`${header}.${raw}.${signed}`, genuine);
    await expectRefused(`${header}..${signed}`, genuine);
  });
});

describe("keys of an attacker's", () => {
  const LOCATION = 'https://attacker.example.net/keys';
  let attacker: { privateKey: CryptoKey; jwk: JWK };

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    attacker = { privateKey: pair.privateKey, jwk: await exportJWK(pair.publicKey) };
  });

  const headers: [string, (jwk: JWK) => Record<string, unknown>][] = [
    ['jwk', (jwk) => ({ jwk })],
    ['jwk with its own kid', (jwk) => ({ jwk: { ...jwk, kid: 'attacker', alg: 'ES256' }, kid: 'attacker' })],
    ['jwk under the kid of a real key', (jwk) => ({ jwk: { ...jwk, kid: keys.ES256.kid }, kid: keys.ES256.kid })],
    ['jku', () => ({ jku: LOCATION, kid: 'attacker' })],
    ['jku and no kid', () => ({ jku: LOCATION, kid: undefined })],
    ['jku that looks like the own one', () => ({ jku: `${ISSUER}/.well-known/jwks.json@attacker.example.net` })],
    ['x5u', () => ({ x5u: LOCATION, kid: undefined })],
    ['x5c', (jwk) => ({ x5c: [certificateLike(jwk)], kid: undefined })],
    ['x5t', () => ({ x5t: 'A'.repeat(27), 'x5t#S256': 'A'.repeat(43), kid: undefined })],
  ];

  test.each(headers)('J2: %s in the header does not choose the key, and nothing is fetched', async (_, header) => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    try {
      const signer = { alg: 'ES256' as const, privateKey: attacker.privateKey };
      const forged = await forge({ ...genuine.header, ...header(attacker.jwk) }, genuine.claims, signer);
      await expectRefused(forged, genuine);
      expect(fetched).not.toHaveBeenCalled();
    } finally {
      fetched.mockRestore();
    }
  });

  test("J2: beside a real key's kid and signature they are not even looked at", async () => {
    const header = { jwk: attacker.jwk, jku: LOCATION, x5u: LOCATION, x5c: [certificateLike(attacker.jwk)] };
    expect(await isActive('root', await resigned(header))).toBe(true);
  });

  function certificateLike(jwk: JWK): string {
    return btoa(JSON.stringify(jwk));
  }
});

describe('encodings', () => {
  const parts = () => genuine.token.split('.') as [string, string, string];

  test.each([
    ['header', 0],
    ['payload', 1],
  ] as const)('J3: a padded %s is refused, though the signature is over what was sent', async (_, index) => {
    const [header, payload] = parts();
    // One more claim or header makes the length one that needs padding.
    const padded = (text: string) => {
      const json = JSON.parse(new TextDecoder().decode(base64url.decode(text)));
      const encoded = ['', 'x', 'xx'].map((pad) => segment({ ...json, pad })).find((one) => one.length % 4 === 2);
      return `${encoded}==`;
    };
    const forged =
      index === 0 ? await sign(padded(header), payload, keys.ES256) : await sign(header, padded(payload), keys.ES256);
    await expectRefused(forged, genuine);
  });

  test('J3: a padded signature is refused', async () => {
    await expectRefused(`${genuine.token}==`, genuine);
    await expectRefused(`${genuine.token}=`, genuine);
  });

  test('J3: base64 in the alphabet that is not safe in URLs is refused', async () => {
    const [header, payload] = parts();
    const unsafe = payload.replaceAll('-', '+').replaceAll('_', '/');
    expect(unsafe).not.toBe(payload);
    await expectRefused(await sign(header, unsafe, keys.ES256), genuine);
  });

  test('J3: stray bits in the last character are refused, in the signature and in what is signed', async () => {
    const [header, payload, signed] = parts();
    expect(signed.length % 4).toBe(2);
    await expectRefused(`${header}.${payload}.${withStrayBits(signed)}`, genuine);
    for (const pad of ['', 'x', 'xx']) {
      const uneven = segment({ ...genuine.claims, pad });
      if (uneven.length % 4 !== 0) {
        await expectRefused(await sign(header, withStrayBits(uneven), keys.ES256), genuine);
      }
    }
  });

  test.each([
    ['a space before', (token: string) => ` ${token}`],
    ['a newline after', (token: string) => `${token}\n`],
    ['a newline inside', (token: string) => token.replace('.', '.\n')],
    ['a NUL after', (token: string) => `${token}\0`],
    ['a question mark inside', (token: string) => token.replace('.', '?.')],
    ['a byte order mark before', (token: string) => `\uFEFF${token}`],
    ['a full-width dot', (token: string) => token.replace('.', '．')],
    ['a scheme before', (token: string) => `Bearer ${token}`],
    ['a fourth part', (token: string) => `${token}.`],
    ['a fourth part that is text', (token: string) => `${token}.e30`],
    ['two parts', (token: string) => token.slice(0, token.lastIndexOf('.'))],
    ['no signature', (token: string) => token.slice(0, token.lastIndexOf('.') + 1)],
    ['no payload', (token: string) => token.replace(/\..*\./, '..')],
    ['no header', (token: string) => token.slice(token.indexOf('.'))],
    ['dots alone', () => '..'],
    ['the form of a JWE', (token: string) => `${token}.e30.e30`],
  ])('J3: a token with %s is refused', async (_, change) => {
    await expectRefused(change(genuine.token), genuine);
  });

  test('J3: the JSON serializations are refused', async () => {
    const [header, payload, signed] = parts();
    const flattened = { payload, protected: header, signature: signed };
    await expectRefused(JSON.stringify(flattened), genuine);
    await expectRefused(JSON.stringify({ payload, signatures: [{ protected: header, signature: signed }] }), genuine);
  });

  test.each([
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"at+jwt"'],
    ['no JSON', '{'],
    ['JSON and more', '{}{}'],
    ['not UTF-8', '\xFF'],
  ])('J3: a header or payload that is %s is refused', async (_, content) => {
    const bytes = base64url.encode(Uint8Array.from(content, (char) => char.charCodeAt(0)));
    const [header] = parts();
    await expectRefused(await sign(header, bytes, keys.ES256), genuine);
    await expectRefused(await sign(bytes, segment(genuine.claims), keys.ES256), genuine);
  });

  function withStrayBits(text: string): string {
    const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return text.slice(0, -1) + ALPHABET.charAt(ALPHABET.indexOf(text.slice(-1)) | 1);
  }
});

describe('times', () => {
  const wrong: [string, string][] = [
    ['a text', '"4102444800"'],
    ['an empty text', '""'],
    ['null', 'null'],
    ['true', 'true'],
    ['a list', '[4102444800]'],
    ['an object', '{}'],
    ['NaN, which is no JSON', 'NaN'],
    ['Infinity, which is no JSON', 'Infinity'],
    ['more than a double holds', '1e999'],
    ['less than a double holds', '-1e999'],
    ['huge', '1e300'],
    ['just beyond the safe integers', '9007199254740992'],
    ['in milliseconds', String(Date.now() + 60_000)],
    ['negative', '-1'],
    ['hugely negative', '-1e300'],
    ['fractional', '1.5'],
  ];

  for (const claim of ['exp', 'nbf', 'iat']) {
    test.each(wrong)(`J4: ${claim} that is %s is refused`, async (_, value) => {
      await expectRefused(await withClaim(claim, value), genuine);
    });
  }

  test.each(['exp', 'iat'])('J4: a token without %s is refused', async (claim) => {
    await expectRefused(await withClaim(claim, undefined), genuine);
  });

  test('J4: a token that says of itself a longer life than any token has is refused', async () => {
    const { iat = 0 } = genuine.claims;
    await expectRefused(await resigned({}, { exp: iat + 366 * 86_400 }), genuine);
  });

  test('J4: a token from the future is refused, and one that expires before it was issued', async () => {
    const now = Math.floor(Date.now() / 1000);
    await expectRefused(await resigned({}, { iat: now + 600, exp: now + 1200 }), genuine);
    await expectRefused(await resigned({}, { nbf: now + 600 }), genuine);
    await expectRefused(await resigned({}, { iat: now + 30, exp: now + 20 }), genuine);
  });

  test('J4: a sound nbf is taken', async () => {
    expect(await isActive('root', await resigned({}, { nbf: genuine.claims.iat }))).toBe(true);
  });

  /** The genuine claims with one written as the given text, which need not be JSON, or left out. */
  function withClaim(claim: string, text: string | undefined): Promise<string> {
    const { [claim]: _, ...others } = genuine.claims;
    const rest = JSON.stringify(others).slice(1);
    return forge(genuine.header, text === undefined ? `{${rest}` : `{"${claim}":${text},${rest}`, keys.ES256);
  }
});

describe('other claims', () => {
  test.each([
    ['a sub that is a list', { sub: ['one'] }],
    ['an aud that is a list', { aud: ['https://untrusted.example.com'] }],
    ['a jti that is a number', { jti: 1 }],
    ['no jti', { jti: undefined }],
    ['a client_id that is an object', { client_id: {} }],
    ['an org_id that is null', { org_id: null }],
    ['a scope that is a list', { scope: ['read'] }],
    ['a scope that is a number', { scope: 1 }],
    ['roles that are a text', { roles: 'admin' }],
    ['another issuer', { iss: 'https://auth.example.org' }],
    ['an issuer with a slash more', { iss: `${ISSUER}/` }],
    ['issuers in a list', { iss: [ISSUER] }],
  ])('J4: a token with %s is refused', async (_, claims) => {
    await expectRefused(await resigned({}, claims), genuine);
  });
});

describe('key ids', () => {
  test.each<[string, unknown]>([
    ['SQL', "' OR 1=1"],
    ['SQL with an end', `'; DROP TABLE signing_keys; --`],
    ['a path upwards', '../'],
    ['a path to a file', '../../../../etc/passwd'],
    ['a URL', 'https://attacker.example.net/key'],
    ['a prototype', '__proto__'],
    ['a constructor', 'constructor'],
    ['empty', ''],
    ['null', null],
    ['a number', 0],
    ['a list', [1]],
    ['an object', { toString: 'x' }],
    ['missing', undefined],
    ['all control characters', '\0\r\n\t'],
    ['a lone surrogate', '\uD800'],
    ['10,000 characters long', 'k'.repeat(10_000)],
  ])('J5: a kid that is %s is inert: no key, no store asked', async (_, kid) => {
    const forged = await resigned({ kid });
    resetCalls();
    const response = await introspectAsRoot(forged);
    expect([response.status, await response.text()]).toEqual([200, INACTIVE]);
    expect(calls).toEqual({ d1: 0, kv: 0, gate: 0, rateLimit: 0 });
    await expectRefused(forged, genuine);
  });

  test('J5: a kid of 1 MB is not read to its end', async () => {
    const forged = await resigned({ kid: 'k'.repeat(1_000_000) });
    expect((await introspectAsRoot(forged)).status).toBe(413);
    expect((await postForm('/oauth2/revoke', { token: forged })).status).toBe(413);
  });

  test("J5: a kid in another case is another key's", async () => {
    const { kid } = keys.ES256;
    await expectRefused(await resigned({ kid: kid.toUpperCase() }), genuine);
    await expectRefused(await resigned({ kid: `${kid} ` }), genuine);
  });
});

describe('kinds', () => {
  const kinds: [string, () => Record<string, unknown>, () => Record<string, unknown>][] = [
    ['a JWS of no kind in particular', () => ({ typ: 'JOSE' }), () => ({})],
    ['a JWT without a kind', () => ({ typ: undefined }), () => ({})],
    ['a client assertion', () => ({ typ: 'client-authentication+jwt' }), () => ({ aud: ISSUER })],
    ['a proof of possession', () => ({ typ: 'dpop+jwt' }), () => ({ htm: 'POST', htu: `${ISSUER}/oauth2/introspect` })],
    ['a status list', () => ({ typ: 'statuslist+jwt' }), () => ({ status_list: { bits: 1, lst: 'eNoDAAAAAAE' } })],
    ['an answer of introspection', () => ({ typ: 'token-introspection+jwt' }), () => ({})],
    ['an ID token', () => ({ typ: 'JWT' }), () => ({ aud: scene.worker.client_id, nonce: 'n' })],
    ['a logout token', () => ({ typ: 'logout+jwt' }), () => ({ events: {} })],
    ['a security event of no kind', () => ({ typ: 'JWT' }), () => ({ events: {} })],
    ['a kind that is a list', () => ({ typ: ['at+jwt'] }), () => ({})],
    ['a kind with more after it', () => ({ typ: 'at+jwt; x=y' }), () => ({})],
  ];

  test.each(kinds)('J6: %s, signed with the same key, is not taken for an access token', async (_, header, claims) => {
    await expectRefused(await resigned(header(), claims()), genuine);
    for (const alg of ['RS256', 'EdDSA'] as const) {
      const forged = { ...genuine.header, ...named(alg), ...header() };
      await expectRefused(await forge(forged, { ...genuine.claims, ...claims() }, keys[alg]), genuine);
    }
  });

  test('J6: an access token, or any of those, is not taken for a client assertion', async () => {
    for (const [, header, claims] of kinds) {
      for (const assertion of [genuine.token, await resigned(header(), { ...claims(), iss: scene.worker.client_id })]) {
        const form = {
          grant_type: 'client_credentials',
          token: genuine.token,
          client_id: scene.worker.client_id,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        };
        for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
          const response = await postForm(path, form);
          expect([path, response.status]).toEqual([path, 401]);
          expect(await response.json()).toMatchObject({ error: 'invalid_client' });
        }
      }
    }
    expect(await isActive('root', genuine.token)).toBe(true);
  });

  test('J6: an access token is not taken for a credential of any other kind', async () => {
    const { token } = genuine;
    const Authorization = `Bearer ${token}`;
    expect((await manage('organizations', { name: 'mine' }, token)).status).toBe(401);
    expect((await postForm('/oauth2/introspect', { token }, { headers: { Authorization } })).status).toBe(401);
    expect((await postForm('/oauth2/revoke', { token }, { headers: { Authorization } })).status).toBe(401);
    expect((await introspect({ ...scene.api, client_secret: token }, token)).status).toBe(401);
    const form = { grant_type: 'client_credentials' };
    expect((await postForm('/oauth2/token', form, { headers: { Authorization } })).status).toBe(401);
    expect((await postForm('/oauth2/token', form, { headers: { DPoP: token } })).status).toBe(400);
  });

  test('J6: an access token is not taken for an authorization grant', async () => {
    const headers = { Authorization: `Basic ${btoa(`${scene.worker.client_id}:${scene.worker.client_secret}`)}` };
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const response = await postForm('/oauth2/token', { grant_type, assertion: genuine.token }, { headers });
    expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
  });
});

describe('algorithms', () => {
  test.each(['none', 'NONE', 'None', 'nOnE', '', null, undefined, ['ES256'], { alg: 'ES256' }])(
    'K6: alg %j is refused, with a signature and without',
    async (alg) => {
      const forged = await resigned({ alg });
      await expectRefused(forged, genuine);
      await expectRefused(forged.slice(0, forged.lastIndexOf('.') + 1), genuine);
      await expectRefused(await resigned({ alg, kid: undefined }), genuine);
    },
  );

  test.each(['es256', 'Es256', 'ES256 ', 'ES384', 'RS256', 'PS256', 'HS256', 'EdDSA', 'Ed25519', 'ES256K'])(
    'K6: an ES256 key verifies nothing that says %j',
    async (alg) => {
      await expectRefused(await resigned({ alg }), genuine);
    },
  );

  test('K6: every key verifies with its own algorithm, and under no other key’s id', async () => {
    for (const signer of ['ES256', 'RS256', 'EdDSA'] as const) {
      for (const claimed of ['ES256', 'RS256', 'EdDSA'] as const) {
        for (const owner of ['ES256', 'RS256', 'EdDSA'] as const) {
          const header = { ...genuine.header, alg: claimed, kid: keys[owner].kid };
          const forged = await forge(header, genuine.claims, keys[signer]);
          if (signer === claimed && claimed === owner) expect(await isActive('root', forged)).toBe(true);
          else await expectRefused(forged, genuine);
        }
      }
    }
  });

  test('K6: the RS256 key is not used for RSASSA-PSS, nor with another hash', async () => {
    const { privateJwk, kid } = keys.RS256;
    for (const alg of ['PS256', 'RS384', 'RS512']) {
      const key = await importJWK({ ...privateJwk, alg }, alg);
      const forged = await new SignJWT(genuine.claims).setProtectedHeader({ ...genuine.header, alg, kid }).sign(key);
      await expectRefused(forged, genuine);
    }
  });

  test('K6: the EdDSA key goes by that one name', async () => {
    await expectRefused(
      await forge({ ...genuine.header, ...named('EdDSA'), alg: 'Ed25519' }, genuine.claims, keys.EdDSA),
      genuine,
    );
  });

  test('K6: a public key is no HMAC secret, however it is written', async () => {
    for (const { publicKey, publicJwk, kid } of Object.values(keys)) {
      const pem = await exportSPKI(publicKey);
      const published = (await (await send('/.well-known/jwks.json')).json<{ keys: JWK[] }>()).keys.find(
        (key) => key.kid === kid,
      );
      const der = Uint8Array.from(atob(pem.replace(/-----.*?-----|\s/g, '')), (char) => char.charCodeAt(0));
      const texts = [pem, pem.trim(), pem.replaceAll('\n', ''), JSON.stringify(publicJwk), JSON.stringify(published)];
      const secrets = [
        der,
        base64url.decode(publicJwk.x ?? publicJwk.n ?? ''),
        ...texts.map((text) => new TextEncoder().encode(text)),
      ];
      for (const secret of secrets) await expectRefused(await hmac(secret, kid), genuine);
    }
  });

  async function hmac(secret: Uint8Array, kid: string): Promise<string> {
    const key = await crypto.subtle.importKey(
      'raw',
      Uint8Array.from(secret),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    const input = `${segment({ ...genuine.header, alg: 'HS256', kid })}.${segment(genuine.claims)}`;
    const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(input));
    return `${input}.${base64url.encode(new Uint8Array(mac))}`;
  }

  test('K5: an ECDSA signature in DER is refused, and the same one as R‖S is taken', async () => {
    const [header = '', payload = '', signed = ''] = genuine.token.split('.');
    const raw = base64url.decode(signed);
    expect(raw.byteLength).toBe(64);
    const integer = (bytes: Uint8Array) => {
      const start = bytes.findIndex((byte) => byte !== 0);
      const trimmed = [...bytes.subarray(start)];
      const positive = (trimmed[0] ?? 0) > 127 ? [0, ...trimmed] : trimmed;
      return [2, positive.length, ...positive];
    };
    const integers = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))];
    const der = base64url.encode(Uint8Array.from([48, integers.length, ...integers]));
    await expectRefused(`${header}.${payload}.${der}`, genuine);
    expect(await isActive('root', genuine.token)).toBe(true);
  });
});

test('a key that the service never published verifies nothing', async () => {
  const pair = await generateKeyPair('ES256');
  await expectRefused(
    await forge(genuine.header, genuine.claims, { alg: 'ES256', privateKey: pair.privateKey }),
    genuine,
  );
});
