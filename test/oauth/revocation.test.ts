import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { KV_EXPIRY_MIN } from '../../src/store/constants.ts';
import { type Credentials, create, getToken, introspect, postForm, revoke, send, world } from '../http.ts';
import { calls, failing, resetCalls } from '../instruments.ts';
import { decode, forge, stealKey } from '../tokens/forge.ts';
import { INACTIVE, isActive } from '../tokens/verdict.ts';

const PATH = '/oauth2/revoke';

let scene: Awaited<ReturnType<typeof world>>;
let stranger: Awaited<ReturnType<typeof world>>;

beforeAll(async () => {
  scene = await world('revoked', { rate_limit: { per_minute: 60_000, burst: 1000 } });
  stranger = await world('another');
});

async function newToken(client: Credentials = scene.worker): Promise<string> {
  return (await getToken(client)).access_token;
}

/** Everything of an answer that can be compared: all but its duration and its request id. */
async function seen(response: Promise<Response>) {
  const answer = await response;
  return {
    status: answer.status,
    headers: [...answer.headers].filter(([name]) => name !== 'x-request-id'),
    body: await answer.text(),
  };
}

describe("another client's token", () => {
  test('I4: it stays active, and the answer is the one for a token that is unknown', async () => {
    const token = await newToken();
    const others = await seen(revoke(stranger.worker, token));
    expect(others).toEqual(await seen(revoke(stranger.worker, 'unknown')));
    expect(others.status).toBe(200);
    expect(await isActive(scene.api, token)).toBe(true);
  });

  test('I4: a client of the same organization, and one that may introspect it, cannot revoke it either', async () => {
    const token = await newToken();
    for (const client of [
      scene.api,
      await create<Credentials>('clients', { organization_id: scene.organization, client_name: 'sibling' }),
    ]) {
      expect(await seen(revoke(client, token))).toEqual(await seen(revoke(client, 'unknown')));
    }
    expect(await isActive(scene.api, token)).toBe(true);
  });

  test('I4: without its own credentials nobody revokes anything', async () => {
    const token = await newToken();
    const { client_id } = scene.worker;
    const forms = [{}, { client_id }, { client_id, client_secret: stranger.worker.client_secret }];
    for (const form of forms) expect((await postForm(PATH, { token, ...form })).status).toBe(401);
    const headers = { Authorization: `Bearer ${env.ROOT_API_KEY}` };
    expect((await postForm(PATH, { token }, { headers })).status).toBe(401);
    expect((await send(`${PATH}?token=${token}`)).status).toBe(405);
    expect(await isActive(scene.api, token)).toBe(true);
  });
});

test('I5: a token is found whatever the hint says', async () => {
  for (const token_type_hint of ['access_token', 'refresh_token', 'urn:example:other', '']) {
    const token = await newToken();
    expect(await seen(revoke(scene.worker, token, { token_type_hint }))).toMatchObject({ status: 200 });
    expect(await isActive(scene.api, token)).toBe(false);
  }
});

test('I6: a token that is unknown, expired, revoked before or garbage is 200', async () => {
  const token = await newToken();
  const { header, claims } = decode(token);
  const now = Math.floor(Date.now() / 1000);
  const expired = await forge(header, { ...claims, iat: now - 120, exp: now - 60 }, await stealKey('ES256'));
  const known = await seen(revoke(scene.worker, token));
  for (const text of [token, expired, crypto.randomUUID(), '.', '..', '\u0000', '💥', '{}', 'x'.repeat(15_000)]) {
    expect(await seen(revoke(scene.worker, text))).toEqual(known);
  }
  expect(known.status).toBe(200);
});

test('I6: no token is 400', async () => {
  const { client_id, client_secret } = scene.worker;
  const response = await postForm(PATH, { client_id, client_secret });
  expect([response.status, await response.json()]).toMatchObject([400, { error: 'invalid_request' }]);
});

describe('durability', () => {
  const copyOf = async (token: string) => {
    const { client_id, jti } = decodeJwt<{ client_id: string }>(token);
    const { keys } = await env.KV.list({ prefix: `revoked:${client_id}:${jti}` });
    return keys[0];
  };

  const awaitCopy = (token: string) => vi.waitUntil(() => copyOf(token), { interval: 50 });

  test('I7: what the gate did not take is 503 with Retry-After, and the token stays active', async () => {
    const token = await newToken();
    await failing('gate', async () => {
      const response = await revoke(scene.worker, token);
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0);
      expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    });
    expect(await isActive(scene.api, token)).toBe(true);
    expect((await revoke(scene.worker, token)).status).toBe(200);
    expect(await isActive(scene.api, token)).toBe(false);
  });

  test('I7: a revocation is copied to KV until its token expires', async () => {
    const token = await newToken();
    await revoke(scene.worker, token);
    expect((await awaitCopy(token)).expiration).toBe(decodeJwt(token).exp);
  });

  test('I7: a token that is about to expire is copied for as long as KV takes at least', async () => {
    const { header, claims } = decode(await newToken());
    const now = Math.floor(Date.now() / 1000);
    const brief = { ...claims, exp: now + 30, jti: crypto.randomUUID() };
    const token = await forge(header, brief, await stealKey('ES256'));
    expect((await revoke(scene.worker, token)).status).toBe(200);
    expect((await awaitCopy(token)).expiration).toBeGreaterThanOrEqual(now + KV_EXPIRY_MIN);
  });

  test('I7: a token that has expired by the clock of the edge that is asked, if that is fast, is revoked everywhere else', async () => {
    const { header, claims } = decode(await newToken());
    const now = Math.floor(Date.now() / 1000);
    const ending = { ...claims, exp: now + 20, jti: crypto.randomUUID() };
    const token = await forge(header, ending, await stealKey('ES256'));
    vi.useFakeTimers({ toFake: ['Date'], now: (now + 50) * 1000 });
    expect((await revoke(scene.worker, token)).status).toBe(200);
    vi.setSystemTime(now * 1000);
    expect(await (await introspect(scene.api, token)).text()).toBe(INACTIVE);
    vi.useRealTimers();
  });

  test('I7: a revocation is acknowledged and in force while KV fails, and its copy arrives when KV works again', async () => {
    const client = await create<Credentials>('clients', {
      organization_id: scene.organization,
      client_name: 'patient',
      grants: [{ resource_server: scene.identifier, scopes: ['read'] }],
    });
    const token = await newToken(client);
    await failing('kv', async () => {
      resetCalls();
      expect((await revoke(client, token)).status).toBe(200);
      expect(await (await introspect(scene.api, token)).text()).toBe(INACTIVE);
      await vi.waitUntil(() => calls.kv >= 2, { interval: 50 });
    });
    expect(await copyOf(token)).toBeUndefined();
    expect((await awaitCopy(token)).expiration).toBe(decodeJwt(token).exp);
  });
});

test('I8: no introspection that begins after a revocation was acknowledged says active, and how long the last such answer takes to arrive', async () => {
  const REVOCATIONS = 200;
  const CONCURRENCY = 20;
  const tokens = await Promise.all(Array.from({ length: REVOCATIONS }, () => newToken()));
  await introspect(scene.api, tokens[0] ?? '');
  let stale = 0;
  let worst = Number.NEGATIVE_INFINITY;
  let worstInactive = 0;

  const follow = async (token: string) => {
    let acknowledged: number | undefined;
    let lastActive = Number.NEGATIVE_INFINITY;
    const polling = (async () => {
      for (;;) {
        const isLate = acknowledged !== undefined;
        if (!(await isActive(scene.api, token))) return;
        if (isLate) stale++;
        lastActive = performance.now();
      }
    })();
    expect((await revoke(scene.worker, token)).status).toBe(200);
    acknowledged = performance.now();
    if (await isActive(scene.api, token)) stale++;
    worstInactive = Math.max(worstInactive, performance.now() - acknowledged);
    await polling;
    worst = Math.max(worst, lastActive - acknowledged);
  };

  const queue = tokens.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const token of queue) await follow(token);
    }),
  );
  console.log(
    `${REVOCATIONS} revocations, ${CONCURRENCY} at once: the last "active": true arrived ${worst.toFixed(1)} ms after the acknowledgement` +
      ` at worst; the first introspection after it was answered within ${worstInactive.toFixed(1)} ms`,
  );
  expect(stale).toBe(0);
});

test('I9: a token is revoked however it is written: by its jti', async () => {
  const token = await newToken();
  const { header, claims } = decode(token);
  const keys = { ES256: await stealKey('ES256'), RS256: await stealKey('RS256'), EdDSA: await stealKey('EdDSA') };
  const writings = [
    await forge(header, claims, keys.ES256),
    await forge({ ...header, cty: 'other' }, claims, keys.ES256),
    await forge(header, ` ${JSON.stringify(claims)}`, keys.ES256),
    await forge(header, Object.fromEntries(Object.entries(claims).reverse()), keys.ES256),
    await forge({ ...header, alg: 'RS256', kid: keys.RS256.kid }, claims, keys.RS256),
    await forge({ ...header, alg: 'EdDSA', kid: keys.EdDSA.kid }, claims, keys.EdDSA),
    await forge(header, { ...claims, scope: 'read' }, keys.ES256),
  ];
  expect(new Set([token, ...writings]).size).toBe(writings.length + 1);
  for (const writing of writings) expect(await isActive(scene.api, writing)).toBe(true);

  expect((await revoke(scene.worker, token)).status).toBe(200);
  for (const writing of [token, ...writings]) expect(await isActive(scene.api, writing)).toBe(false);
});

test('I9: revoking one writing revokes the token', async () => {
  const token = await newToken();
  const { header, claims } = decode(token);
  const writing = await forge(header, claims, await stealKey('ES256'));
  expect(writing).not.toBe(token);
  expect((await revoke(scene.worker, writing)).status).toBe(200);
  expect(await isActive(scene.api, token)).toBe(false);
});
