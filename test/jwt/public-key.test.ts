import { exportJWK, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  FEDERATION_ALGS,
  fitsAlg,
  hasPrivateMember,
  importPublicKey,
  isAmong,
  VERIFICATION_ALGS,
} from '../../src/jwt/public-key.ts';
import { newSigner } from '../remote-keys/signers.ts';

const RSA = (await newSigner('RS256')).publicJwk;
const P256 = (await newSigner('ES256')).publicJwk;
const P384 = (await newSigner('ES384')).publicJwk;
const ED25519 = (await newSigner('EdDSA')).publicJwk;

/** Returns the algorithms that a key fits. */
const fitting = (jwk: JWK, uses?: string[]) => FEDERATION_ALGS.filter((alg) => fitsAlg(jwk, alg, uses));

describe('RFC 7518 section 3.1: a key is for the algorithms of its kind', () => {
  test.each([
    ['RSA', RSA, ['PS256', 'RS256']],
    ['P-256', P256, ['ES256']],
    ['P-384', P384, ['ES384']],
    ['Ed25519', ED25519, ['EdDSA', 'Ed25519']],
    ['RSA with an alg', { ...RSA, alg: 'PS256' }, ['PS256']],
    ['Ed25519 with its old name', { ...ED25519, alg: 'EdDSA' }, ['EdDSA', 'Ed25519']],
    ['Ed25519 with its new name', { ...ED25519, alg: 'Ed25519' }, ['EdDSA', 'Ed25519']],
    ['a key with another kind’s alg', { ...P256, alg: 'RS256' }, []],
    ['an alg in lower case', { ...P256, alg: 'es256' }, []],
    ['an RSA key for SHA-512', { ...RSA, alg: 'RS512' }, []],
    ['a key for encryption', { ...RSA, use: 'enc' }, []],
    ['a key for signatures', { ...P256, use: 'sig', key_ops: ['verify'] }, ['ES256']],
    ['a key for other operations', { ...P256, key_ops: ['deriveBits'] }, []],
    ['operations that are no list', { ...P256, key_ops: 'verify' as unknown as string[] }, []],
    ['another curve', { ...P256, crv: 'secp256k1' }, []],
    ['X25519', { ...ED25519, crv: 'X25519' }, []],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, []],
    ['a kind in lower case', { ...RSA, kty: 'rsa' }, []],
  ] as [string, JWK, string[]][])('%s', (_, jwk, algs) => {
    expect(fitting(jwk).sort()).toEqual(algs.sort());
  });

  test('what a key is used for may be something else where that is asked', () => {
    expect(fitting({ ...P256, use: 'jwt-svid' }, ['jwt-svid'])).toEqual(['ES256']);
    expect(fitting({ ...P256, use: 'sig' }, ['jwt-svid'])).toEqual([]);
  });
});

test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])('a key with the member %s is no public key', async (name) => {
  const jwk = { ...RSA, [name]: 'AQAB' } as JWK;
  expect(hasPrivateMember(jwk)).toBe(true);
  expect(fitting(jwk)).toEqual([]);
  await expect(importPublicKey(jwk, 'RS256')).rejects.toThrow();
});

test.each([
  ['ES256', P256],
  ['ES384', P384],
  ['PS256', RSA],
  ['RS256', RSA],
  ['EdDSA', ED25519],
  ['Ed25519', ED25519],
] as const)('a key for %s is imported for verifying alone, whatever it says of itself', async (alg, jwk) => {
  const talkative = { ...jwk, ext: false, key_ops: ['sign'], use: 'enc', alg: 'none' };
  const key = await importPublicKey(talkative, alg);
  expect(key).toMatchObject({ type: 'public', usages: ['verify'] });
  expect(await exportJWK(key)).toMatchObject(jwk);
});

describe('RFC 8725 section 3.4: what is no sound key is not imported', () => {
  // An odd modulus of whole bytes.
  const bits = (modulus: number) => ({ ...RSA, n: `${(RSA.n ?? '').slice(0, modulus / 6 - 1)}B` });
  test.each([
    ['an RSA key of 1008 bits', bits(1008), 'RS256'],
    ['an RSA key of 2040 bits', bits(2040), 'PS256'],
    ['an RSA exponent of 1', { ...RSA, e: 'AQ' }, 'RS256'],
    ['an even RSA exponent', { ...RSA, e: 'Ag' }, 'RS256'],
    ['an RSA key without a modulus', { kty: 'RSA', e: 'AQAB' }, 'RS256'],
    ['a point beside the curve', { ...P256, y: P256.x }, 'ES256'],
    ['the point at infinity', { ...P256, x: 'A'.repeat(43), y: 'A'.repeat(43) }, 'ES256'],
    ['a coordinate too short', { ...P256, x: (P256.x ?? '').slice(0, 20) }, 'ES256'],
    ['half a point', { kty: 'EC', crv: 'P-256', x: P256.x }, 'ES256'],
    ['a key of another curve', P384, 'ES256'],
    ['an Ed25519 key too short', { ...ED25519, x: 'AAAA' }, 'EdDSA'],
    ['an EC key for Ed25519', P256, 'EdDSA'],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, 'RS256'],
    ['a symmetric key in another’s clothes', { kty: 'oct' }, 'ES256'],
    ['no kind at all', {}, 'ES256'],
  ] as [string, JWK, 'ES256'][])('%s', async (_, jwk, alg) => {
    await expect(importPublicKey(jwk, alg)).rejects.toThrow();
  });
});

test('the names of algorithms are compared with their case', () => {
  expect(isAmong(VERIFICATION_ALGS, 'ES256')).toBe(true);
  for (const alg of ['es256', 'Es256', 'ES256 ', 'none', 'HS256', 'ES384', 'toString', '']) {
    expect(isAmong(VERIFICATION_ALGS, alg), alg).toBe(false);
  }
});
