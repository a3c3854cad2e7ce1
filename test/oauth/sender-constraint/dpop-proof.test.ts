import { exportJWK, SignJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { VerificationAlg } from '../../../src/jwt/public-key.ts';
import type { ProofFailure } from '../../../src/log/reasons.ts';
import { checkProof } from '../../../src/oauth/sender-constraint/dpop-proof.ts';
import { type Credentials, getToken, ISSUER, send, world } from '../../http.ts';
import { requestLines } from '../../log/lines.ts';
import { ask, assertionOf, proofOf, seconds, TOKEN_URL } from '../../machines.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { forge, segment } from '../../tokens/forge.ts';
import { readError, readToken } from '../answers.ts';

// The checks of RFC 9449 section 4.3, one at a time: each proof is valid except for one fault.

const ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const satisfies readonly VerificationAlg[];

let worker: Credentials;
let holder: Signer;
let other: Signer;
let rsa: Signer;

beforeAll(async () => {
  ({ worker } = await world('dpop-proof', { rate_limit: { per_minute: 600_000, burst: 1000 } }));
  [holder, other, rsa] = await Promise.all([newSigner('ES256'), newSigner('ES256'), newSigner('RS256')]);
});

function present(dpop: string): Promise<Response> {
  return ask({ grant_type: 'client_credentials', ...worker }, { dpop });
}

async function expectTaken(proof: string, message?: string): Promise<void> {
  const response = await present(proof);
  expect(response.status, message).toBe(200);
}

async function expectRefused(proof: string, reason: ProofFailure, message?: string): Promise<void> {
  const answers: Response[] = [];
  const lines = await requestLines(async () => answers.push(await present(proof)));
  for (const answer of answers) expect(await readError(answer)).toEqual({ status: 400, error: 'invalid_dpop_proof' });
  expect(lines, message).toMatchObject([{ reason }]);
}

/** A proof with exactly this header, always signed with ES256. */
function forged(header: object, claims: object = {}, { privateKey }: Signer = holder): Promise<string> {
  const usual = { htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: crypto.randomUUID() };
  return forge(header, { ...usual, ...claims }, { alg: 'ES256', privateKey });
}

const USUAL = () => ({ typ: 'dpop+jwt', alg: 'ES256', jwk: holder.publicJwk });

test('a proof that is forged as here, and changed in nothing, is taken: what is refused below is refused for what was changed', async () => {
  await expectTaken(await proofOf(holder));
  await expectTaken(await forged(USUAL()));
});

describe('the header field', () => {
  test('RFC 9449 4.3 (1): two of them are refused, though both proofs are good', async () => {
    const headers = new Headers({ 'Content-Type': 'application/x-www-form-urlencoded' });
    for (const proof of [await proofOf(holder), await proofOf(holder)]) headers.append('DPoP', proof);
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...worker }).toString();
    const response = await send('/oauth2/token', { method: 'POST', headers, body });
    expect(await readError(response)).toEqual({ status: 400, error: 'invalid_dpop_proof' });
  });

  test('RFC 9449 4.3 (1): two proofs in one field are refused, however they are parted', async () => {
    const [one, two] = [await proofOf(holder), await proofOf(holder)];
    for (const between of [',', ', ', ' ', ';', '.']) await expectRefused(one + between + two, 'proof_malformed');
    await expectRefused(`${one},`, 'proof_malformed');
  });

  test('RFC 9449 4.3 (2): what is no JWT in compact form is refused', async () => {
    const proof = await proofOf(holder);
    const [header, claims, signature] = proof.split('.');
    const json = JSON.stringify({ protected: header, payload: claims, signature });
    const texts = ['', 'x', 'a.b', 'a.b.c', `${proof}=`, `${proof}.`, `.${proof}`, `"${proof}"`, `DPoP ${proof}`, json];
    for (const text of [...texts, `${header}.${claims}`, `${header}.${claims}.`]) {
      await expectRefused(text, 'proof_malformed', text);
    }
  });

  test('RFC 9449 4.3 (2): what is JSON but no object, in header or claims, is refused', async () => {
    for (const text of ['[]', 'null', '"text"', '1', '', '{', '{"a":1}x']) {
      await expectRefused(await forge(text, '{}', { ...holder, alg: 'ES256' }), 'proof_malformed', text);
      await expectRefused(await forge(USUAL(), text, { ...holder, alg: 'ES256' }), 'proof_malformed', text);
    }
  });

  test('one of 5 KiB is refused, though the proof is good but for that; one of 4,000 characters is taken', async () => {
    const padded = (length: number) => proofOf(holder, { padding: 'x'.repeat(length) });
    const long = await padded(3600);
    expect(long.length).toBeGreaterThan(5 * 1024);
    await expectRefused(long, 'proof_malformed');
    const fitting = await padded(2600);
    expect(fitting.length).toBeGreaterThan(3900);
    await expectTaken(fitting);
  });

  test('an extension that must be understood is refused', async () => {
    for (const crit of [['exp'], [], ['b64'], null]) {
      await expectRefused(await forged({ ...USUAL(), crit, exp: 1 }), 'proof_malformed');
    }
    await expectRefused(await forged({ ...USUAL(), b64: true }), 'proof_malformed');
  });
});

describe('the claims that must be there', () => {
  test.each(['jti', 'htm', 'htu', 'iat'])('RFC 9449 4.3 (3): without %s it is refused', async (name) => {
    await expectRefused(await proofOf(holder, { [name]: undefined }), 'proof_malformed');
    for (const value of [null, {}, [], true]) {
      await expectRefused(await proofOf(holder, { [name]: value }), 'proof_malformed', `${name} ${value}`);
    }
  });

  test('a jti is a text of 1 to 200 characters', async () => {
    for (const jti of ['', 7, 'x'.repeat(201)]) await expectRefused(await proofOf(holder, { jti }), 'proof_malformed');
    for (const jti of ['.', 'x'.repeat(200)]) await expectTaken(await proofOf(holder, { jti }));
  });

  test('a nonce that is no text is refused', async () => {
    for (const nonce of [1, null, {}, []]) await expectRefused(await proofOf(holder, { nonce }), 'proof_malformed');
  });
});

describe('the type', () => {
  test('RFC 9449 4.3 (4): any other, or none, is refused', async () => {
    for (const typ of [undefined, '', 'JWT', 'at+jwt', 'client-authentication+jwt', 'dpop', 'dpop+jws', 'xdpop+jwt']) {
      await expectRefused(await proofOf(holder, {}, { typ }), 'proof_wrong_type', typ);
    }
    for (const typ of [1, null, ['dpop+jwt']])
      await expectRefused(await forged({ ...USUAL(), typ }), 'proof_malformed');
  });

  test('it is a media type: its case and its prefix do not matter', async () => {
    for (const typ of ['DPoP+JWT', 'application/dpop+jwt']) await expectTaken(await proofOf(holder, {}, { typ }), typ);
  });

  test('RFC 8725 3.11: an access token of ours is no proof, though its header has a key', async () => {
    const { access_token } = await getToken(worker);
    await expectRefused(access_token, 'proof_wrong_type');
    const claims = { iss: ISSUER, sub: worker.client_id, htm: 'POST', htu: TOKEN_URL };
    await expectRefused(await proofOf(holder, claims, { typ: 'at+jwt' }), 'proof_wrong_type');
  });

  test('RFC 8725 3.11: a client assertion is no proof, though its header has a key', async () => {
    await expectRefused(await assertionOf(worker.client_id, holder), 'proof_wrong_type');
    const claims = { htm: 'POST', htu: TOKEN_URL };
    const header = { jwk: holder.publicJwk, typ: 'client-authentication+jwt' };
    await expectRefused(await assertionOf(worker.client_id, holder, claims, header), 'proof_wrong_type');
  });
});

describe('the algorithm', () => {
  test.each(ALGS)('a proof signed with %s is taken, and its key is the one that the token is bound to', async (alg) => {
    const signer = await newSigner(alg);
    for (let time = 0; time < 2; time++) {
      const { answer, claims } = await readToken(await present(await proofOf(signer)));
      expect([answer.token_type, claims.cnf]).toEqual(['DPoP', { jkt: await thumbprintOf(signer) }]);
    }
  });

  test('RFC 9449 4.3 (5): none is refused, in any case, with a signature and without', async () => {
    const claims = segment({ htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: 'none' });
    for (const alg of ['none', 'None', 'NONE', '']) {
      await expectRefused(await forged({ ...USUAL(), alg }), 'proof_wrong_algorithm');
      await expectRefused(`${segment({ ...USUAL(), alg })}.${claims}.AA`, 'proof_wrong_algorithm');
      await expectRefused(`${segment({ ...USUAL(), alg })}.${claims}.`, 'proof_malformed');
    }
  });

  test('RFC 9449 4.3 (5): a symmetric one is refused', async () => {
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const jwk = { kty: 'oct', k: secret.toBase64({ alphabet: 'base64url', omitPadding: true }) };
    for (const [key, header] of [
      [secret, { jwk }],
      [new TextEncoder().encode(JSON.stringify(rsa.publicJwk)), { jwk: rsa.publicJwk }],
    ] as const) {
      const jwt = new SignJWT({ htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: 'symmetric' });
      const proof = await jwt.setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', ...header }).sign(key);
      await expectRefused(proof, 'proof_wrong_algorithm');
    }
    await expectRefused(await forged({ ...USUAL(), jwk }), 'proof_wrong_key');
  });

  test('RFC 9449 4.3 (5): one that is not of the metadata is refused, though the signature is good', async () => {
    await expectRefused(await proofOf(await newSigner('ES384')), 'proof_wrong_algorithm');
    for (const alg of ['es256', 'Es256', 'ES256 ', 'ES256K', 'PS512', 'toString']) {
      await expectRefused(await forged({ ...USUAL(), alg }), 'proof_wrong_algorithm', alg);
    }
    await expectRefused(await forged({ ...USUAL(), alg: ['ES256'] }), 'proof_malformed');
    await expectRefused(await forged({ ...USUAL(), alg: undefined }), 'proof_malformed');
  });
});

describe('the signature', () => {
  test('RFC 9449 4.3 (6): that of another key is refused, of a key that was met before as of one that was not', async () => {
    for (const signer of [await newSigner('ES256'), holder]) {
      await expectRefused(await forged({ ...USUAL(), jwk: signer.publicJwk }, {}, other), 'proof_wrong_signature');
      await expectTaken(await proofOf(signer));
      await expectRefused(await forged({ ...USUAL(), jwk: signer.publicJwk }, {}, other), 'proof_wrong_signature');
    }
  });

  test('RFC 9449 4.3 (6): of other claims, or of another header, it is refused', async () => {
    const [header = '', claims = '', signature = ''] = (await proofOf(holder)).split('.');
    const changed = segment({ htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: 'another' });
    await expectRefused(`${header}.${changed}.${signature}`, 'proof_wrong_signature');
    await expectRefused(`${segment({ ...USUAL(), kid: 'x' })}.${claims}.${signature}`, 'proof_wrong_signature');
    const flipped = signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    await expectRefused(`${header}.${claims}.${flipped}`, 'proof_wrong_signature');
  });

  test('an RSA key signs by the algorithm that it names, and no other', async () => {
    const [, claims = '', signature = ''] = (await proofOf(rsa)).split('.');
    const header = segment({ typ: 'dpop+jwt', alg: 'PS256', jwk: rsa.publicJwk });
    await expectRefused(`${header}.${claims}.${signature}`, 'proof_wrong_signature');
  });
});

describe('the key', () => {
  const withKey = (jwk: unknown) => forged({ ...USUAL(), jwk });

  test('without one it is refused, also where another member tells of one', async () => {
    await expectRefused(await withKey(undefined), 'proof_wrong_key');
    for (const jwk of [null, 'text', 1, [], [holder.publicJwk], {}]) {
      await expectRefused(await withKey(jwk), 'proof_wrong_key', JSON.stringify(jwk));
    }
    const elsewhere = { jku: 'https://example.com/jwks', x5u: 'https://example.com/x5c', kid: 'k' };
    await expectRefused(await forged({ ...USUAL(), jwk: undefined, ...elsewhere }), 'proof_wrong_key');
  });

  test('RFC 9449 4.3 (7): a private one is refused, whole and in part', async () => {
    await expectRefused(await withKey(holder.privateJwk), 'proof_wrong_key');
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      await expectRefused(await withKey({ ...holder.publicJwk, [member]: '' }), 'proof_wrong_key', member);
    }
    await expectRefused(await proofOf(rsa, {}, { jwk: rsa.privateJwk }), 'proof_wrong_key');
  });

  test('one of another type or curve than the algorithm has is refused', async () => {
    const [p384, edwards] = [await newSigner('ES384'), await newSigner('EdDSA')];
    for (const { publicJwk } of [p384, edwards, rsa]) await expectRefused(await withKey(publicJwk), 'proof_wrong_key');
    for (const crv of ['P-384', 'secp256k1', 'p-256', undefined]) {
      await expectRefused(await withKey({ ...holder.publicJwk, crv }), 'proof_wrong_key', crv);
    }
    await expectRefused(await withKey({ ...p384.publicJwk, crv: 'P-256' }), 'proof_wrong_key');
    await expectRefused(
      await proofOf(edwards, {}, { jwk: { ...edwards.publicJwk, crv: 'X25519' } }),
      'proof_wrong_key',
    );
  });

  test('one that says that it is for another algorithm or use is refused', async () => {
    for (const members of [
      { alg: 'ES384' },
      { alg: 'RS256' },
      { alg: 'es256' },
      { use: 'enc' },
      { key_ops: ['sign'] },
      { key_ops: 'verify' },
    ]) {
      const text = JSON.stringify(members);
      await expectRefused(await withKey({ ...holder.publicJwk, ...members }), 'proof_wrong_key', text);
    }
    await expectTaken(await withKey({ ...holder.publicJwk, alg: 'ES256', use: 'sig', key_ops: ['verify'], kid: 'k' }));
  });

  test('one that is no point of its curve, or none at all, is refused', async () => {
    for (const members of [{ x: other.publicJwk.x }, { x: '' }, { y: undefined }, { x: 1 }, { y: '!' }, { y: 'AA' }]) {
      const text = JSON.stringify(members);
      await expectRefused(await withKey({ ...holder.publicJwk, ...members }), 'proof_wrong_key', text);
    }
  });

  test('RFC 7518 3.3: an RSA key of 1024 bits is refused, though the signature is good', async () => {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
    const { publicKey, privateKey } = (await crypto.subtle.generateKey({ ...algorithm, modulusLength: 1024 }, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair;
    const claims = { htm: 'POST', htu: TOKEN_URL, iat: seconds(), jti: 'weak' };
    const header = { typ: 'dpop+jwt', alg: 'RS256', jwk: await exportJWK(publicKey) };
    await expectRefused(await forge(header, claims, { alg: 'RS256', privateKey }), 'proof_wrong_key');
  });
});

describe('the request that it is for', () => {
  test('RFC 9449 4.3 (8): another method is refused; its case matters', async () => {
    for (const htm of ['GET', 'post', 'Post', ' POST', '', '*']) {
      await expectRefused(await proofOf(holder, { htm }), 'proof_wrong_method', htm);
    }
  });

  test.each([
    ['another host', 'https://other.example.com/oauth2/token'],
    ['a host below ours', 'https://x.auth.example.com/oauth2/token'],
    ['a host that begins with ours', `${ISSUER}.evil.example/oauth2/token`],
    ['another scheme', 'http://auth.example.com/oauth2/token'],
    ['another port', 'https://auth.example.com:8443/oauth2/token'],
    ['another path', `${ISSUER}/oauth2/introspect`],
    ['a path below', `${TOKEN_URL}/x`],
    ['a trailing slash', `${TOKEN_URL}/`],
    ['a path in other case', `${ISSUER}/oauth2/Token`],
    ['an encoded slash', `${ISSUER}/oauth2%2Ftoken`],
    ['a character that is encoded twice', `${ISSUER}/oauth2/%2574oken`],
    ['the issuer', ISSUER],
    ['no host', '/oauth2/token'],
    ['a user', 'https://user@auth.example.com/oauth2/token'],
    ['a password', 'https://:x@auth.example.com/oauth2/token'],
    ['another scheme with the same rest', 'wss://auth.example.com/oauth2/token'],
    ['no URI', 'null/oauth2/token'],
    ['nothing', ''],
    ['a broken one', 'https://'],
  ])('RFC 9449 4.3 (9): %s is refused', async (_, htu) => {
    await expectRefused(await proofOf(holder, { htu }), 'proof_wrong_uri');
  });

  test.each([
    ['with a query', `${TOKEN_URL}?tenant=a`],
    ['with a fragment', `${TOKEN_URL}#here`],
    ['with both, and empty', `${TOKEN_URL}?#`],
    ['with the default port', 'https://auth.example.com:443/oauth2/token'],
    ['with an empty port', 'https://auth.example.com:/oauth2/token'],
    ['with scheme and host in capitals', 'HTTPS://AUTH.Example.COM/oauth2/token'],
    ['with dot segments', `${ISSUER}/x/../oauth2/./token`],
    ['with characters encoded that need not be', `${ISSUER}/oauth2/%74oken`],
    ['with an encoded host', 'https://auth%2Eexample.com/oauth2/token'],
  ])('RFC 9449 4.3 (9), RFC 3986 6.2: ours is ours %s', async (_, htu) => {
    await expectTaken(await proofOf(holder, { htu }));
  });

  test('RFC 3986 6.2.2: what must be encoded is so in either case, and nothing else', async () => {
    const now = Date.now();
    const check = async (htu: string, uri: string) =>
      checkProof(await proofOf(holder, { htu }), { method: 'POST', uri }, now);
    const at = (path: string) => `https://a.example/${path}`;
    for (const [one, two] of [
      ['%7Etenant/token', '~tenant/token'],
      ['%c3%bc/token', '%C3%BC/token'],
      ['%C3%BC/token', 'ü/token'],
      ['%2f/token', '%2F/token'],
    ] as const) {
      expect(await check(at(one), at(two)), one).toMatchObject({ alg: 'ES256' });
      expect(await check(at(two), at(one)), two).toMatchObject({ alg: 'ES256' });
    }
    for (const [one, two] of [
      ['%2F/token', '//token'],
      ['%3Ftoken', '?token'],
      ['%25/token', '%2525/token'],
      ['%23/token', ''],
    ] as const) {
      expect(await check(at(one), at(two)), one).toBe('proof_wrong_uri');
    }
  });
});

describe('its time', () => {
  test('RFC 9449 4.3 (11): 10 seconds before and after ours it is taken, 61 seconds it is not', async () => {
    const at = (offset: number) => proofOf(holder, { iat: seconds() + offset });
    for (const offset of [-10, 10]) await expectTaken(await at(offset), `${offset}`);
    await expectRefused(await at(-61), 'proof_too_old');
    await expectRefused(await at(61), 'proof_from_the_future');
    await expectRefused(await at(-86_400), 'proof_too_old');
    await expectRefused(await at(86_400), 'proof_from_the_future');
  });

  test('it is taken from 30 seconds before its iat until 60 seconds after', async () => {
    const iat = 1_800_000_000;
    const proof = await proofOf(holder, { iat });
    const atSecond = (now: number) => checkProof(proof, { method: 'POST', uri: TOKEN_URL }, now * 1000);
    expect(await atSecond(iat - 30.001)).toBe('proof_from_the_future');
    for (const now of [iat - 30, iat, iat + 60]) expect(await atSecond(now)).toMatchObject({ iat });
    expect(await atSecond(iat + 60.001)).toBe('proof_too_old');
  });

  test('a time that is none is refused, and one with a fraction taken', async () => {
    for (const iat of [`${seconds()}`, -1, 1e300, Number.MAX_SAFE_INTEGER + 1]) {
      await expectRefused(await proofOf(holder, { iat }), 'proof_malformed', `${iat}`);
    }
    await expectRefused(await proofOf(holder, { iat: Date.now() }), 'proof_from_the_future');
    await expectTaken(await proofOf(holder, { iat: seconds() + 0.5 }));
  });
});

test('RFC 9449 4.2: the thumbprint of its example’s key is the one of RFC 9449 6.1', async () => {
  const example =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';
  const request = { method: 'POST', uri: 'https://server.example.com/token' };
  expect(await checkProof(example, request, 1_562_262_616_000)).toEqual({
    jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
    alg: 'ES256',
    jti: '-BwC3ESc6acc2lTc',
    iat: 1_562_262_616,
    nonce: undefined,
  });
});

test('RFC 7638 3.1: the thumbprint is of the required members alone', async () => {
  const members = { kid: '2011-04-29', use: 'sig', alg: 'RS256' };
  const { claims } = await readToken(await present(await proofOf(rsa, {}, { jwk: { ...rsa.publicJwk, ...members } })));
  expect(claims.cnf).toEqual({ jkt: await thumbprintOf(rsa) });
});

/** RFC 7638 section 3: the required members in lexicographic order, without whitespace. */
async function thumbprintOf({ publicJwk }: Signer): Promise<string> {
  const { crv, e, kty, n, x, y } = publicJwk;
  const canonical = JSON.stringify(kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y });
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical));
  return new Uint8Array(digest).toBase64({ alphabet: 'base64url', omitPadding: true });
}
