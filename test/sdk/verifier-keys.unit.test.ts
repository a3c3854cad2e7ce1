import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { base64url, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Issuer } from '../../src/sdk/verify/issuer.ts';
import { Refusal } from '../../src/sdk/verify/refusal.ts';
import { type VerifierEvent, type VerifierOptions, verifier } from '../../src/sdk/verify.ts';
import {
  AUDIENCE,
  issuer,
  keys,
  METADATA,
  makeToken,
  ordersAt,
  other,
  pair,
  publish,
  refusalOf,
  rsa,
  seconds,
} from './access-tokens.ts';
import { FakeServer, ISSUER, json } from './server.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const down = () => new Response('down', { status: 500 });
const unreachable = () => Promise.reject(new TypeError('fetch failed'));

/** Lets the work in the background end. */
const settle = () => vi.waitFor(async () => pass(1)).then(() => new Promise((resolve) => setImmediate(resolve)));

describe('keys of the issuer', () => {
  test('are fetched once for 1,000 calls at once, also while the server is slow', async () => {
    let answer: (response: Response) => void = () => undefined;
    const server = issuer(() => new Promise<Response>((resolve) => (answer = resolve)));
    const orders = ordersAt(server);
    const token = await makeToken();
    const calls = Array.from({ length: 1000 }, () => orders.verify(token));
    await vi.waitFor(() => expect(server.to('/jwks')).toHaveLength(1));
    answer(json({ keys }));
    expect(await Promise.all(calls)).toHaveLength(1000);
    expect(server.to('/jwks')).toHaveLength(1);
    expect(server.to(METADATA)).toHaveLength(1);
  });

  test('are fetched again in the background, and nobody waits for it', async () => {
    let isSlow = false;
    const server = issuer(() => (isSlow ? new Promise<Response>(() => undefined) : json({ keys })));
    const orders = ordersAt(server);
    await orders.verify(await makeToken());
    isSlow = true;
    await pass(4 * MINUTE + 59_000);
    const started = Date.now();
    await orders.verify(await makeToken());
    await orders.verify(await makeToken());
    expect(Date.now()).toBe(started);
    expect(server.to('/jwks')).toHaveLength(2);
    expect(server.to(METADATA)).toHaveLength(1);
  });

  test('are fetched again before the end of their max-age, out of step with other machines', async () => {
    const ages = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const server = issuer(() => json({ keys }, 200, { 'Cache-Control': 'public, max-age=100' }));
        const orders = ordersAt(server);
        await orders.verify(await makeToken());
        return { server, orders };
      }),
    );
    await pass(74_000);
    for (const { orders } of ages) await orders.verify(await makeToken());
    expect(ages.filter(({ server }) => server.to('/jwks').length > 1)).toEqual([]);
    await pass(13_000);
    for (const { orders } of ages) await orders.verify(await makeToken());
    const early = ages.filter(({ server }) => server.to('/jwks').length > 1).length;
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(30);
    await pass(13_000);
    for (const { orders } of ages) await orders.verify(await makeToken());
    expect(ages.filter(({ server }) => server.to('/jwks').length < 2)).toEqual([]);
  });

  test('that were removed are refused: at once after the next fetch, and after ten minutes in any case', async () => {
    for (const wait of [5 * MINUTE, 10 * MINUTE]) {
      let published = keys;
      const server = issuer(() => json({ keys: published }));
      const orders = ordersAt(server);
      await orders.verify(await makeToken());
      published = [await publish(other, 'k2', 'ES256')];
      await pass(wait);
      if (wait < 10 * MINUTE) {
        await orders.verify(await makeToken());
        await settle();
      }
      expect(await refusalOf(orders.verify(await makeToken()))).toMatchObject({ reason: 'unknown_key', status: 401 });
    }
  });

  test.each([
    ['answers 500', down],
    ['cannot be reached', unreachable],
    ['answers with no keys', () => json({ keys: [] })],
    ['answers with another document', () => json({ error: 'maintenance' })],
    ['does not answer', () => new Promise<Response>(() => undefined)],
    ['answers with too many bytes', () => json({ keys, more: 'a'.repeat(300_000) })],
  ])('serve for a day while the server %s, and then no more', async (_, answer) => {
    let isDown = false;
    const events: VerifierEvent[] = [];
    const server = issuer(() => (isDown ? answer() : json({ keys })));
    const orders = ordersAt(server, { onEvent: (event) => events.push(event) });
    await orders.verify(await makeToken());
    isDown = true;
    await pass(6 * MINUTE);
    await orders.verify(await makeToken());
    await pass(11_000);
    expect(events.at(-1)).toMatchObject({ type: 'failure', operation: 'keys' });
    for (let hour = 0; hour < 23; hour++) {
      const token = await makeToken({ claims: { exp: seconds() + 7200 } });
      await pass(HOUR);
      await orders.verify(token);
    }
    await pass(HOUR);
    const verification = refusalOf(orders.verify(await makeToken()));
    await pass(11_000);
    expect(await verification).toMatchObject({ code: 'temporarily_unavailable', reason: 'keys_unavailable' });
    isDown = false;
    await pass(2 * MINUTE);
    await orders.verify(await makeToken());
  });

  test('of a server that fails are asked for with a back-off, and never before Retry-After', async () => {
    const server = issuer(() => json({}, 503, { 'Retry-After': '30' }));
    const orders = ordersAt(server);
    const token = await makeToken();
    const first = await refusalOf(orders.verify(token));
    expect(first).toMatchObject({ status: 503, isTemporary: true, cause: { code: 'keys_unavailable' } });
    expect(Number(first.headers.get('Retry-After'))).toBeGreaterThanOrEqual(30);
    await pass(29_000);
    for (let call = 0; call < 10; call++) await refusalOf(orders.verify(token));
    expect(server.to('/jwks')).toHaveLength(1);
    await pass(9000);
    await refusalOf(orders.verify(token));
    expect(server.to('/jwks')).toHaveLength(2);
  });

  test('are fetched at once for an unknown kid, past caches, and then not for 30 seconds', async () => {
    let published = keys;
    const server = issuer(() => json({ keys: published }));
    const orders = ordersAt(server);
    await orders.verify(await makeToken());
    published = [...keys, await publish(other, 'k2', 'ES256')];
    await pass(31_000);
    const rotated = () => makeToken({ key: other.privateKey, header: { kid: 'k2' } });
    await orders.verify(await rotated());
    expect(server.to('/jwks')).toHaveLength(2);
    expect(server.to('/jwks')[1]?.headers.get('Cache-Control')).toBe('no-cache');
    for (let call = 0; call < 100; call++) {
      const invented = await makeToken({ key: other.privateKey, header: { kid: `invented-${call}` } });
      expect(await refusalOf(orders.verify(invented))).toMatchObject({ reason: 'unknown_key' });
    }
    expect(server.to('/jwks')).toHaveLength(2);
    await orders.verify(await rotated());
  });

  test('that are unknown while the server is down make nobody call the token invalid', async () => {
    let isDown = false;
    const orders = ordersAt(issuer(() => (isDown ? down() : json({ keys }))));
    await orders.verify(await makeToken());
    isDown = true;
    await pass(31_000);
    const token = await makeToken({ key: other.privateKey, header: { kid: 'k2' } });
    expect(await refusalOf(orders.verify(token))).toMatchObject({ status: 503, reason: 'keys_unavailable' });
    expect(await refusalOf(orders.verify(token))).toMatchObject({ status: 503, reason: 'keys_unavailable' });
    await orders.verify(await makeToken());
  });

  test('without names are found, and replaced ones as well', async () => {
    const bare = async (published: typeof pair): Promise<JWK> => exportJWK(published.publicKey);
    let published = [await bare(other), await bare(rsa)];
    const orders = ordersAt(issuer(() => json({ keys: published })));
    await orders.verify(await makeToken({ key: other.privateKey }));
    expect(await refusalOf(orders.verify(await makeToken()))).toMatchObject({ reason: 'wrong_signature' });
    published = [await bare(pair)];
    await pass(31_000);
    await orders.verify(await makeToken());
  });

  test('of one name are all tried, and a token without a name may be of any key', async () => {
    const twins = [await publish(other, 'k1', 'ES256'), await publish(pair, 'k1', 'ES256')];
    const orders = ordersAt(issuer(() => json({ keys: twins })));
    await orders.verify(await makeToken());
    await orders.verify(await makeToken({ key: other.privateKey }));
    await orders.verify(await makeToken({ header: { kid: undefined } }));
  });

  test('are not tried without end for a token without a name', async () => {
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const pairs = await Promise.all(Array.from({ length: 20 }, () => generateKeyPair('ES256', { extractable: true })));
    const many = await Promise.all(pairs.map((each, index) => publish(each, `k${index}`, 'ES256')));
    const orders = ordersAt(issuer(() => json({ keys: many })));
    const token = await makeToken({ key: other.privateKey, header: { kid: undefined } });
    expect(await refusalOf(orders.verify(token))).toMatchObject({ reason: 'wrong_signature' });
    expect(verify.mock.calls.length).toBeLessThanOrEqual(8);
  });

  test('are found anew if the document moved', async () => {
    let path = '/jwks';
    const server = new FakeServer(({ url }) => {
      const { pathname } = new URL(url);
      if (pathname === METADATA) return json({ issuer: ISSUER, jwks_uri: `${ISSUER}${path}` });
      return pathname === path ? json({ keys }) : new Response('', { status: 404 });
    });
    const orders = ordersAt(server);
    await orders.verify(await makeToken());
    path = '/keys';
    await pass(6 * MINUTE);
    await orders.verify(await makeToken());
    await settle();
    await pass(2000);
    await orders.verify(await makeToken());
    await settle();
    expect(server.to('/keys')).toHaveLength(1);
  });

  test('of another issuer are not used', async () => {
    const server = new FakeServer(() => json({ issuer: 'https://evil.example', jwks_uri: `${ISSUER}/jwks` }));
    expect(await refusalOf(ordersAt(server).verify(await makeToken()))).toMatchObject({
      status: 503,
      cause: { cause: { code: 'wrong_issuer' } },
    });
    expect(server.to('/jwks')).toEqual([]);
  });

  test('may be given, and are then never fetched', async () => {
    const server = issuer();
    const orders = ordersAt(server, { jwks: { keys } });
    const token = await makeToken({ claims: { exp: seconds() + 2 * 86_400 } });
    await pass(25 * HOUR);
    await orders.verify(token);
    const unknown = await makeToken({ header: { kid: 'k2' } });
    expect(await refusalOf(orders.verify(unknown))).toMatchObject({ reason: 'unknown_key' });
    expect(server.requests).toEqual([]);
    expect(() => ordersAt(server, { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } })).toThrow(/jwks/);
  });
});

describe('in workerd, whose requests must not await one another,', () => {
  beforeEach(() => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test('the keys are fetched once for all requests, and again if the request that began it has ended', async () => {
    const ends: ((response: Response) => void)[] = [];
    const server = issuer(() => new Promise<Response>((resolve) => ends.push(resolve)));
    const orders = ordersAt(server, { waitUntil: () => undefined });
    const token = await makeToken();
    // The first never ends.
    void orders.verify(token);
    await vi.waitFor(() => expect(ends).toHaveLength(1));
    const others = Array.from({ length: 50 }, () => orders.verify(token));
    await pass(1500);
    expect(ends).toHaveLength(1);
    await pass(600);
    await vi.waitFor(() => expect(ends).toHaveLength(2));
    ends[1]?.(json({ keys }));
    await pass(100);
    expect(await Promise.all(others)).toHaveLength(50);
    expect(ends).toHaveLength(2);
  });

  test('a fetch in the background keeps the Worker alive', async () => {
    const waitUntil = vi.fn();
    const orders = ordersAt(issuer(), { waitUntil });
    await orders.verify(await makeToken());
    await pass(6 * MINUTE);
    await orders.verify(await makeToken());
    expect(waitUntil).toHaveBeenCalledTimes(1);
    await waitUntil.mock.calls[0]?.[0];
  });
});

describe('the algorithm is never the choice of the token:', () => {
  const kinds = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'] as const;

  test.each(kinds)('a key for %s with or without alg verifies that one only', async (alg) => {
    const made = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(made.publicKey);
    const algorithms = alg === 'PS256' ? ['PS256', 'RS256'] : undefined;
    for (const published of [
      { ...jwk, alg, kid: 'k1' },
      { ...jwk, kid: 'k1' },
    ]) {
      const orders = ordersAt(issuer(), { jwks: { keys: [published] }, algorithms });
      await orders.verify(await makeToken({ header: { alg }, key: made.privateKey }));
      const privateJwk = await exportJWK(made.privateKey);
      for (const wrong of ['RS256', 'RS384', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512'].filter(
        (name) => name !== alg,
      )) {
        const fits = await importJWK({ ...privateJwk, alg: wrong }, wrong).catch(() => undefined);
        // A key of another kind cannot even sign so: the header alone says it then.
        const token = fits
          ? await makeToken({ header: { alg: wrong }, key: fits })
          : (await makeToken({ header: { alg }, key: made.privateKey })).replace(/^[^.]+/, () =>
              base64url.encode(JSON.stringify({ alg: wrong, typ: 'at+jwt', kid: 'k1' })),
            );
        expect(await refusalOf(orders.verify(token))).toMatchObject({
          reason: expect.stringMatching(/unknown_key|wrong_algorithm/),
        });
      }
    }
  });

  test('a public key is not the secret of an HMAC, in none of its forms', async () => {
    const { publicKey } = rsa;
    const jwk = await exportJWK(publicKey);
    const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
    const pem = `-----BEGIN PUBLIC KEY-----\n${btoa(String.fromCharCode(...spki)).replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`;
    for (const published of [keys, keys.map(({ alg: _, kid: __, use: ___, ...bare }) => bare)]) {
      const orders = ordersAt(issuer(), { jwks: { keys: published } });
      for (const secret of [spki, new TextEncoder().encode(pem), new TextEncoder().encode(JSON.stringify(jwk))]) {
        for (const alg of ['HS256', 'HS384', 'HS512']) {
          for (const kid of ['r1', undefined]) {
            const token = await makeToken({ header: { alg, kid }, key: secret });
            expect(await refusalOf(orders.verify(token))).toMatchObject({ reason: 'wrong_algorithm' });
          }
        }
      }
    }
  });

  test('EdDSA and Ed25519 are one algorithm', async () => {
    const made = await generateKeyPair('EdDSA', { extractable: true });
    for (const published of ['EdDSA', 'Ed25519']) {
      const orders = ordersAt(issuer(), { jwks: { keys: [await publish(made, 'k1', published)] } });
      for (const alg of ['EdDSA', 'Ed25519']) {
        await orders.verify(await makeToken({ header: { alg }, key: made.privateKey }));
      }
    }
  });

  test.each<[string, object]>([
    ['for encryption', { use: 'enc' }],
    ['that cannot verify', { key_ops: ['sign'] }],
    ['with an unreadable list of operations', { key_ops: 'verify' }],
    ['that is private', { d: 'AAAA' }],
    ['of another type', { kty: 'RSA' }],
  ])('a key %s is not used', async (_, member) => {
    const [key] = keys;
    const orders = ordersAt(issuer(() => json({ keys: [{ ...key, ...member }, null, 'key', 7, []] })));
    expect(await refusalOf(orders.verify(await makeToken()))).toMatchObject({ reason: 'unknown_key' });
  });

  test('an RSA key of 1024 bits is not used', async () => {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 1024,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    };
    const short = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
    const input = (await makeToken({ header: { alg: 'RS256' }, key: rsa.privateKey })).replace(/\.[^.]*$/, '');
    const bytes = await crypto.subtle.sign(algorithm.name, short.privateKey, new TextEncoder().encode(input));
    const jwk = { ...(await crypto.subtle.exportKey('jwk', short.publicKey)), kid: 'k1' } as JWK;
    const orders = ordersAt(issuer(), { jwks: { keys: [jwk] } });
    const error = await refusalOf(orders.verify(`${input}.${base64url.encode(new Uint8Array(bytes))}`));
    expect(error).toMatchObject({ reason: 'unknown_key' });
  });

  test('what the header says about keys is not read', async () => {
    const jwk = await exportJWK(other.publicKey);
    const server = issuer();
    const orders = ordersAt(server);
    for (const member of [
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/pem' },
      { x5c: ['AAAA'] },
    ]) {
      const token = await makeToken({ key: other.privateKey, header: member });
      expect(await refusalOf(orders.verify(token))).toMatchObject({ reason: 'wrong_signature' });
    }
    expect(server.requests.filter(({ url }) => !url.startsWith(ISSUER))).toEqual([]);
  });

  test.each(["' OR 1=1 --", '../../etc/passwd', '__proto__', 'constructor', '', 'a'.repeat(10_000)])(
    'the kid %.20s is an unknown one',
    async (kid) => {
      expect(await refusalOf(ordersAt(issuer()).verify(await makeToken({ header: { kid } })))).toMatchObject({
        reason: 'unknown_key',
      });
    },
  );

  test.each<[string, Record<string, unknown>]>([
    ['b64', { crit: ['b64'], b64: true }],
    ['an unknown extension', { crit: ['exp'], exp: 1 }],
    ['nothing', { crit: [] }],
    ['a text', { crit: 'b64' }],
  ])('RFC 7515 section 4.1.11: a token whose crit is %s is refused', async (_, member) => {
    const [, claims] = (await makeToken()).split('.');
    const input = `${base64url.encode(JSON.stringify({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...member }))}.${claims}`;
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const bytes = await crypto.subtle.sign(algorithm, pair.privateKey, new TextEncoder().encode(input));
    const error = await refusalOf(ordersAt(issuer()).verify(`${input}.${base64url.encode(new Uint8Array(bytes))}`));
    expect(error.reason).toMatch(/^(malformed|unknown_extension)$/);
  });

  test('of two members with one name the last counts, for the signature as for the claims', async () => {
    const signed = async (header: string, claims: string) => {
      const input = `${base64url.encode(header)}.${base64url.encode(claims)}`;
      const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
      const bytes = await crypto.subtle.sign(algorithm, pair.privateKey, new TextEncoder().encode(input));
      return `${input}.${base64url.encode(new Uint8Array(bytes))}`;
    };
    const header = '{"alg":"ES256","kid":"k1","typ":"at+jwt"}';
    const claims = (aud: string) =>
      `{"aud":"https://billing.example",${aud}"iss":"${ISSUER}","client_id":"c","exp":${seconds() + 60}}`;
    const orders = ordersAt(issuer());
    await orders.verify(await signed(header, claims(`"aud":"${AUDIENCE}",`)));
    expect(await refusalOf(orders.verify(await signed(header, claims(''))))).toMatchObject({
      reason: 'wrong_audience',
    });
    const typed = '{"alg":"ES256","kid":"k1","typ":"at+jwt","typ":"dpop+jwt"}';
    expect(await refusalOf(orders.verify(await signed(typed, claims(''))))).toMatchObject({ reason: 'wrong_type' });
    for (const broken of ['[]', 'null', '"text"', '', '{"iss":}', '\uFEFF{}']) {
      expect(await refusalOf(orders.verify(await signed(header, broken)))).toMatchObject({ reason: 'malformed_claim' });
    }
  });
});

describe('time', () => {
  test.each([-600_000, 600_000])(
    'a clock that is %i ms off accepts no expired token, and refuses no valid one',
    async (off) => {
      const server = issuer();
      const orders = ordersAt(server);
      vi.setSystemTime(Date.now() + off);
      const at = (from: number) => Math.floor(server.now / 1000) + from;
      await orders.verify(await makeToken({ claims: { iat: at(0), exp: at(60) } }));
      const expired = await makeToken({ claims: { iat: at(-300), exp: at(-8) } });
      expect(await refusalOf(orders.verify(expired))).toMatchObject({ reason: 'expired' });
      const early = await makeToken({ claims: { iat: at(60), exp: at(120) } });
      expect(await refusalOf(orders.verify(early))).toMatchObject({ reason: 'not_yet_valid' });
    },
  );

  test('after the machine was suspended, an expired token is refused, and the time is asked again', async () => {
    let isSlow = false;
    const server = issuer(() => (isSlow ? new Promise<Response>(() => undefined) : json({ keys })));
    const orders = ordersAt(server);
    const token = await makeToken({ claims: { exp: seconds() + 30 } });
    await orders.verify(token);
    // The monotonic clock stood still.
    vi.setSystemTime(Date.now() + 2 * MINUTE);
    server.offset += 2 * MINUTE;
    isSlow = true;
    expect(await refusalOf(orders.verify(token))).toMatchObject({ reason: 'expired' });
    await settle();
    expect(server.to('/jwks')).toHaveLength(2);
  });

  test('the clock decides by the tolerance', async () => {
    const orders = ordersAt(issuer(), { jwks: { keys }, clockTolerance: 10 });
    vi.setSystemTime(1_800_000_000_000);
    const at = (claims: Record<string, number>) =>
      makeToken({ claims: { iat: 1_799_999_000, exp: 1_800_001_000, ...claims } }).then((token) =>
        orders.verify(token),
      );
    await at({ exp: 1_799_999_991 });
    expect(await refusalOf(at({ exp: 1_799_999_990 }))).toMatchObject({ reason: 'expired' });
    for (const name of ['nbf', 'iat']) {
      await at({ [name]: 1_800_000_010 });
      expect(await refusalOf(at({ [name]: 1_800_000_011 }))).toMatchObject({ reason: 'not_yet_valid' });
    }
    for (const clockTolerance of [-1, 61, Number.NaN]) {
      expect(() => ordersAt(issuer(), { clockTolerance })).toThrow(/clockTolerance/);
    }
  });
});

// ── Project Wycheproof ──

const FOLDER = process.env.WYCHEPROOF_DIR ?? join(import.meta.dirname, '../../../shared/wycheproof');

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly jws?: unknown;
  readonly msg: string;
  readonly sig: string;
}

interface Group {
  readonly comment: string;
  readonly public?: JWK & { readonly keys?: readonly JWK[] };
  readonly private?: JWK & { readonly keys?: readonly JWK[] };
  readonly publicKeyJwk?: JWK;
  readonly keyJwk?: JWK;
  readonly publicKey: { readonly wx: string; readonly wy: string };
  readonly tests: readonly Vector[];
}

function vectors(file: string): { readonly group: Group; readonly vector: Vector }[] {
  const path = join(FOLDER, file);
  if (!existsSync(path)) return [];
  const { testGroups } = JSON.parse(readFileSync(path, 'utf8')) as { testGroups: readonly Group[] };
  return testGroups.flatMap((group) => group.tests.map((vector) => ({ group, vector })));
}

/** Whether the signature is accepted: what the vectors sign are no claims. */
async function isAccepted(jws: unknown, jwks: readonly JWK[]): Promise<boolean> {
  const header = { types: new Set(['']), algorithms: new Set(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA']) };
  try {
    const options: VerifierOptions = { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: jwks } };
    await new Issuer(options).verify(jws as string, header);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return error.reason === 'malformed_claim';
    if (error instanceof Error && error.message.startsWith('jwks has no public key')) return false;
    throw error;
  }
}

function algorithmIn(jws: unknown): string | undefined {
  try {
    return decodeProtectedHeader(String(jws)).alg;
  } catch {
    return undefined;
  }
}

const name = ({ tcId, comment, flags, result }: Vector) => `${result} ${tcId} ${comment || flags.join()}`;

describe.skipIf(!existsSync(FOLDER))('Project Wycheproof', () => {
  beforeEach(() => {
    vi.useRealTimers();
  });

  const publicKeys = ({ public: published }: Group) => published?.keys ?? (published ? [published] : []);

  test('of the JSON Web Signatures, the invalid ones are refused, and the valid ones by public keys accepted', async () => {
    const wrong = [];
    const counts = { accepted: 0, refused: 0 };
    for (const { group, vector } of vectors('json_web_signature_test.json')) {
      const [key] = publicKeys(group);
      const isOurs =
        key !== undefined && key.kty !== 'oct' && ['ES256', 'RS256', 'PS256', 'EdDSA'].includes(key.alg ?? '');
      // One key, one algorithm: a signature by another is refused, though it is right.
      const isValid = vector.result === 'valid' && isOurs && algorithmIn(vector.jws) === key.alg;
      const accepted = typeof vector.jws === 'string' && (await isAccepted(vector.jws, publicKeys(group)));
      if (accepted !== isValid) wrong.push(name(vector));
      counts[accepted ? 'accepted' : 'refused']++;
    }
    expect(wrong).toEqual([]);
    expect(counts.accepted).toBeGreaterThan(5);
    expect(counts.refused).toBeGreaterThan(100);
  });

  test('of the JSON Web Keys, the wrong ones are refused', async () => {
    const wrong = [];
    for (const { group, vector } of vectors('json_web_key_test.json')) {
      const isSecret = publicKeys(group).length === 0 || publicKeys(group).some(({ kty }) => kty === 'oct');
      // An issuer is trusted to choose a key that nobody can factor.
      if (vector.comment === 'rejectsKeyWithRocaVulnerability') continue;
      const isValid = vector.result === 'valid' && !isSecret;
      if ((await isAccepted(vector.jws, publicKeys(group))) !== isValid) wrong.push(name(vector));
    }
    expect(wrong).toEqual([]);
  });

  const FILES = {
    ES256: 'ecdsa_secp256r1_sha256_p1363_test.json',
    EdDSA: 'ed25519_test.json',
    RS256: 'rsa_signature_2048_sha256_test.json',
    PS256: 'rsa_pss_2048_sha256_mgf1_32_test.json',
  };

  test.each(Object.entries(FILES))('of the signatures by %s, only the valid ones are accepted', async (alg, file) => {
    const fromHex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    const hexToBase64url = (text: string) => base64url.encode(fromHex(text));
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const wrong = [];
    for (const { group, vector } of vectors(file)) {
      const { publicKeyJwk, keyJwk, publicKey } = group;
      const point = () => ({
        kty: 'EC',
        crv: 'P-256',
        x: hexToBase64url(publicKey.wx),
        y: hexToBase64url(publicKey.wy),
      });
      const jwk = { ...(publicKeyJwk ?? keyJwk ?? point()), alg, kid: 'vector' };
      const header = base64url.encode(JSON.stringify({ alg, kid: 'vector' }));
      const jws = `${header}.${base64url.encode('[]')}.${hexToBase64url(vector.sig)}`;
      // A vector's message is not the input of a JWS, so it replaces that when jose calls the runtime.
      const spy = vi
        .spyOn(crypto.subtle, 'verify')
        .mockImplementation((algorithm, key, signature) => verify(algorithm, key, signature, fromHex(vector.msg)));
      const accepted = await isAccepted(jws, [jwk]);
      spy.mockRestore();
      if (accepted !== (vector.result === 'valid')) wrong.push(name(vector));
    }
    expect(wrong).toEqual([]);
  });
});

test('a verifier without an issuer, an audience or usable options is refused when it is made', () => {
  const options = { issuer: ISSUER, audience: AUDIENCE };
  for (const wrong of [
    { audience: '' },
    { issuer: 'http://auth.example.com' },
    { algorithms: ['RS-256'] },
    { algorithms: [] },
    { dpop: { algorithms: ['HS256'] } },
    { dpop: { nonces: 'short' } },
    { dpop: { nonces: [] } },
    { baseUrl: 'orders' },
    { resourceMetadata: 'a" error="b' },
    { metadata: { issuer: ISSUER, jwks_uri: 'http://auth.example.com/jwks' } },
    { revocations: 'introspection' as const },
    { revocations: 'always' as 'none' },
  ]) {
    expect(() => verifier({ ...options, ...wrong }), JSON.stringify(wrong)).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    );
  }
});
