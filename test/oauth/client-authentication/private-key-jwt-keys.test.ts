import { importJWK, type JWK } from 'jose';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  REMOTE_BACK_OFF_MAX,
  REMOTE_KEYS_AGE_MAX,
  REMOTE_KEYS_REFETCH_MIN,
  REMOTE_KEYS_REFRESH_AGE,
} from '../../../src/remote-keys/constants.ts';
import { done, ISSUER } from '../../http.ts';
import { calls, resetCalls, startNewIsolate } from '../../instruments.ts';
import { askWith, assertionOf, keyClient, keyWorld } from '../../machines.ts';
import { asked, publish, publishJson } from '../../remote.ts';
import { newSigner, type Signer } from '../../remote-keys/signers.ts';
import { readError } from '../answers.ts';

const HOST = 'keys.rolling.example';
const LIMIT = { rate_limit: { per_minute: 10_000, burst: 1000 } };

let scene: Awaited<ReturnType<typeof keyWorld>>;
let one: Signer;
let two: Signer;
let counter = 0;

beforeAll(async () => {
  scene = await keyWorld('rolling', LIMIT);
  [one, two] = await Promise.all([newSigner('ES256', { kid: 'one' }), newSigner('EdDSA', { kid: 'two' })]);
});

afterEach(() => {
  vi.useRealTimers();
});

const address = () => `198.18.1.${++counter}`;
const newClient = (keys: readonly JWK[], fields = {}) =>
  keyClient(scene, `client ${++counter}`, keys, { ...LIMIT, ...fields });

/** Returns the status for an assertion signed with this key. Its header may declare another key. */
async function status(clientId: string, signer: Signer, header: Record<string, unknown> = {}): Promise<number> {
  const assertion = await assertionOf(clientId, signer, {}, { kid: signer.publicJwk.kid, ...header });
  return (await askWith(assertion, {}, { address: address() })).status;
}

/** Returns the status and the number of gate calls. */
async function costOf(clientId: string, signer: Signer): Promise<{ status: number; gate: number }> {
  resetCalls();
  return { status: await status(clientId, signer), gate: calls.gate };
}

function later(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
}

describe('of several keys', () => {
  test('the one that the kid names verifies, and no other', async () => {
    const clientId = await newClient([one.publicJwk, two.publicJwk, (await newSigner('RS256')).publicJwk]);
    expect(await status(clientId, one)).toBe(200);
    expect(await status(clientId, two)).toBe(200);
    expect(await status(clientId, two, { kid: 'one' })).toBe(401);
    expect(await status(clientId, one, { kid: 'two' })).toBe(401);
    expect(await status(clientId, one, { kid: 'three' })).toBe(401);
  });

  test('without a kid in the header any of them may be the one', async () => {
    const alike = await newSigner('ES256', { kid: 'alike' });
    const clientId = await newClient([one.publicJwk, alike.publicJwk]);
    for (const signer of [one, alike]) expect(await status(clientId, signer, { kid: undefined })).toBe(200);
    expect(await status(clientId, await newSigner('ES256'), { kid: undefined })).toBe(401);
  });

  test('one that is registered without a kid goes by any name', async () => {
    const nameless = await newSigner('ES256');
    const clientId = await newClient([one.publicJwk, nameless.publicJwk]);
    for (const kid of [undefined, 'whatever', 'one']) expect(await status(clientId, nameless, { kid })).toBe(200);
  });

  test('two may have the same kid', async () => {
    const namesake = await newSigner('ES256', { kid: 'one' });
    const clientId = await newClient([one.publicJwk, namesake.publicJwk]);
    expect([await status(clientId, one), await status(clientId, namesake)]).toEqual([200, 200]);
  });
});

describe('what is registered is seen by the very next request, in an isolate that knows what was before', () => {
  const put = (clientId: string, fields: Record<string, unknown>) =>
    done('PATCH', `clients/${clientId}`, { body: fields });
  const keys = (...signers: Signer[]) => ({ jwks: { keys: signers.map(({ publicJwk }) => publicJwk) } });

  test('a new key is taken and a removed one refused at once, with one gate call more at most', async () => {
    const clientId = await newClient([one.publicJwk]);
    expect(await status(clientId, one)).toBe(200);
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 1 });

    await put(clientId, keys(two));
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 2 });
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 1 });
    expect((await costOf(clientId, one)).status).toBe(401);

    await put(clientId, keys(one));
    expect(await costOf(clientId, two)).toEqual({ status: 401, gate: 2 });
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 1 });
  });

  test('a key in another’s place with the same kid', async () => {
    const clientId = await newClient([one.publicJwk]);
    const successor = await newSigner('ES256', { kid: 'one' });
    expect(await status(clientId, one)).toBe(200);
    await put(clientId, keys(successor));
    expect(await costOf(clientId, successor)).toEqual({ status: 200, gate: 2 });
    expect(await status(clientId, one)).toBe(401);
  });

  test('that a key is for one algorithm from now on', async () => {
    const { privateKey, publicJwk, privateJwk } = await newSigner('PS256', { kid: 'rsa' });
    const clientId = await newClient([publicJwk]);
    const rs256 = (await importJWK({ ...privateJwk, ext: true }, 'RS256')) as CryptoKey;
    const signers: Signer[] = [
      { alg: 'PS256', privateKey, publicJwk, privateJwk },
      { alg: 'RS256', privateKey: rs256, publicJwk, privateJwk },
    ];
    const statuses = () => Promise.all(signers.map((signer) => status(clientId, signer)));
    expect(await statuses()).toEqual([200, 200]);
    await put(clientId, { jwks: { keys: [{ ...publicJwk, alg: 'PS256' }] } });
    expect(await statuses()).toEqual([200, 401]);
  });

  test('a key that was refused a moment ago is taken once it is registered', async () => {
    const clientId = await newClient([one.publicJwk]);
    for (let attempt = 0; attempt < 5; attempt++) expect(await status(clientId, two)).toBe(401);
    await put(clientId, keys(one, two));
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 2 });
  });

  test('a key that stays goes on with one call, whatever else has changed', async () => {
    const clientId = await newClient([one.publicJwk]);
    expect(await status(clientId, one)).toBe(200);
    await put(clientId, keys(two, one));
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 1 });
  });

  test('keys that are published elsewhere from now on, and registered again', async () => {
    const path = '/moved';
    await publishJson(HOST, path, keys(two).jwks);
    const clientId = await newClient([one.publicJwk]);
    expect(await status(clientId, one)).toBe(200);
    await put(clientId, { jwks: null, jwks_uri: `https://${HOST}${path}` });
    expect(await status(clientId, one)).toBe(401);
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 1 });

    await put(clientId, { jwks_uri: null, ...keys(one) });
    expect(await status(clientId, two)).toBe(401);
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 1 });
  });

  test('another address in place of one that does not answer any more, or keys themselves', async () => {
    await publish(HOST, '/dying', { status: 500 });
    await publishJson(HOST, '/alive', keys(two).jwks);
    const clientId = await newClient([], { jwks: null, jwks_uri: `https://${HOST}/dying` });
    expect(await status(clientId, two)).toBe(503);
    await put(clientId, { jwks_uri: `https://${HOST}/alive` });
    expect(await status(clientId, two)).toBe(200);
    await put(clientId, { jwks_uri: `https://${HOST}/dying` });
    expect(await status(clientId, two)).toBe(503);
    await put(clientId, { jwks_uri: null, ...keys(one) });
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 2 });
  });

  test('an issuer’s list of one audience stops being enough once the profile is strict', async () => {
    const clientId = await newClient([one.publicJwk]);
    const listed = async () =>
      (await askWith(await assertionOf(clientId, one, { aud: [ISSUER] }), {}, { address: address() })).status;
    expect(await listed()).toBe(200);
    await put(clientId, { security_profile: 'strict' });
    expect(await listed()).toBe(401);
    await put(clientId, { security_profile: 'standard' });
    expect(await listed()).toBe(200);
  });
});

describe('keys that the client publishes itself', () => {
  /** A client with its own `jwks_uri`. */
  async function published(...signers: Signer[]) {
    const path = `/${++counter}/jwks`;
    const publishKeys = (...some: Signer[]) =>
      publishJson(HOST, path, { keys: some.map(({ publicJwk }) => publicJwk) });
    await publishKeys(...signers);
    const clientId = await newClient([], { jwks: null, jwks_uri: `https://${HOST}${path}` });
    return {
      clientId,
      publishKeys,
      goDown: () => publish(HOST, path, { status: 503 }),
      timesAsked: () => asked(HOST, path),
    };
  }

  test('are fetched once, and a warm request makes one gate call and fetches nothing', async () => {
    const { clientId, timesAsked } = await published(one, two);
    expect(await status(clientId, one)).toBe(200);
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 1 });
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 1 });
    expect(await status(clientId, one, { kid: undefined })).toBe(200);
    expect(await timesAsked()).toBe(1);
  });

  test('by 50 requests at once as well', async () => {
    const { clientId, timesAsked } = await published(one);
    const statuses = await Promise.all(Array.from({ length: 50 }, () => status(clientId, one)));
    expect(statuses).toEqual(Array(50).fill(200));
    expect(await timesAsked()).toBe(1);
  });

  test('roll over by kid with one fetch more', async () => {
    const { clientId, publishKeys, timesAsked } = await published(one);
    expect(await status(clientId, one)).toBe(200);
    await publishKeys(one, two);
    later(REMOTE_KEYS_REFETCH_MIN);
    expect(await costOf(clientId, two)).toEqual({ status: 200, gate: 1 });
    expect([await status(clientId, two), await status(clientId, one)]).toEqual([200, 200]);
    expect(await timesAsked()).toBe(2);

    await publishKeys(two);
    later(REMOTE_KEYS_REFETCH_MIN);
    expect(await status(clientId, await newSigner('ES256', { kid: 'three' }))).toBe(401);
    expect(await status(clientId, one)).toBe(401);
    expect(await status(clientId, two)).toBe(200);
  });

  test('are not fetched anew for made-up kids more than once in a while', async () => {
    const { clientId, timesAsked } = await published(one);
    expect(await status(clientId, one)).toBe(200);
    later(REMOTE_KEYS_REFETCH_MIN);
    for (let attempt = 0; attempt < 15; attempt++) {
      expect(await status(clientId, two, { kid: `made up ${attempt}` })).toBe(401);
    }
    expect(await timesAsked()).toBe(2);
    expect(await status(clientId, one)).toBe(200);
  });

  test('are not fetched for what is refused for what it says', async () => {
    const { clientId, timesAsked } = await published(one);
    for (const claims of [{ aud: 'https://other.example.com' }, { exp: 1 }, { jti: '' }]) {
      expect((await askWith(await assertionOf(clientId, one, claims))).status).toBe(401);
    }
    expect(await timesAsked()).toBe(0);
  });

  test('are believed for hours after their address has gone down', async () => {
    const { clientId, goDown, timesAsked } = await published(one);
    expect(await status(clientId, one)).toBe(200);
    await goDown();
    later(REMOTE_KEYS_REFRESH_AGE + 1);
    expect(await status(clientId, one)).toBe(200);
    await vi.waitFor(async () => expect(await timesAsked()).toBe(2));
    later(REMOTE_KEYS_AGE_MAX - REMOTE_KEYS_REFRESH_AGE - 10);
    expect(await status(clientId, one)).toBe(200);
    later(20 + REMOTE_BACK_OFF_MAX * 2);
    expect(await status(clientId, one)).toBe(503);
  });

  test('that cannot be had are no fault of the client: it comes again, with the same assertion', async () => {
    const { clientId, goDown, publishKeys, timesAsked } = await published(one);
    await goDown();
    const assertion = await assertionOf(clientId, one);
    for (let attempt = 0; attempt < 3; attempt++) {
      const response = await askWith(assertion, {}, { address: address() });
      expect(response.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
      expect(await readError(response)).toEqual({ status: 503, error: 'temporarily_unavailable' });
    }
    expect(await timesAsked()).toBe(1);
    await publishKeys(one);
    later(5);
    expect((await askWith(assertion)).status).toBe(200);
  });

  test('that are no keys at all are as if they could not be had', async () => {
    const path = '/no-keys';
    const clientId = await newClient([], { jwks: null, jwks_uri: `https://${HOST}${path}` });
    await publishJson(HOST, path, { error: 'not_found' });
    expect(await status(clientId, one)).toBe(503);
  });

  test('of another client prove nothing', async () => {
    const [mine, theirs] = [await published(one), await published(two)];
    expect(await status(mine.clientId, two)).toBe(401);
    expect(await status(theirs.clientId, one)).toBe(401);
  });

  test('are forgotten by a new isolate, which fetches them for itself', async () => {
    const { clientId, timesAsked } = await published(one);
    expect(await status(clientId, one)).toBe(200);
    startNewIsolate();
    expect(await costOf(clientId, one)).toEqual({ status: 200, gate: 2 });
    expect(await timesAsked()).toBe(2);
  });
});
