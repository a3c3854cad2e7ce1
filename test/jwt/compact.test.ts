import { base64url } from 'jose';
import { describe, expect, test } from 'vitest';
import { isCanonicalBase64url, isCanonicalCompact, mediaType, readUnverified } from '../../src/jwt/compact.ts';
import { seeded } from '../random.ts';
import { segment } from '../tokens/forge.ts';

const HEADER = segment({ alg: 'ES256' });
const CLAIMS = segment({ sub: 'x' });
const SIGNATURE = base64url.encode(new Uint8Array(64));

/** Returns an unsigned JWT with this header and these claims, given as JSON values or raw texts. */
const jwt = (header: unknown, claims: unknown = {}) => `${segment(header)}.${segment(claims)}.${SIGNATURE}`;

/** Returns an unsigned JWT whose claims are these raw bytes. */
const ofBytes = (...bytes: number[]) => `${HEADER}.${base64url.encode(Uint8Array.from(bytes))}.${SIGNATURE}`;

/** Whether some bytes are encoded as this text. */
function isReencodedAlike(text: string): boolean {
  try {
    return text !== '' && base64url.encode(base64url.decode(text)) === text;
  } catch {
    return false;
  }
}

test('of a JWT its claims are read, and of its header what is looked at', () => {
  const header = { alg: 'ES256', kid: 'k', typ: 'JWT', jwk: { kty: 'EC' }, jku: 'https://example.com', x5c: [] };
  expect(readUnverified(jwt(header, { sub: 'x', nested: { a: [1] } }))).toEqual({
    header: { alg: 'ES256', kid: 'k', typ: 'JWT', jwk: { kty: 'EC' } },
    claims: { sub: 'x', nested: { a: [1] } },
  });
  expect(readUnverified(jwt({ alg: 'none' }))).toEqual({ header: { alg: 'none' }, claims: {} });
});

describe('RFC 7515 section 2: only compact serialization, as we write it', () => {
  test.each([
    ['nothing', ''],
    ['dots alone', '..'],
    ['one segment', HEADER],
    ['two segments', `${HEADER}.${CLAIMS}`],
    ['an empty signature', `${HEADER}.${CLAIMS}.`],
    ['a detached payload', `${HEADER}..${SIGNATURE}`],
    ['an empty header', `.${CLAIMS}.${SIGNATURE}`],
    ['four segments', `${HEADER}.${CLAIMS}.${SIGNATURE}.${SIGNATURE}`],
    ['the five segments of a JWE', `${HEADER}.${CLAIMS}.${SIGNATURE}.${SIGNATURE}.${SIGNATURE}`],
    ['a flattened JSON serialization', JSON.stringify({ protected: HEADER, payload: CLAIMS, signature: SIGNATURE })],
    [
      'a general JSON serialization',
      JSON.stringify({ payload: CLAIMS, signatures: [{ protected: HEADER, signature: SIGNATURE }] }),
    ],
    ['padding of the header', `${segment({ alg: 'ES256', a: 1 })}==.${CLAIMS}.${SIGNATURE}`],
    ['padding of the payload', `${HEADER}.e30=.${SIGNATURE}`],
    ['padding of the signature', `${HEADER}.${CLAIMS}.${SIGNATURE}==`],
    ['stray last bits of the payload', `${HEADER}.e31.${SIGNATURE}`],
    ['stray last bits of the signature', `${HEADER}.${CLAIMS}.${SIGNATURE.slice(0, -1)}B`],
    ['a length that no bytes have', `${HEADER}.e30AA.${SIGNATURE}`],
    ['the alphabet with a plus', `${HEADER}.${CLAIMS}.${SIGNATURE.slice(0, -4)}+AAA`],
    ['the alphabet with a slash', `${HEADER}.${CLAIMS}.${SIGNATURE.slice(0, -4)}/AAA`],
    ['a space before', ` ${HEADER}.${CLAIMS}.${SIGNATURE}`],
    ['a line feed behind', `${HEADER}.${CLAIMS}.${SIGNATURE}\n`],
    ['a line feed within', `${HEADER}.${CLAIMS.slice(0, 4)}\n${CLAIMS.slice(4)}.${SIGNATURE}`],
    ['a tab within', `${HEADER}\t.${CLAIMS}.${SIGNATURE}`],
    ['a letter that is none of ASCII', `${HEADER}.${CLAIMS}.${SIGNATURE.slice(0, -1)}Ａ`],
  ])('%s is refused', (_, text) => {
    expect(isCanonicalCompact(text)).toBe(false);
    expect(readUnverified(text)).toBeUndefined();
  });

  test('what is refused above is refused for that alone', () => {
    expect(isCanonicalCompact(`${HEADER}.e30.${SIGNATURE}`)).toBe(true);
    expect(readUnverified(`${HEADER}.${CLAIMS}.${SIGNATURE}`)).toBeDefined();
  });

  test('a segment of up to three characters is canonical if its bytes are encoded in this way, and no other', () => {
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', '=', '+', '/', ' ', 'é'];
    const alsoAfter = (texts: string[]) => texts.flatMap((text) => alphabet.map((last) => text + last));
    const two = alsoAfter(alphabet);
    const three = alsoAfter(two.filter((text) => /^[Aw_=]/.test(text)));
    const wrong = ['', ...alphabet, ...two, ...three, ...three.map((text) => `A${text}`)].filter(
      (text) => isCanonicalBase64url(text) !== isReencodedAlike(text),
    );
    expect(wrong).toEqual([]);
  });

  test('a text has one spelling: of those that differ in one character none decodes alike', () => {
    const random = seeded(7);
    const token = `${HEADER}.${CLAIMS}.${SIGNATURE}`;
    const decoded = (text: string) => text.split('.').map((part) => base64url.decode(part).toString());
    for (let round = 0; round < 2000; round++) {
      const at = random.below(token.length);
      const other = random.pick(['A', 'B', 'Q', 'g', 'w', '-', '_', '9', '=', '+', '.', ' ']);
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      if (changed !== token && isCanonicalCompact(changed)) expect(decoded(changed)).not.toEqual(decoded(token));
    }
  });
});

describe('RFC 7519 section 7.2: header and claims are JSON objects in UTF-8', () => {
  test.each([
    ['claims that are a list', jwt({ alg: 'ES256' }, [])],
    ['claims that are null', jwt({ alg: 'ES256' }, 'null')],
    ['claims that are a text', jwt({ alg: 'ES256' }, '"x"')],
    ['claims that are a number', jwt({ alg: 'ES256' }, '1')],
    ['claims that are no JSON', jwt({ alg: 'ES256' }, '{"a":NaN}')],
    ['claims with something behind', jwt({ alg: 'ES256' }, '{}{}')],
    ['claims that are a JWT', jwt({ alg: 'ES256', cty: 'JWT' }, jwt({ alg: 'ES256' }))],
    ['a header that is a list', jwt([])],
    ['a header that is null', jwt('null')],
    ['a header that is no JSON', jwt('{alg:"ES256"}')],
    ['bytes that are no UTF-8', ofBytes(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ['an overlong encoding', ofBytes(0x7b, 0x22, 0xc0, 0xa2, 0x22, 0x3a, 0x31, 0x7d)],
    ['a byte order mark', ofBytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ['UTF-16', ofBytes(0x7b, 0, 0x7d, 0)],
  ])('%s is refused', (_, text) => {
    expect(readUnverified(text)).toBeUndefined();
  });
});

test.each([
  ['no alg', {}],
  ['an alg that is no text', { alg: 1 }],
  ['an alg that is a list', { alg: ['ES256'] }],
  ['a kid that is a number', { alg: 'ES256', kid: 1 }],
  ['a kid that is null', { alg: 'ES256', kid: null }],
  ['a kid that is an object', { alg: 'ES256', kid: {} }],
  ['a typ that is a list', { alg: 'ES256', typ: ['JWT'] }],
  // RFC 7515 section 4.1.11: an extension that is not understood must be refused.
  ['an extension', { alg: 'ES256', crit: ['exp'], exp: 1 }],
  ['an empty crit', { alg: 'ES256', crit: [] }],
  ['a crit that is null', { alg: 'ES256', crit: null }],
  // RFC 7797 section 6.
  ['an unencoded payload', { alg: 'ES256', crit: ['b64'], b64: false }],
  ['a b64 that no crit names', { alg: 'ES256', b64: false }],
  ['a b64 that changes nothing', { alg: 'ES256', b64: true }],
])('a header with %s is refused', (_, header) => {
  expect(readUnverified(jwt(header))).toBeUndefined();
});

test('inherited names are no members', () => {
  const read = readUnverified(jwt('{"alg":"ES256","__proto__":{"kid":"x","crit":["y"]}}', '{"__proto__":{"sub":"x"}}'));
  expect(read?.header).toEqual({ alg: 'ES256' });
  expect(read?.claims.sub).toBeUndefined();
});

test.each([
  ['JWT', 'jwt'],
  ['application/JWT', 'jwt'],
  ['APPLICATION/at+jwt', 'at+jwt'],
  ['application/application/jwt', 'application/jwt'],
  ['text/jwt', 'text/jwt'],
  ['jwt ', 'jwt '],
])('the media type of %s is %s', (typ, type) => {
  expect(mediaType(typ)).toBe(type);
});
