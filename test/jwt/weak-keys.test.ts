import { base64url, exportJWK, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { importPublicKey } from '../../src/jwt/public-key.ts';
import { hasSmallOrder, isRocaModulus } from '../../src/jwt/weak-keys.ts';
import { newSigner } from '../remote-keys/signers.ts';

const P = 2n ** 255n - 19n;
/** The y coordinate of a point of order eight. */
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** Returns an Ed25519 public key: y in 32 bytes, little-endian, with the sign of x in the top bit. */
function pointAt(y: bigint, sign: 0 | 1): string {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => Number((y >> BigInt(8 * index)) & 255n));
  bytes[31] = (bytes[31] ?? 0) | (sign << 7);
  return base64url.encode(bytes);
}

/** Returns whether a signature made without any key (the neutral point, and zero) verifies for one of 64 messages. */
async function verifiesNothing(x: string): Promise<boolean> {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x };
  const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
  const signature = new Uint8Array(64);
  signature[0] = 1;
  const messages = Array.from({ length: 64 }, () => crypto.getRandomValues(new Uint8Array(16)));
  const verified = await Promise.all(messages.map((text) => crypto.subtle.verify('Ed25519', key, signature, text)));
  return verified.includes(true);
}

describe('an Ed25519 key of small order', () => {
  test.each([
    ['one', 1n],
    ['minus one', P - 1n],
    ['of order four', 0n],
    ['of order eight', Y8],
    ['of order eight, the other', P - Y8],
  ])('%s is refused, for anybody can sign by it', async (_, y) => {
    for (const sign of [0, 1] as const) {
      const x = pointAt(y, sign);
      expect(hasSmallOrder(x)).toBe(true);
      await expect(importPublicKey({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA')).rejects.toThrow(TypeError);
    }
    expect(await verifiesNothing(pointAt(y, 0))).toBe(true);
  });

  test.each([
    ['zero', P],
    ['one', P + 1n],
  ])('%s, written above the prime, is refused', (_, y) => {
    expect(hasSmallOrder(pointAt(y, 0))).toBe(true);
  });

  test('no other is', async () => {
    for (let made = 0; made < 20; made++) {
      const { publicJwk } = await newSigner('EdDSA');
      expect(hasSmallOrder(publicJwk.x ?? '')).toBe(false);
      await expect(importPublicKey(publicJwk, 'Ed25519')).resolves.toMatchObject({ type: 'public' });
    }
  });
});

describe('an RSA modulus that can be factored', () => {
  test('is told by its residues', () => {
    const primes = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101];
    const primorial = [...primes, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167].reduce(
      (product, prime) => product * BigInt(prime),
      1n,
    );
    // A vulnerable modulus has this form: a power of 65537 modulo the product of the first primes.
    const modulus = 2n ** 1800n * primorial + (65537n ** 1234n % primorial);
    const hex = modulus.toString(16);
    expect(isRocaModulus(base64url.encode(Uint8Array.fromHex(hex.padStart(hex.length + (hex.length % 2), '0'))))).toBe(
      true,
    );
  });

  test('no honest one is', async () => {
    const { publicJwk } = await newSigner('RS256');
    expect(isRocaModulus(publicJwk.n ?? '')).toBe(false);
  });
});

describe('a key that is not written in the one way that its thumbprint is of', () => {
  const spellings: [string, (text: string) => string][] = [
    ['padded', (text) => `${text}=`],
    ['with a space before it', (text) => ` ${text}`],
    ['in the other alphabet', (text) => `${text.slice(0, -2)}+/`],
    [
      'with stray bits at its end',
      (text) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1),
    ],
    ['empty', () => ''],
  ];
  test.each(spellings)('%s is refused', async (_, spelled) => {
    for (const [alg, member] of [
      ['ES256', 'x'],
      ['ES256', 'y'],
      ['EdDSA', 'x'],
      ['RS256', 'n'],
    ] as const) {
      const { publicJwk } = await newSigner(alg);
      const jwk: JWK = { ...publicJwk, [member]: spelled(publicJwk[member] ?? '') };
      await expect(importPublicKey(jwk, alg), `${alg} ${member}`).rejects.toThrow();
    }
  });

  test('as it is exported it is taken', async () => {
    const { publicJwk } = await newSigner('ES256');
    const key = await importPublicKey(publicJwk, 'ES256');
    expect(await exportJWK(key)).toMatchObject({ kty: 'EC' });
  });
});
