import { describe, expect, test, vi } from 'vitest';
import {
  REMOTE_BACK_OFF_MAX,
  REMOTE_BACK_OFF_MIN,
  REMOTE_DEADLINE_MS,
  REMOTE_KEYS_AGE_MAX,
  REMOTE_KEYS_AWAIT_REFRESH_AGE,
  REMOTE_KEYS_REFETCH_MIN,
  REMOTE_KEYS_REFRESH_AGE,
  REMOTE_SOURCES_MAX,
  REMOTE_SOURCES_PER_REQUEST,
  REMOTE_WAIT_MAX_MS,
} from '../../src/remote-keys/constants.ts';
import { type KeySource, RemoteKeys } from '../../src/remote-keys/remote-keys.ts';
import { asked, type Play, publish, publishIssuer, publishJson } from '../remote.ts';
import { faultOf } from './faults.ts';
import { newSigner, type Signer, signersOf } from './signers.ts';

const HOST = 'sources.remote-keys.example';
const START = 1_800_000_000_000;
const DOWN: Play = { status: 503 };

let pages = 0;

/** A source that publishes keys at its own URL, and one isolate that finds them there. `at` is in seconds after the start. */
function newSource() {
  const path = `/${++pages}`;
  const source: KeySource = { jwks_uri: `https://${HOST}${path}` };
  const remoteKeys = new RemoteKeys();
  return {
    publish: (...signers: Signer[]) => publishJson(HOST, path, { keys: signers.map(({ publicJwk }) => publicJwk) }),
    play: (play: Play) => publish(HOST, path, play),
    asked: () => asked(HOST, path),
    find: (kid: string, at: number) => remoteKeys.find(source, { alg: 'ES256', kid }, START + at * 1000),
    all: (kid: string, at: number) => remoteKeys.all(source, (jwk) => jwk.kid === kid, START + at * 1000),
  };
}

const [a, b] = await Promise.all([newSigner('ES256', { kid: 'a' }), newSigner('ES256', { kid: 'b' })]);

describe('while keys are fresh', () => {
  test('finding one asks nobody', async () => {
    const source = newSource();
    await source.publish(a, b);
    expect(await signersOf(await source.find('a', 0), [a, b])).toEqual([0]);
    const fetches = vi.spyOn(globalThis, 'fetch');
    try {
      for (const at of [0, 1, 11, REMOTE_KEYS_REFRESH_AGE - 1]) {
        expect(await signersOf(await source.find('b', at), [a, b])).toEqual([1]);
        expect(await source.all('a', at)).toHaveLength(2);
      }
      expect(fetches).not.toHaveBeenCalled();
    } finally {
      fetches.mockRestore();
    }
    expect(await source.asked()).toBe(1);
  });

  test('a key that took over is found by asking once more', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.publish(b);
    expect(await signersOf(await source.find('b', REMOTE_KEYS_REFETCH_MIN), [a, b])).toEqual([1]);
    expect(await source.asked()).toBe(2);
    // The previous key is gone from the cache, and causes no additional fetches.
    expect(await source.find('a', REMOTE_KEYS_REFETCH_MIN)).toEqual([]);
    expect(await source.asked()).toBe(2);
  });

  test('whoever makes up kids has the source asked once in a while, and no more', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    const wait = REMOTE_KEYS_REFETCH_MIN;
    for (const [at, times] of [
      [0, 1],
      [wait - 0.001, 1],
      [wait, 2],
      [wait + 1, 2],
      [2 * wait - 0.001, 2],
      [2 * wait, 3],
    ] as const) {
      const found = await Promise.all(Array.from({ length: 20 }, (_, index) => source.find(`made up ${index}`, at)));
      expect(found.flat()).toEqual([]);
      expect(await source.asked()).toBe(times);
    }
    expect(await source.find('a', 2 * wait)).toHaveLength(1);
  });

  test('one that has to be certain of a key for which none fits asks once more as well', async () => {
    const source = newSource();
    await source.publish(a);
    expect(await source.all('b', 0)).toHaveLength(1);
    await source.publish(a, b);
    expect(await source.all('b', 1)).toHaveLength(1);
    expect(await source.all('b', REMOTE_KEYS_REFETCH_MIN)).toHaveLength(2);
  });
});

describe('once keys are no longer fresh', () => {
  test('they are found at once, while the source is asked in the background, once', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.play({ delayMs: 1000, body: JSON.stringify({ keys: [a.publicJwk, b.publicJwk] }) });
    const found = await Promise.all(Array.from({ length: 50 }, () => source.find('a', REMOTE_KEYS_REFRESH_AGE)));
    expect(found.every(({ length }) => length === 1)).toBe(true);
    expect(await source.asked()).toBe(2);
    // This request waits for the fetch that the others began.
    expect(await signersOf(await source.find('b', REMOTE_KEYS_REFRESH_AGE), [a, b])).toEqual([1]);
    expect(await source.find('a', 2 * REMOTE_KEYS_REFRESH_AGE - 1)).toHaveLength(1);
    expect(await source.asked()).toBe(2);
  });

  test('a key that was taken back is gone once the source has said so', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.publish(b);
    expect(await source.find('a', REMOTE_KEYS_REFRESH_AGE)).toHaveLength(1);
    await source.find('b', REMOTE_KEYS_REFRESH_AGE);
    expect(await source.find('a', REMOTE_KEYS_REFRESH_AGE)).toEqual([]);
  });

  test('those that nobody has needed for long are asked for first, and go on where the source fails', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.publish(b);
    expect(await source.find('a', REMOTE_KEYS_AWAIT_REFRESH_AGE)).toEqual([]);
    expect(await source.find('b', REMOTE_KEYS_AWAIT_REFRESH_AGE)).toHaveLength(1);
    await source.play(DOWN);
    const later = 2 * REMOTE_KEYS_AWAIT_REFRESH_AGE;
    expect(await source.find('b', later)).toHaveLength(1);
    const before = await source.asked();
    await source.play({ delayMs: 30_000 });
    // From then on no request waits for it.
    expect(await source.find('b', later + 3600)).toHaveLength(1);
    await vi.waitUntil(async () => (await source.asked()) > before);
  });

  test.each<[string, Play]>([
    ['is down', DOWN],
    ['breaks off', { breaks: 'at_once' }],
    ['answers with something else', { body: '<html>', headers: { 'Content-Type': 'text/html' } }],
    ['redirects', { status: 302, headers: { Location: 'https://127.0.0.1/' } }],
    ['never ends', { body: ' '.repeat(16_384), times: null }],
    ['publishes no keys', { body: '{"error":"maintenance"}' }],
  ])('they are believed while the source %s, and not for ever', async (_, play) => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.play(play);
    for (const at of [REMOTE_KEYS_REFRESH_AGE, REMOTE_KEYS_REFRESH_AGE + 3600, REMOTE_KEYS_AGE_MAX - 1]) {
      const before = await source.asked();
      expect(await source.find('a', at)).toHaveLength(1);
      await vi.waitUntil(async () => (await source.asked()) > before);
    }
    expect(await faultOf(source.find('a', REMOTE_KEYS_AGE_MAX + 3600))).not.toBe('backing_off');
    expect(await faultOf(source.find('a', REMOTE_KEYS_AGE_MAX + 3600))).toBe('backing_off');
    await source.publish(b);
    expect(await source.find('b', REMOTE_KEYS_AGE_MAX + 7200)).toHaveLength(1);
  });
});

describe('a source that fails', () => {
  test('is left alone for ever longer, up to a limit, and asks that come meanwhile are refused at once', async () => {
    const source = newSource();
    await source.play(DOWN);
    let at = 0;
    let times = 0;
    for (const wait of [1, 2, 4, 8, 16, 32, 60, 60, 60].map((factor) => factor * REMOTE_BACK_OFF_MIN)) {
      expect(wait).toBeLessThanOrEqual(REMOTE_BACK_OFF_MAX);
      expect(await faultOf(source.find('a', at))).toBe('status');
      expect(await source.asked()).toBe(++times);
      const meanwhile = await Promise.all([0, 0.5, 0.999].map((part) => faultOf(source.find('a', at + part * wait))));
      expect(meanwhile).toEqual(['backing_off', 'backing_off', 'backing_off']);
      expect(await source.asked()).toBe(times);
      // The random part adds up to half of it, and the failure took less than the deadline.
      at += wait * 1.5 + REMOTE_DEADLINE_MS / 1000;
    }
  });

  test('is left alone from when it has failed, however long that took', async () => {
    const source = newSource();
    await source.play({ delayMs: 30_000 });
    expect(await faultOf(source.find('a', 0))).toBe('deadline');
    // The fetch took three seconds.
    expect(await faultOf(source.find('a', 3))).toBe('backing_off');
    expect(await source.asked()).toBe(1);
  });

  test('begins anew with a short wait once it has answered', async () => {
    const source = newSource();
    await source.play(DOWN);
    for (const at of [0, 100, 200, 300]) await faultOf(source.find('a', at));
    await source.publish(a);
    expect(await source.find('a', 400)).toHaveLength(1);
    await source.play(DOWN);
    const late = 400 + REMOTE_KEYS_AGE_MAX;
    expect(await faultOf(source.find('a', late))).toBe('status');
    expect(await faultOf(source.find('a', late + REMOTE_BACK_OFF_MIN * 1.5 + REMOTE_DEADLINE_MS / 1000))).toBe(
      'status',
    );
  });

  test('is not asked for a made-up kid more often, and whether it has it nobody claims to know', async () => {
    const source = newSource();
    await source.publish(a);
    await source.find('a', 0);
    await source.play(DOWN);
    expect(await faultOf(source.find('b', 10))).toBe('status');
    expect(await faultOf(source.find('b', 15))).toBe('backing_off');
    expect(await source.find('a', 15)).toHaveLength(1);
    expect(await source.asked()).toBe(2);
    expect(await faultOf(source.find('b', 20))).toBe('status');
    expect(await source.asked()).toBe(3);
  });
});

describe('of many that look at the same time', () => {
  test('one asks, and all find', async () => {
    const source = newSource();
    await source.play({ delayMs: 300, body: JSON.stringify({ keys: [a.publicJwk] }) });
    const found = await Promise.all(Array.from({ length: 50 }, () => source.find('a', 0)));
    expect(found.every(({ length }) => length === 1)).toBe(true);
    expect(await source.asked()).toBe(1);
  });

  test('one asks an issuer, and all find', async () => {
    const host = 'issuer.remote-keys.example';
    const issuer = await publishIssuer(host, [a.publicJwk]);
    const remoteKeys = new RemoteKeys();
    const find = () => remoteKeys.find({ issuer }, { alg: 'ES256', kid: 'a' }, START);
    const found = await Promise.all(Array.from({ length: 50 }, find));
    expect(found.every(({ length }) => length === 1)).toBe(true);
    expect(await asked(host, '/.well-known/openid-configuration')).toBe(1);
    expect(await asked(host, '/jwks')).toBe(1);
  });

  test('one asks, and all are told that it failed', async () => {
    const source = newSource();
    await source.play({ ...DOWN, delayMs: 300 });
    const faults = await Promise.all(Array.from({ length: 50 }, () => faultOf(source.find('a', 0))));
    expect(new Set(faults)).toEqual(new Set(['status']));
    expect(await source.asked()).toBe(1);
  });

  test('those who look elsewhere do not wait for a source that hangs', async () => {
    const [slow, quick] = [newSource(), newSource()];
    await Promise.all([slow.play({ delayMs: 30_000 }), quick.publish(a)]);
    let isOver = false;
    const hanging = faultOf(slow.find('a', 0)).finally(() => {
      isOver = true;
    });
    expect(await quick.find('a', 0)).toHaveLength(1);
    expect(isOver).toBe(false);
    expect(await hanging).toBe('deadline');
  });
});

test('nobody waits for ever for what another began, and what comes of it late changes nothing', async () => {
  const source = newSource();
  await source.play({ delayMs: 1500, body: JSON.stringify({ keys: [a.publicJwk] }) });
  const late = source.find('a', 0);
  await vi.waitUntil(async () => (await source.asked()) === 1);
  await source.publish(b);
  const afterwards = REMOTE_WAIT_MAX_MS / 1000;
  expect(await source.find('b', afterwards)).toHaveLength(1);
  expect(await late).toHaveLength(1);
  expect(await source.find('b', afterwards)).toHaveLength(1);
  expect(await source.asked()).toBe(2);
});

test('an issuer and a jwks_uri of one name are two sources', async () => {
  const host = 'both.remote-keys.example';
  const issuer = await publishIssuer(host, [a.publicJwk]);
  await publishJson(host, '/', { keys: [b.publicJwk] });
  const remoteKeys = new RemoteKeys();
  const find = (source: KeySource) => remoteKeys.find(source, { alg: 'ES256' }, START);
  expect(await signersOf(await find({ issuer }), [a, b])).toEqual([0]);
  expect(await signersOf(await find({ jwks_uri: issuer }), [a, b])).toEqual([1]);
});

describe('organizations share the cache', () => {
  const find = (remoteKeys: RemoteKeys, owner: string, url: string, at = 0) =>
    remoteKeys.forRequest(() => owner).find({ jwks_uri: url }, { alg: 'ES256', kid: 'a' }, START + at * 1000);

  test('sources of one that fail, however many, evict no keys, its own neither', async () => {
    const remoteKeys = new RemoteKeys();
    for (const path of ['/own', '/other']) await publishJson(HOST, path, { keys: [a.publicJwk] });
    await find(remoteKeys, 'own', `https://${HOST}/own`);
    await find(remoteKeys, 'other', `https://${HOST}/other`);
    for (let failing = 0; failing < 2 * REMOTE_SOURCES_MAX; failing++) {
      // Refused because of its port, before anything is sent.
      expect(await faultOf(find(remoteKeys, 'own', `https://${HOST}:1/${failing}`))).toBe('address');
    }
    await find(remoteKeys, 'own', `https://${HOST}/own`);
    await find(remoteKeys, 'other', `https://${HOST}/other`);
    expect(await Promise.all(['/own', '/other'].map((path) => asked(HOST, path)))).toEqual([1, 1]);
  });

  test('a request fetches three sources at most, and a repeat of it the next ones', async () => {
    const remoteKeys = new RemoteKeys();
    const urls = Array.from({ length: REMOTE_SOURCES_PER_REQUEST + 1 }, (_, index) => `/many-${index}`);
    for (const path of urls) await publishJson(HOST, path, { keys: [a.publicJwk] });
    const request = async () => {
      const keys = remoteKeys.forRequest(() => 'own');
      const wanted = { alg: 'ES256', kid: 'a' } as const;
      const found = urls.map((path) => keys.find({ jwks_uri: `https://${HOST}${path}` }, wanted, START));
      return (await Promise.allSettled(found)).map(({ status }) => status);
    };
    expect(await request()).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    expect(await request()).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('a host that fails is asked for no other source of the same organization until its back-off ends', async () => {
    const remoteKeys = new RemoteKeys();
    const host = 'down.remote-keys.example';
    const paths = Array.from({ length: 20 }, (_, index) => `/jwks-${index}`);
    for (const path of paths) await publish(host, path, DOWN);
    for (const path of paths) await faultOf(find(remoteKeys, 'own', `https://${host}${path}`));
    expect(await Promise.all(paths.map((path) => asked(host, path)))).toEqual([1, 1, 1, ...Array(17).fill(0)]);
    // Another organization's sources at the host are its own affair.
    expect(await faultOf(find(remoteKeys, 'other', `https://${host}/jwks-19`))).toBe('status');
    expect(await faultOf(find(remoteKeys, 'own', `https://${host}/jwks-4`, 60))).toBe('status');
    expect(await faultOf(find(remoteKeys, 'own', `https://${host}/jwks-5`, 60))).toBe('backing_off');
    await publishJson(host, '/jwks-6', { keys: [a.publicJwk] });
    expect(await find(remoteKeys, 'own', `https://${host}/jwks-6`, 70)).toHaveLength(1);
    expect(await faultOf(find(remoteKeys, 'own', `https://${host}/jwks-7`, 70))).toBe('status');
  });

  test('the back-off of one organization from the host of an issuer’s keys does not stop the fetches of another', async () => {
    const remoteKeys = new RemoteKeys();
    const host = 'shared-issuer.remote-keys.example';
    const keysHost = 'shared-keys.remote-keys.example';
    const issuer = `https://${host}`;
    const jwks_uri = `https://${keysHost}/jwks`;
    await publishJson(host, '/.well-known/openid-configuration', { issuer, jwks_uri }, { delayMs: 300 });
    await publishJson(keysHost, '/jwks', { keys: [a.publicJwk] });
    const ask = (owner: string, at = 0) =>
      remoteKeys.forRequest(() => owner).find({ issuer }, { alg: 'ES256', kid: 'a' }, START + at * 1000);
    const discoveries = () => asked(host, '/.well-known/openid-configuration');

    for (const path of ['/1', '/2', '/3']) {
      await publish(keysHost, path, DOWN);
      expect(await faultOf(find(remoteKeys, 'own', `https://${keysHost}${path}`))).toBe('status');
    }
    // The other one asks while the fetch of the first is under way.
    const own = faultOf(ask('own'));
    await vi.waitUntil(async () => (await discoveries()) === 1);
    const waiting = ask('other');
    expect(await own).toBe('backing_off');
    expect(await waiting).toHaveLength(1);
    expect(await discoveries()).toBe(2);
    // Keys that anybody has fetched serve all.
    expect(await ask('own')).toHaveLength(1);
  });

  test('an organization that backs off from the host of an issuer’s keys does not ask the issuer either', async () => {
    const remoteKeys = new RemoteKeys();
    const host = 'backed-off-issuer.remote-keys.example';
    const keysHost = 'backed-off-keys.remote-keys.example';
    const issuer = `https://${host}`;
    await publishJson(host, '/.well-known/openid-configuration', { issuer, jwks_uri: `https://${keysHost}/jwks` });
    await publishJson(keysHost, '/jwks', { keys: [a.publicJwk] });
    const ask = (owner: string, at = 0) =>
      remoteKeys.forRequest(() => owner).find({ issuer }, { alg: 'ES256', kid: 'a' }, START + at * 1000);
    for (const path of ['/1', '/2', '/3']) {
      await publish(keysHost, path, DOWN);
      await faultOf(find(remoteKeys, 'own', `https://${keysHost}${path}`));
    }
    for (let time = 0; time < 3; time++) expect(await faultOf(ask('own'))).toBe('backing_off');
    expect(await asked(host, '/.well-known/openid-configuration')).toBe(1);
    expect(await ask('own', 60)).toHaveLength(1);
  });

  test('a document that is missing says nothing about its host', async () => {
    const remoteKeys = new RemoteKeys();
    const host = 'partly.remote-keys.example';
    await publish(host, '/missing', { status: 404 });
    await publishJson(host, '/there', { keys: [a.publicJwk] });
    expect(await faultOf(find(remoteKeys, 'own', `https://${host}/missing`))).toBe('status');
    expect(await find(remoteKeys, 'own', `https://${host}/there`)).toHaveLength(1);
  });
});
