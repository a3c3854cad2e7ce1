import { CompactSign, compactVerify, type JWK } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { VERIFICATION_ALGS } from '../../src/jwt/public-key.ts';
import { REMOTE_KEYS_MAX, REMOTE_KEYS_TRIED } from '../../src/remote-keys/constants.ts';
import { KeySet, type WantedKey } from '../../src/remote-keys/key-set.ts';
import { RemoteKeys } from '../../src/remote-keys/remote-keys.ts';
import { publish, publishJson } from '../remote.ts';
import { faultOf } from './faults.ts';
import { newSigner, signersOf } from './signers.ts';

const HOST = 'documents.key-set.example';

let pages = 0;

/** Publishes a document and returns the keys that are found in it. */
async function findIn(document: unknown, wanted: WantedKey): Promise<CryptoKey[]> {
  const path = `/${++pages}`;
  await publishJson(HOST, path, document);
  return new RemoteKeys().find({ jwks_uri: `https://${HOST}${path}` }, wanted, Date.now());
}

test.each([...VERIFICATION_ALGS, 'ES384' as const])(
  'what a %s key has signed is verified by the key that is found',
  async (alg) => {
    const signer = await newSigner(alg, { kid: 'one' });
    const signed = await new CompactSign(new Uint8Array(8)).setProtectedHeader({ alg }).sign(signer.privateKey);
    const [key, ...others] = await findIn({ keys: [signer.publicJwk] }, { alg, kid: 'one' });
    expect(others).toEqual([]);
    expect((await compactVerify(signed, key ?? new Uint8Array())).protectedHeader.alg).toBe(alg);
  },
);

describe('what is no JWK Set is refused', () => {
  test.each([[null], [[]], ['keys'], [1], [{}], [{ keys: null }], [{ keys: {} }], [{ keys: 'all' }], [{ Keys: [] }]])(
    '%j',
    async (document) => {
      expect(await faultOf(findIn(document, { alg: 'ES256' }))).toBe('malformed');
    },
  );

  test('nested ever deeper', async () => {
    const depth = 32_000;
    await publish(HOST, '/deep', { body: `${'['.repeat(depth)}${']'.repeat(depth)}` });
    const jwks_uri = `https://${HOST}/deep`;
    expect(await faultOf(new RemoteKeys().find({ jwks_uri }, { alg: 'ES256' }, Date.now()))).toBe('malformed');
  });
});

test('a set without keys has none', async () => {
  expect(await findIn({ keys: [] }, { alg: 'ES256' })).toEqual([]);
});

describe('beside a key that fits, one that must not be used is as if it were not there', () => {
  test.each<[string, (jwk: JWK, privateJwk: JWK) => unknown]>([
    ['a private one', (_, privateJwk) => privateJwk],
    ['one with a private member that says nothing', (jwk) => ({ ...jwk, d: '' })],
    ['one of another type', (jwk) => ({ ...jwk, kty: 'RSA' })],
    ['one of a type in other letters', (jwk) => ({ ...jwk, kty: 'ec' })],
    ['one on another curve', (jwk) => ({ ...jwk, crv: 'P-384' })],
    ['one on a curve that is not allowed', (jwk) => ({ ...jwk, crv: 'secp256k1' })],
    ['one that is not on its curve', (jwk) => ({ ...jwk, y: jwk.x })],
    ['one with a point too short', (jwk) => ({ ...jwk, x: 'AA' })],
    ['one for another algorithm', (jwk) => ({ ...jwk, alg: 'ES384' })],
    ['one for encryption', (jwk) => ({ ...jwk, use: 'enc' })],
    ['one that must not verify', (jwk) => ({ ...jwk, key_ops: ['encrypt'] })],
    ['one without a point', ({ x: _, ...jwk }) => jwk],
    ['one whose point is no text', (jwk) => ({ ...jwk, x: [jwk.x] })],
    ['one whose use is no text', (jwk) => ({ ...jwk, use: ['sig'] })],
    ['one whose key_ops is no list', (jwk) => ({ ...jwk, key_ops: 'verify' })],
    ['one whose key_ops are no texts', (jwk) => ({ ...jwk, key_ops: ['verify', 1] })],
    ['a symmetric one', () => ({ kty: 'oct', k: 'c2VjcmV0', alg: 'ES256' })],
    ['null', () => null],
    ['a list', () => []],
    ['a text', () => 'ES256'],
    ['a set', (jwk) => ({ keys: [jwk] })],
  ])('%s', async (_, worsen) => {
    const [good, bad] = [await newSigner('ES256'), await newSigner('ES256')];
    const found = await findIn({ keys: [worsen(bad.publicJwk, bad.privateJwk), good.publicJwk] }, { alg: 'ES256' });
    expect(await signersOf(found, [good, bad])).toEqual([0]);
  });

  test('an RSA key of 1024 bits', async () => {
    const { publicKey } = (await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
      true,
      ['sign', 'verify'],
    )) as CryptoKeyPair;
    const weak = (await crypto.subtle.exportKey('jwk', publicKey)) as JWK;
    const good = await newSigner('RS256');
    const { alg: _, key_ops: __, ...bare } = weak;
    const found = await findIn({ keys: [{ ...bare, kid: 'weak' }, good.publicJwk] }, { alg: 'RS256' });
    expect(await signersOf(found, [good])).toEqual([0]);
  });

  test.each<[string, Partial<JWK>]>([
    ['of no bits', { n: '' }],
    ['with the exponent 1', { e: 'AQ' }],
    ['with an even exponent', { e: 'AQAA' }],
    ['with an endless exponent', { e: 'AQ'.repeat(5000) }],
    ['with a modulus of 200,000 bits', { n: `${'_'.repeat(33_333)}8` }],
  ])('an RSA key %s', async (_, members) => {
    const [good, bad] = [await newSigner('RS256'), await newSigner('RS256', members)];
    const found = await findIn({ keys: [bad.publicJwk, good.publicJwk] }, { alg: 'RS256' });
    expect(await signersOf(found, [good])).toEqual([0]);
  });
});

test('without a kid all that fit are tried, up to a limit that those which cannot be imported do not count for', async () => {
  const signers = await Promise.all(Array.from({ length: REMOTE_KEYS_TRIED + 2 }, () => newSigner('ES256')));
  const other = await newSigner('EdDSA');
  const broken = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' };
  const document = { keys: [other.publicJwk, broken, broken, ...signers.map(({ publicJwk }) => publicJwk)] };
  const found = await findIn(document, { alg: 'ES256' });
  expect(await signersOf(found, signers)).toEqual(signers.slice(0, REMOTE_KEYS_TRIED).map((_, index) => index));
});

test('with a kid only those are tried that have it, letter for letter, all that fit of them', async () => {
  const signers = [
    await newSigner('ES256', { kid: 'a' }),
    await newSigner('ES256', { kid: 'b' }),
    await newSigner('RS256', { kid: 'a' }),
    await newSigner('ES256', { kid: 'a' }),
    await newSigner('ES256', { kid: 'A' }),
    await newSigner('ES256'),
  ];
  const document = { keys: signers.map(({ publicJwk }) => publicJwk) };
  const found = (wanted: WantedKey) => findIn(document, wanted).then((keys) => signersOf(keys, signers));
  expect(await found({ alg: 'ES256', kid: 'a' })).toEqual([0, 3]);
  expect(await found({ alg: 'RS256', kid: 'a' })).toEqual([2]);
  expect(await found({ alg: 'ES256', kid: 'A' })).toEqual([4]);
  expect(await found({ alg: 'ES256', kid: '' })).toEqual([]);
  expect(await found({ alg: 'ES256', kid: '__proto__' })).toEqual([]);
  expect(await found({ alg: 'ES256', kid: 'a'.repeat(1_000_000) })).toEqual([]);
});

test('however often a kid is there, no more keys of it are tried than without one', async () => {
  const { publicJwk } = await newSigner('ES256', { kid: 'a' });
  const found = await findIn({ keys: Array.from({ length: 40 }, () => publicJwk) }, { alg: 'ES256', kid: 'a' });
  expect(found).toHaveLength(REMOTE_KEYS_TRIED);
});

test('a key for another use is found by who asks for that use', async () => {
  const svid = await newSigner('ES256', { kid: 'a', use: 'jwt-svid' });
  const document = { keys: [svid.publicJwk] };
  expect(await findIn(document, { alg: 'ES256', kid: 'a' })).toEqual([]);
  expect(await findIn(document, { alg: 'ES256', kid: 'a', uses: ['jwt-svid'] })).toHaveLength(1);
});

test('of a huge set the first keys are looked at, and no more', async () => {
  const last = await newSigner('ES256', { kid: 'last' });
  const filler = { kty: 'EC', kid: 'f' };
  const keys = (before: number) => [...Array.from({ length: before }, () => filler), last.publicJwk];
  expect(await findIn({ keys: keys(REMOTE_KEYS_MAX - 1) }, { alg: 'ES256', kid: 'last' })).toHaveLength(1);
  expect(await findIn({ keys: keys(REMOTE_KEYS_MAX) }, { alg: 'ES256', kid: 'last' })).toEqual([]);
  expect(await findIn({ keys: keys(1500) }, { alg: 'ES256', kid: 'last' })).toEqual([]);
});

test('a key is imported once, as is one that cannot be', async () => {
  const good = await newSigner('ES256');
  const set = new KeySet({ keys: [{ ...good.publicJwk, y: 'AA' }, good.publicJwk] });
  const imports = vi.spyOn(crypto.subtle, 'importKey');
  try {
    const first = await set.find({ alg: 'ES256' });
    expect(imports.mock.calls.length).toBeGreaterThan(0);
    imports.mockClear();
    expect(await set.find({ alg: 'ES256' })).toEqual(first);
    expect((await set.find({ alg: 'ES256' }))[0]).toBe(first[0]);
    expect(imports).not.toHaveBeenCalled();
  } finally {
    imports.mockRestore();
  }
});

test('of a key nothing is kept but what tells what it is, its certificates among that', async () => {
  const signer = await newSigner('ES256', { kid: 'a', use: 'sig', key_ops: ['verify'], x5c: ['MIIB'] });
  await publishJson(HOST, '/certificates', {
    keys: [{ ...signer.publicJwk, junk: 'x'.repeat(10_000), x5u: 'https://127.0.0.1/' }, signer.privateJwk],
    junk: 'x',
  });
  const keys = await new RemoteKeys().all({ jwks_uri: `https://${HOST}/certificates` }, () => true, Date.now());
  expect(keys).toEqual([signer.publicJwk]);
});
