import { env } from 'cloudflare:workers';
import { beforeAll, expect, test, vi } from 'vitest';
import { create, getToken, introspect, postForm, requestToken, send, world } from '../../http.ts';
import { calls, gateCallsInFlight, gateStorage, resetCalls, startNewIsolate } from '../../instruments.ts';
import { ask, askWith, assertionOf, keyWorld, proofOf } from '../../machines.ts';
import { newSigner } from '../../remote-keys/signers.ts';

// Fills the isolate's caches, and waits until KV has the copy of the key ring.
beforeAll(async () => {
  await send('/.well-known/jwks.json');
  await vi.waitFor(async () => expect(await env.KV.get('key-ring')).not.toBeNull());
});

test('a token request is one gate call, no D1 and no KV, after the client’s first', async () => {
  const { worker } = await world('counted');
  await getToken(worker);
  resetCalls();
  await getToken(worker);
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
});

test('a token request with a proof of a key is one gate call as well, with a secret, an assertion, and a nonce', async () => {
  const bySecret = await world('counted-proofs');
  const byKey = await keyWorld('counted-assertions', { dpop_nonce_required: true });
  const holder = await newSigner('ES256');
  const challenged = await askWith(
    await assertionOf(byKey.clientId, byKey.signer),
    {},
    { dpop: await proofOf(holder) },
  );
  const nonce = challenged.headers.get('DPoP-Nonce');
  expect([challenged.status, nonce]).toEqual([400, expect.any(String)]);
  const { client_id, client_secret } = bySecret.worker;
  const secret = { grant_type: 'client_credentials', client_id, client_secret };
  const asks = [
    async () => ask(secret, { dpop: await proofOf(holder) }),
    async () =>
      askWith(await assertionOf(byKey.clientId, byKey.signer), {}, { dpop: await proofOf(holder, { nonce }) }),
  ];
  for (const request of asks) {
    expect(await (await request()).json()).toMatchObject({ token_type: 'DPoP' });
    resetCalls();
    expect((await request()).status).toBe(200);
    expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
  }
});

test('a client’s first token request costs one D1 batch more', async () => {
  const { worker, api } = await world('first');
  await introspect(api, 'warms the key ring');
  resetCalls();
  await getToken(worker);
  expect(calls).toEqual({ d1: 1, kv: 0, gate: 1, rateLimit: 0 });
});

test('in a new isolate a token request is still one gate call; the key ring is read, and its copy looked at behind the answer', async () => {
  const { worker } = await world('cold');
  await getToken(worker);
  startNewIsolate();
  resetCalls();
  await getToken(worker);
  await vi.waitFor(() => expect(calls).toEqual({ d1: 1, kv: 2, gate: 1, rateLimit: 0 }));
});

test('a warm client’s introspection is one gate call, no D1 and no KV', async () => {
  const { worker, api } = await world('introspected');
  const { access_token } = await getToken(worker);
  await introspect(api, access_token);
  resetCalls();
  expect(await (await introspect(api, access_token)).json()).toMatchObject({ active: true });
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
});

test('a warm API key’s introspection is one gate call, no D1 and no KV', async () => {
  const { worker, organization } = await world('introspected-by-key');
  const { api_key } = await create('api-keys', {
    organization_id: organization,
    name: 'introspection',
    scopes: ['tokens:introspect'],
  });
  const { access_token } = await getToken(worker);
  const ask = () =>
    postForm('/oauth2/introspect', { token: access_token }, { headers: { Authorization: `Bearer ${api_key}` } });
  await ask();
  resetCalls();
  expect(await (await ask()).json()).toMatchObject({ active: true });
  expect(calls).toEqual({ d1: 0, kv: 0, gate: 1, rateLimit: 0 });
});

test('2,000 concurrent introspections about one client: at most one gate call is under way', async () => {
  const { worker, api } = await world('crowded');
  const tokens = await Promise.all(Array.from({ length: 20 }, () => getToken(worker)));
  await introspect(api, 'warms the caller');
  resetCalls();
  const answers = await Promise.all(
    Array.from({ length: 2000 }, (_, index) => introspect(api, tokens[index % 20]?.access_token ?? '')),
  );
  const active = await Promise.all(answers.map((answer) => answer.json<{ active: boolean }>()));
  expect(active.filter((answer) => answer.active)).toHaveLength(2000);
  expect(gateCallsInFlight.most).toBe(1);
  console.log(`2,000 concurrent introspections took ${calls.gate} gate calls`);
});

test('rows that a gate writes for 1,000 tokens are those of its reservations', async () => {
  const { worker } = await world('rows', { rate_limit: { per_minute: 600_000, burst: 100 } });
  await getToken(worker);
  resetCalls();
  let granted = 0;
  while (granted < 1000) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => requestToken(worker)));
    granted += answers.filter(({ status }) => status === 200).length;
  }
  console.log(`${gateStorage.rowsWritten} rows written to gate storage for ${granted} tokens at a burst of 100`);
  expect(gateStorage.rowsWritten).toBeLessThanOrEqual(granted / 10 + 3);
  expect(gateStorage.rowsWritten).toBeGreaterThan(0);
});
