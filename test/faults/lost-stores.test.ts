import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import {
  type Credentials,
  create,
  getToken,
  introspect,
  manage,
  postForm,
  requestToken,
  revoke,
  send,
  world,
} from '../http.ts';
import { failing, hanging, startNewIsolate } from '../instruments.ts';

const evict = (client: Credentials) => evictDurableObject(env.CLIENT_GATE.getByName(client.client_id));

async function isActive(answer: Promise<Response>): Promise<boolean> {
  return (await (await answer).json<{ active: boolean }>()).active;
}

async function expectUnavailable(answer: Promise<Response>): Promise<void> {
  const { status, headers } = await answer;
  expect(status).toBe(503);
  expect(headers.get('Retry-After')).toBe('2');
}

test('with D1 gone, clients that were seen get tokens, introspect and revoke: in a new isolate, their gates evicted', async () => {
  const { worker, api, organization } = await world('without-d1');
  const { access_token: seen } = await getToken(worker);
  await introspect(api, seen);
  await vi.waitFor(async () => expect(await env.KV.get('key-ring')).not.toBeNull());
  const unseen = await create<Credentials>('clients', { organization_id: organization, client_name: 'unseen' });

  await evict(worker);
  await evict(api);
  startNewIsolate();
  await failing('d1', async () => {
    const { access_token } = await getToken(worker);
    expect(await isActive(introspect(api, access_token))).toBe(true);
    expect((await revoke(worker, seen)).status).toBe(200);
    expect(await isActive(introspect(api, seen))).toBe(false);
    expect((await send('/.well-known/jwks.json')).status).toBe(200);
    expect((await send('/.well-known/oauth-authorization-server')).status).toBe(200);
    await expectUnavailable(requestToken(unseen));
    await expectUnavailable(manage('organizations', { name: 'x' }));
    expect(await (await send('/healthz')).json()).toMatchObject({
      stores: { d1: 'unavailable', kv: 'ok', gates: 'ok' },
    });
  });
  expect((await manage('organizations', { name: 'D1 is back' })).status).toBe(201);
});

test('with KV gone nothing is noticed', async () => {
  const { worker, api } = await world('without-kv');
  startNewIsolate();
  await failing('kv', async () => {
    const { access_token } = await getToken(worker);
    expect(await isActive(introspect(api, access_token))).toBe(true);
    expect((await revoke(worker, access_token)).status).toBe(200);
    expect(await isActive(introspect(api, access_token))).toBe(false);
    expect((await manage('organizations', { name: 'made without KV' })).status).toBe(201);
  });
});

test('with a gate gone its client gets 503, its tokens are neither active nor inactive, and another client notices nothing', async () => {
  const { worker, api } = await world('without-gate');
  const { worker: other, api: otherApi } = await world('with-gate');
  const { access_token } = await getToken(worker);
  const { access_token: others } = await getToken(other);
  await failing(`gate:${worker.client_id}`, async () => {
    await expectUnavailable(requestToken(worker));
    await expectUnavailable(introspect(api, access_token));
    await expectUnavailable(revoke(worker, access_token));
    expect((await requestToken(other)).status).toBe(200);
    expect(await isActive(introspect(otherApi, others))).toBe(true);
  });
  expect(await isActive(introspect(api, access_token))).toBe(true);
});

test('a store that hangs is treated as gone', async () => {
  const { worker, api } = await world('hanging');
  const { access_token } = await getToken(worker);
  await introspect(api, access_token);
  await hanging(`gate:${worker.client_id}`, async () => {
    await Promise.all([
      expectUnavailable(requestToken(worker)),
      expectUnavailable(introspect(api, access_token)),
      expectUnavailable(introspect(api, access_token)),
      expectUnavailable(revoke(worker, access_token)),
      hanging('d1', () => expectUnavailable(manage('organizations', { name: 'x' }))),
    ]);
  });
  expect(await isActive(introspect(api, access_token))).toBe(true);
  expect((await requestToken(worker)).status).toBe(200);
});

test('an API key that was checked a moment ago introspects while D1 is gone, and one that was not gets 503', async () => {
  const { worker, organization } = await world('keys-without-d1');
  const { access_token } = await getToken(worker);
  const keyed = async (name: string) => {
    const key = await create('api-keys', { organization_id: organization, name, scopes: ['tokens:introspect'] });
    const headers = { Authorization: `Bearer ${key.api_key}` };
    return () => postForm('/oauth2/introspect', { token: access_token }, { headers });
  };
  const known = await keyed('known');
  const unknown = await keyed('unknown');
  expect(await isActive(known())).toBe(true);
  await failing('d1', async () => {
    expect(await isActive(known())).toBe(true);
    await expectUnavailable(unknown());
  });
});
