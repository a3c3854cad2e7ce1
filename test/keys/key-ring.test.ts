import { env } from 'cloudflare:workers';
import { decodeProtectedHeader, type JSONWebKeySet, type JWK } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { SIGNING_ALGS } from '../../src/jwt/signing-algs.ts';
import { KeyRing } from '../../src/keys/key-ring.ts';
import { unseal } from '../../src/keys/sealing.ts';
import { readConfig } from '../../src/platform/config.ts';
import type { Env } from '../../src/platform/env.ts';
import { database } from '../../src/store/database.ts';
import { askStore } from '../../src/store/errors.ts';
import { readRing, type StoredSigningKey } from '../../src/store/ring.ts';
import { getToken, send, world } from '../http.ts';
import { calls, failing, hanging, holding, instrument, resetCalls, startNewIsolate } from '../instruments.ts';
import { sized } from '../size.ts';
import { Isolate } from './isolate.ts';

afterEach(async () => {
  vi.useRealTimers();
});

/** Makes a ring that shares only the stores with other rings. */
function newRing(master: string = env.MASTER_KEY): KeyRing {
  const keys = readConfig({ ...env, MASTER_KEY: master }).masterKeys;
  const derived = deriveMasterKeys(keys);
  return new KeyRing(instrument(env as Env), () => derived);
}

/** Lets background work reach its store. */
const underWay = () => env.KV.get('nothing');

const storedKeys = async () => (await readRing(database(env.DB))).keys;

const RACING = sized({ small: 10, soak: 50 });

test(`${RACING} rings that race for the first keys leave one active and one next key for each algorithm, and publish the same`, async () => {
  expect(await storedKeys()).toEqual([]);
  const rings = await Promise.all(Array.from({ length: RACING }, () => newRing().current(Date.now())));

  const places = (await storedKeys()).map(({ alg, status }) => `${alg} ${status}`).sort();
  expect(places).toEqual(SIGNING_ALGS.flatMap((alg) => [`${alg} active`, `${alg} next`]).sort());
  const published = new Set(rings.map(({ jwks }) => jwks));
  expect(published.size).toBe(1);
  const [jwks = ''] = published;
  expect((JSON.parse(jwks) as JSONWebKeySet).keys).toHaveLength(6);
  for (const ring of rings) expect([...ring.active.keys()].sort()).toEqual([...SIGNING_ALGS].sort());
}, 180_000);

test('private halves are stored only sealed, and each seal names the master key that made it', async () => {
  const masterKeys = await deriveMasterKeys(readConfig(env).masterKeys);
  for (const { sealedPrivateJwk, publicJwk } of await storedKeys()) {
    expect(decodeProtectedHeader(sealedPrivateJwk)).toMatchObject({
      alg: 'dir',
      enc: 'A256GCM',
      kid: masterKeys[0].id,
    });
    const { d } = await unseal<JWK>(sealedPrivateJwk, 'signing-key', masterKeys);
    expect(d).toBeTypeOf('string');
    expect(JSON.stringify([sealedPrivateJwk, publicJwk])).not.toContain(d);
    expect(JSON.parse(publicJwk)).not.toHaveProperty('d');
  }
});

test('a ring sealed under an earlier master key opens as long as that one is accepted', async () => {
  const newer = 'bmV3LW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy0tLS0';
  const ring = await newRing(`${newer},${env.MASTER_KEY}`).current(Date.now());
  expect(ring.byKid.size).toBe(6);
  await expect(newRing(newer).current(Date.now())).rejects.toThrow('no longer configured');
});

describe('a lease', () => {
  test('of half a minute is as the ring was read, without a store', async () => {
    const ring = newRing();
    const now = Date.now();
    const first = await ring.current(now);
    resetCalls();
    expect(await ring.current(now + 29_999)).toBe(first);
    await underWay();
    expect(calls).toMatchObject({ d1: 0, kv: 0 });
  });

  test('is renewed in the background before it ends', async () => {
    const ring = newRing();
    const now = Date.now();
    const first = await ring.current(now);
    expect(await ring.current(now + 30_000)).toBe(first);
    await vi.waitFor(async () => expect(await ring.current(now + 30_000)).not.toBe(first));
  });

  test('that was not renewed ends after a minute, and the ring is read again', async () => {
    const ring = newRing();
    const now = Date.now();
    const first = await ring.current(now);
    const renewed = await ring.current(now + 60_000);
    expect(renewed).not.toBe(first);
    expect(renewed.jwks).toBe(first.jwks);
  });

  test('on a ring from KV is renewed after five seconds, so that D1 is soon used again', async () => {
    const ring = newRing();
    const now = Date.now();
    const copied = await failing('d1', () => ring.current(now));
    resetCalls();
    expect(await ring.current(now + 4999)).toBe(copied);
    await underWay();
    expect(calls.d1).toBe(0);
    expect(await ring.current(now + 5000)).toBe(copied);
    await vi.waitFor(async () => expect(await ring.current(now + 5000)).not.toBe(copied));
    expect(calls.d1).toBe(1);
    // From then on the ring has the same lease as any other ring that was read from D1.
    resetCalls();
    const read = await ring.current(now + 34_999);
    expect(await ring.current(now + 34_999)).toBe(read);
    await underWay();
    expect(calls.d1).toBe(0);
  });

  test('goes on with both stores gone, and when it has ended the answer is 503', async () => {
    const { worker } = await world('leased');
    const now = Date.now() + 3_600_000;
    vi.useFakeTimers({ toFake: ['Date'], now });
    const isolate = new Isolate();
    await isolate.getToken(worker);
    await failing('d1', () =>
      failing('kv', async () => {
        vi.setSystemTime(now + 59_999);
        expect((await isolate.requestToken(worker)).status).toBe(200);
        expect((await isolate.send('/.well-known/jwks.json')).status).toBe(200);
        vi.setSystemTime(now + 60_000);
        for (const answer of [await isolate.requestToken(worker), await isolate.send('/.well-known/jwks.json')]) {
          expect(answer.status).toBe(503);
          expect(answer.headers.get('Retry-After')).toBe('2');
        }
      }),
    );
    vi.setSystemTime(now + 62_000);
    expect((await isolate.requestToken(worker)).status).toBe(200);
  });
});

describe('however many ask', () => {
  const crowd = (ring: KeyRing, now: number) => Promise.all(Array.from({ length: 50 }, () => ring.current(now)));

  test('at the same time, the ring is read once', async () => {
    const ring = newRing();
    resetCalls();
    expect(new Set(await crowd(ring, Date.now())).size).toBe(1);
    expect(calls.d1).toBe(1);
  });

  test('while it is renewed, they go on with what they have, and it is read once', async () => {
    const ring = newRing();
    const now = Date.now();
    const first = await ring.current(now);
    resetCalls();
    await holding('d1', async ({ held, release }) => {
      expect(new Set(await crowd(ring, now + 40_000))).toEqual(new Set([first]));
      await vi.waitFor(() => expect(held()).toBe(1));
      expect(new Set(await crowd(ring, now + 50_000))).toEqual(new Set([first]));
      release();
    });
    await vi.waitFor(async () => expect(await ring.current(now + 50_000)).not.toBe(first));
    expect(calls.d1).toBe(1);
  });

  test('with D1 hanging, they wait for it once, and less long than for other answers of a store', async () => {
    const ring = newRing();
    const now = Date.now();
    await hanging('d1', async () => {
      resetCalls();
      const store = askStore('d1', () => new Promise(() => {}));
      const copied = crowd(ring, now);
      expect(await Promise.race([store.catch(() => 'store'), copied.then(() => 'ring')])).toBe('ring');
      expect(calls.d1).toBe(1);
      expect(new Set([...(await copied), ...(await crowd(ring, now + 4999))]).size).toBe(1);
      await underWay();
      expect(calls.d1).toBe(1);
      // Later requests continue with the copy while D1 is read again.
      expect(new Set([...(await copied), ...(await crowd(ring, now + 5000))]).size).toBe(1);
      await vi.waitFor(() => expect(calls.d1).toBe(2));
    });
  });
});

test('with D1 gone a new isolate signs with the copy in KV', async () => {
  const { worker } = await world('d1-gone');
  await getToken(worker);
  await vi.waitFor(async () => expect(await env.KV.get<StoredSigningKey[]>('key-ring', 'json')).toHaveLength(6));
  startNewIsolate();
  const token = await failing('d1', () => getToken(worker));
  const kid = decodeProtectedHeader(token.access_token).kid;
  const { keys } = await (await send('/.well-known/jwks.json')).json<JSONWebKeySet>();
  expect(keys.map((key) => key.kid)).toContain(kid);
});

test('with D1 and KV gone a new isolate answers 503, asks for the ring once a second, and recovers with them', async () => {
  const now = Date.now() + 3_600_000;
  vi.useFakeTimers({ toFake: ['Date'], now });
  const isolate = new Isolate();
  const jwks = () => isolate.send('/.well-known/jwks.json');
  await failing('d1', () =>
    failing('kv', async () => {
      resetCalls();
      for (const milliseconds of [0, 1, 999, 1000, 1001, 1999]) {
        vi.setSystemTime(now + milliseconds);
        const lost = await jwks();
        expect(lost.status).toBe(503);
        expect(lost.headers.get('Retry-After')).toBe('2');
      }
      expect(calls.d1).toBe(2);
    }),
  );
  // When the refused client retries.
  vi.setSystemTime(now + 2000);
  expect((await jwks()).status).toBe(200);
});

test('a copy of the ring that was lost, or never made, comes back with the next isolate', async () => {
  await env.KV.delete('key-ring');
  startNewIsolate();
  await failing('kv', () => send('/.well-known/jwks.json'));
  expect(await env.KV.get('key-ring')).toBeNull();
  startNewIsolate();
  await send('/.well-known/jwks.json');
  await vi.waitFor(async () => expect(await env.KV.get('key-ring', 'json')).toEqual(await storedKeys()));
});

test('with D1 hanging a new isolate takes the copy', async () => {
  startNewIsolate();
  const answer = await hanging('d1', () => send('/.well-known/jwks.json'));
  expect(answer.status).toBe(200);
});
