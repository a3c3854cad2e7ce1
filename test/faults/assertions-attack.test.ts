import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { generateClientId } from '../../src/credentials/client-id.ts';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { AUTHENTICATION_AGE } from '../../src/oauth/constants.ts';
import { readConfig } from '../../src/platform/config.ts';
import { REMOTE_KEYS_REFETCH_MIN } from '../../src/remote-keys/constants.ts';
import { done } from '../http.ts';
import { calls, resetCalls, startNewIsolate } from '../instruments.ts';
import { askWith, assertionOf, keyClient, keyWorld } from '../machines.ts';
import { asked, publishJson } from '../remote.ts';
import { newSigner, type Signer } from '../remote-keys/signers.ts';
import { sized } from '../size.ts';

// An attacker who knows a client_id can make assertions for it: well-formed, for this issuer, with current times. Only the key differs.

const FORGERIES = sized({ small: 600, soak: 2000 });
const AT_ONCE = 100;
const HOME = '192.0.2.1';
const LIMIT = { rate_limit: { per_minute: 100_000, burst: 10_000 } };

afterEach(() => {
  vi.useRealTimers();
});

/** The attacker's key. Forged assertions use three values of `kid` in turn: an unknown one, the client's own, and none. */
const forger = await newSigner('ES256');
const KIDS = ['unknown', 'first', undefined];
const manyAddresses = (attempt: number) => `203.0.${attempt % 5}.${Math.floor(attempt / 5) % 200}`;

/** Forged assertions per client. They can be sent again, because the server never spends an assertion that it refuses. */
const made = new Map<string, readonly string[]>();
async function forgeries(clientId: string): Promise<readonly string[]> {
  const found =
    made.get(clientId) ?? (await Promise.all(KIDS.map((kid) => assertionOf(clientId, forger, {}, { kid }))));
  made.set(clientId, found);
  return found;
}

/** Sends `count` forged assertions at once, each from the address that `addressOf` gives for its number. */
async function forge(clientId: string, from: number, addressOf = manyAddresses, count = AT_ONCE): Promise<number[]> {
  const assertions = await forgeries(clientId);
  const answers = Array.from({ length: count }, (_, index) => {
    const attempt = from + index;
    return askWith(assertions[attempt % KIDS.length] ?? '', {}, { address: addressOf(attempt) });
  });
  return (await Promise.all(answers)).map(({ status }) => status);
}

async function ownStatus(clientId: string, signer: Signer): Promise<number> {
  return (await askWith(await assertionOf(clientId, signer), {}, { address: HOME })).status;
}

/**
 * Sends all forged assertions, a hundred per second of the faked clock, with one request of the real client beside each hundred.
 * @returns the number of gate calls that the forged assertions caused
 */
async function attack(clientId: string, signer: Signer, addressOf = manyAddresses): Promise<number> {
  vi.useFakeTimers({ toFake: ['Date'] });
  resetCalls();
  for (let sent = 0; sent < FORGERIES; sent += AT_ONCE) {
    const [own, forged] = await Promise.all([ownStatus(clientId, signer), forge(clientId, sent, addressOf)]);
    expect(own).toBe(200);
    for (const status of forged) expect([401, 429]).toContain(status);
    vi.setSystemTime(Date.now() + 1000);
  }
  return calls.gate - FORGERIES / AT_ONCE;
}

describe(`${FORGERIES} forged assertions in a client’s name`, () => {
  test.each([
    ['many addresses', manyAddresses],
    ['one other address', () => '198.51.100.7'],
    ['its own address', () => HOME],
  ])('from %s: it gets its tokens, and its gate at most 150 calls for them', async (from, addressOf) => {
    const { clientId, signer } = await keyWorld(`forged-from-${from.replaceAll(' ', '-')}`, LIMIT);
    expect(await ownStatus(clientId, signer)).toBe(200);
    const gateCalls = await attack(clientId, signer, addressOf);
    console.log(`${FORGERIES} forged assertions from ${from}: ${gateCalls} gate calls`);
    expect(gateCalls).toBeLessThanOrEqual(150);
  });

  test('whose keys are published elsewhere: their address is asked every 10 s at most', async () => {
    const [host, path] = ['keys.attacked.example', '/jwks'];
    const { clientId, signer } = await keyWorld('forged-elsewhere', LIMIT);
    await publishJson(host, path, { keys: [signer.publicJwk] });
    await done('PATCH', `clients/${clientId}`, { body: { jwks: null, jwks_uri: `https://${host}${path}` } });
    expect(await ownStatus(clientId, signer)).toBe(200);
    expect(await attack(clientId, signer)).toBeLessThanOrEqual(150);
    expect(await asked(host, path)).toBeLessThanOrEqual(1 + FORGERIES / AT_ONCE / REMOTE_KEYS_REFETCH_MIN);
  });

  test('spend nothing of its allowance', async () => {
    const { clientId, signer } = await keyWorld('forged-allowance', { rate_limit: { per_minute: 1, burst: 5 } });
    for (let sent = 0; sent < 300; sent += AT_ONCE) await forge(clientId, sent);
    const own = await Promise.all(Array.from({ length: 5 }, () => ownStatus(clientId, signer)));
    expect(own).toEqual([200, 200, 200, 200, 200]);
  });

  test('a key that is registered in the midst of them serves at most 5 s later', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { clientId, signer } = await keyWorld('forged-rollover', LIMIT);
    expect(await ownStatus(clientId, signer)).toBe(200);
    for (let sent = 0; sent < 500; sent += AT_ONCE) await forge(clientId, sent);
    const successor = await newSigner('ES256', { kid: 'successor' });
    const keys = [signer.publicJwk, successor.publicJwk];
    await done('PATCH', `clients/${clientId}`, { body: { jwks: { keys } } });
    for (let second = 0; second < AUTHENTICATION_AGE; second++) {
      expect([200, 429]).toContain(await ownStatus(clientId, successor));
      await forge(clientId, 500 + second * AT_ONCE);
      vi.setSystemTime(Date.now() + 1000);
    }
    const [own, other] = await Promise.all([
      ownStatus(clientId, successor),
      ownStatus(clientId, signer),
      forge(clientId, 1500),
    ]);
    expect([own, other]).toEqual([200, 200]);
  });

  test('a cold isolate serves it in the midst of them', async () => {
    const { clientId, signer } = await keyWorld('forged-cold', LIMIT);
    for (let round = 0; round < 5; round++) {
      startNewIsolate();
      const forged = forge(clientId, round * 300, () => HOME, 300);
      expect(await ownStatus(clientId, signer)).toBe(200);
      await forged;
      expect(await ownStatus(clientId, signer)).toBe(200);
    }
  });

  test('a client that is enabled in the midst of them is served at once', async () => {
    const { clientId, signer } = await keyWorld('forged-disabled', LIMIT);
    await done('PATCH', `clients/${clientId}`, { body: { status: 'disabled' } });
    for (let sent = 0; sent < 300; sent += AT_ONCE) await forge(clientId, sent, () => HOME);
    expect([401, 429]).toContain(await ownStatus(clientId, signer));
    await done('PATCH', `clients/${clientId}`, { body: { status: 'active' } });
    expect(await ownStatus(clientId, signer)).toBe(200);
  });

  test('one that is wrong before its key is looked at costs nothing, and holds nobody back', async () => {
    const { clientId, signer } = await keyWorld('forged-badly', LIMIT);
    expect(await ownStatus(clientId, signer)).toBe(200);
    const assertion = await assertionOf(clientId, forger, { aud: 'https://other.example.com' });
    resetCalls();
    for (let sent = 0; sent < 300; sent++) {
      expect((await askWith(assertion, {}, { address: HOME })).status).toBe(401);
    }
    expect(calls).toEqual({ d1: 0, kv: 0, gate: 0, rateLimit: 0 });
  });
});

test('an assertion that was caught and is sent again and again: the client goes on, and its gate hears little of it', async () => {
  const { clientId, signer } = await keyWorld('caught', LIMIT);
  const caught = await assertionOf(clientId, signer);
  expect((await askWith(caught)).status).toBe(200);
  resetCalls();
  for (let sent = 0; sent < 1000; sent += AT_ONCE) {
    const replays = Array.from({ length: AT_ONCE }, (_, index) =>
      askWith(caught, {}, { address: manyAddresses(sent + index) }),
    );
    expect(await ownStatus(clientId, signer)).toBe(200);
    for (const { status } of await Promise.all(replays)) expect(status).toBe(401);
  }
  expect(calls.gate - 10).toBeLessThanOrEqual(AT_ONCE);
  expect(calls).toMatchObject({ d1: 0, kv: 0 });
});

describe('assertions in the name of nobody', () => {
  const ASSERTIONS = sized({ small: 300, soak: 500 });

  /** Sends assertions of made-up client ids and returns the statuses of the answers. */
  async function statusesOf(newId: (attempt: number) => Promise<string> | string, addressOf: (n: number) => string) {
    const statuses: number[] = [];
    for (let sent = 0; sent < ASSERTIONS; sent += AT_ONCE) {
      const answers = Array.from({ length: AT_ONCE }, async (_, index) => {
        const assertion = await assertionOf(await newId(sent + index), forger);
        return askWith(assertion, {}, { address: addressOf(sent + index) });
      });
      for (const { status } of await Promise.all(answers)) statuses.push(status);
    }
    return statuses;
  }

  test('ids that look as if they were generated here cost no gate call and no query', async () => {
    const masterKeys = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys);
    await keyWorld('nobody-own');
    resetCalls();
    const statuses = await statusesOf(
      () => generateClientId(masterKeys),
      () => '198.51.100.20',
    );
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(ASSERTIONS - 20).fill(429)]);
    expect(calls).toMatchObject({ gate: 0, d1: 0, kv: 0 });
  });

  test('ids as others bring them along cost at most 40 queries from one address, then it is held back', async () => {
    const { clientId, signer } = await keyWorld('nobody-imported', LIMIT);
    const imported = await importedClient();
    resetCalls();
    const statuses = await statusesOf(
      (attempt) => `machine-${attempt}`,
      () => '198.51.100.21',
    );
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.slice(-AT_ONCE)).toEqual(Array(AT_ONCE).fill(429));
    expect(calls.d1).toBeLessThanOrEqual(40);
    expect(calls.gate).toBeLessThanOrEqual(40);
    // Known clients at the same address, and clients at other addresses, are not affected.
    const own = await askWith(await assertionOf(clientId, signer), {}, { address: '198.51.100.21' });
    const elsewhere = await askWith(await assertionOf(imported.clientId, imported.signer), {}, { address: HOME });
    expect([own.status, elsewhere.status]).toEqual([200, 200]);
  });

  test('a brought-along id that the isolate knows is served from the attackers’ own address', async () => {
    const { clientId, signer } = await importedClient();
    expect(await ownStatus(clientId, signer)).toBe(200);
    await statusesOf(
      (attempt) => `other-${attempt}`,
      () => HOME,
    );
    expect(await ownStatus(clientId, signer)).toBe(200);
  });

  let counter = 0;
  async function importedClient() {
    const scene = await keyWorld(`nobody-at-${++counter}`);
    const signer = await newSigner('ES256');
    const client_id = `imported-${counter}`;
    return { signer, clientId: await keyClient(scene, 'imported', [signer.publicJwk], { client_id, ...LIMIT }) };
  }
});
