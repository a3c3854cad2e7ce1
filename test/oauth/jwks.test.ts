import { env } from 'cloudflare:workers';
import { base64url, calculateJwkThumbprint, decodeProtectedHeader, type JWK } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { JWKS_MAX_AGE } from '../../src/constants.ts';
import { SIGNING_ALGS } from '../../src/jwt/signing-algs.ts';
import { getToken, send, world } from '../http.ts';

const PATH = '/.well-known/jwks.json';

let keys: JWK[];

beforeAll(async () => {
  keys = (await (await send(PATH)).json<{ keys: JWK[] }>()).keys;
});

test('K4: every key has a kid of its own, its use and its algorithm, and there are an active and a next one for each', async () => {
  expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
  for (const alg of SIGNING_ALGS) expect(keys.filter((key) => key.alg === alg).length).toBeGreaterThanOrEqual(2);
  for (const key of keys) {
    expect(key.use).toBe('sig');
    expect(key.kid).toBe(await calculateJwkThumbprint(key));
  }
});

test('K4: EC keys are first, then RSA, then OKP: python-jose stops at the first key of another type', () => {
  const types = keys.map(({ kty }) => kty);
  const order = ['EC', 'RSA', 'OKP'];
  expect(types).toEqual(types.toSorted((one = '', other = '') => order.indexOf(one) - order.indexOf(other)));
  expect(new Set(types)).toEqual(new Set(order));
});

test('K4: a token names its key by a kid that is published', async () => {
  const { worker } = await world('published');
  const { kid, alg } = decodeProtectedHeader((await getToken(worker)).access_token);
  expect(keys.filter((key) => key.kid === kid).map((key) => key.alg)).toEqual([alg]);
});

test('K4: nothing but the public members of a key is published', async () => {
  const members = { EC: ['crv', 'x', 'y'], RSA: ['e', 'n'], OKP: ['crv', 'x'] };
  for (const key of keys) {
    const expected = [...(members[key.kty as keyof typeof members] ?? []), 'alg', 'kid', 'kty', 'use'];
    expect(Object.keys(key).sort()).toEqual(expected.sort());
  }
});

test('K4: what is stored of a private key is sealed', async () => {
  const { results } = await env.DB.prepare('SELECT * FROM signing_keys').all<Record<string, string>>();
  expect(results.length).toBe(keys.length);
  for (const row of results) {
    const { sealed_private_jwk = '', ...others } = row;
    expect(decodeProtectedHeader(sealed_private_jwk)).toMatchObject({ alg: 'dir', enc: 'A256GCM' });
    expect(JSON.stringify(others)).not.toMatch(/\\"(d|p|q|dp|dq|qi|k)\\":/);
  }
});

test('K5: an RSA modulus is long enough, and its exponent is not 1', async () => {
  const rsa = keys.filter(({ kty }) => kty === 'RSA');
  expect(rsa).not.toEqual([]);
  for (const { n = '', e } of rsa) {
    const modulus = base64url.decode(n);
    expect(modulus.byteLength * 8).toBeGreaterThanOrEqual(2048);
    expect(modulus[0]).toBeGreaterThan(127);
    expect(e).toBe('AQAB');
  }
});

test('K5: an ES256 signature is R‖S as the runtime verifies it', async () => {
  const { worker } = await world('raw');
  const { access_token } = await getToken(worker);
  const [header = '', payload = '', signature = ''] = access_token.split('.');
  const { kid } = decodeProtectedHeader(access_token);
  const { kty, crv, x, y } = keys.find((key) => key.kid === kid) ?? {};
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('jwk', { kty, crv, x, y } as JsonWebKey, algorithm, false, ['verify']);
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  expect(await crypto.subtle.verify(algorithm, key, Uint8Array.from(base64url.decode(signature)), signed)).toBe(true);
});

describe('caching', () => {
  test('K4: the key set may be cached, for less long than a key is published before it signs', async () => {
    const response = await send(PATH);
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe('application/jwk-set+json');
    expect(response.headers.get('Cache-Control')).toBe(`public, max-age=${JWKS_MAX_AGE}`);
    expect(response.headers.get('ETag')).toMatch(/^"[\w-]+"$/);
  });

  test('K4: whoever has the key set gets 304, by any way to write the condition', async () => {
    const etag = (await send(PATH)).headers.get('ETag') ?? '';
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const response = await send(PATH, { headers: { 'If-None-Match': condition } });
      expect([response.status, await response.text()]).toEqual([304, '']);
      expect(response.headers.get('ETag')).toBe(etag);
      expect(response.headers.get('Cache-Control')).not.toBeNull();
    }
    for (const condition of ['"other"', etag.slice(1, -1), '']) {
      expect((await send(PATH, { headers: { 'If-None-Match': condition } })).status).toBe(200);
    }
  });

  test('K4: HEAD tells the same without a body', async () => {
    const [get, head] = [await send(PATH), await send(PATH, { method: 'HEAD' })];
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['ETag', 'Cache-Control', 'Content-Type']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
  });

  test('K4: nobody writes here', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await send(PATH, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('Allow')).toBe('GET, HEAD, OPTIONS');
    }
  });
});
