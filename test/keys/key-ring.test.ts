import { env } from 'cloudflare:workers';
import { decodeProtectedHeader, type JSONWebKeySet, type JWK } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import type { Env } from '../../src/env.ts';
import { KeyRing } from '../../src/keys/key-ring.ts';
import { unseal } from '../../src/keys/sealing.ts';
import { SIGNING_ALGS } from '../../src/store/client-record.ts';
import { database } from '../../src/store/database.ts';
import { readSigningKeys, type StoredSigningKey } from '../../src/store/signing-keys.ts';
import { getToken, send, world } from '../http.ts';
import { failing, hanging, instrument, startNewIsolate } from '../instruments.ts';

afterEach(async () => {
  vi.useRealTimers();
});

/** A ring that shares nothing with any other but the stores. */
function newRing(master: string = env.MASTER_KEY): KeyRing {
  const keys = readConfig({ ...env, MASTER_KEY: master }).masterKeys;
  return new KeyRing(instrument(env as Env), () => deriveMasterKeys(keys));
}

const storedKeys = () => readSigningKeys(database(env.DB));

test('fifty rings that race for the first keys leave one active and one next key for each algorithm, and publish the same', async () => {
  expect(await storedKeys()).toEqual([]);
  const rings = await Promise.all(Array.from({ length: 50 }, () => newRing().current(Date.now())));

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
    const { d } = await unseal<JWK>(sealedPrivateJwk, masterKeys);
    expect(d).toBeTypeOf('string');
    expect(JSON.stringify([sealedPrivateJwk, publicJwk])).not.toContain(d);
    expect(JSON.parse(publicJwk)).not.toHaveProperty('d');
  }
});

test('a ring sealed under an earlier master key opens as long as that one is accepted', async () => {
  const newer = 'bmV3LW1hc3Rlci1rZXktd2l0aC0zMi1ieXRlcy0tLS0';
  const ring = await newRing(`${newer},${env.MASTER_KEY}`).current(Date.now());
  expect(ring.byKid.size).toBe(6);
  await expect(newRing(newer).current(Date.now())).rejects.toThrow('no longer accepted');
});

test('under its lease a ring is used without a store, and after it read again', async () => {
  const ring = newRing();
  const now = Date.now();
  const first = await ring.current(now);
  expect(await failing('d1', () => failing('kv', () => ring.current(now + 29_000)))).toBe(first);
  const renewed = await ring.current(now + 61_000);
  expect(renewed).not.toBe(first);
  expect(renewed.jwks).toBe(first.jwks);
  await expect(failing('d1', () => failing('kv', () => ring.current(now + 122_000)))).rejects.toThrow('unavailable');
});

test('a lease is renewed in the background before it ends', async () => {
  const ring = newRing();
  const now = Date.now();
  const first = await ring.current(now);
  expect(await ring.current(now + 31_000)).toBe(first);
  await vi.waitFor(async () => expect(await ring.current(now + 31_000)).not.toBe(first));
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

test('with D1 and KV gone a new isolate answers 503, and recovers with them', async () => {
  startNewIsolate();
  const lost = await failing('d1', () => failing('kv', () => send('/.well-known/jwks.json')));
  expect(lost.status).toBe(503);
  expect(lost.headers.get('Retry-After')).toBe('2');
  expect((await send('/.well-known/jwks.json')).status).toBe(200);
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
