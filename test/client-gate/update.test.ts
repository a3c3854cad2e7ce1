import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { type Credentials, requestToken, world } from '../http.ts';
import { failing, holding } from '../instruments.ts';
import { admit, gateOf, gates, heldRecord, push, pushAt, tablesOf } from './gate.ts';

const NOBODY = { outcome: 'invalid_client', known: false };

function setSequence(version: number): Promise<unknown> {
  return env.DB.prepare('INSERT OR REPLACE INTO version_sequence VALUES (1, ?)').bind(version).run();
}

test('what is pushed is what the next request meets, after an eviction as well', async () => {
  const { worker } = await world('pushed');
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 3600 } });
  await push(worker, { access_token_ttl: 120 });
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 120 } });
  await evictDurableObject(gateOf(worker));
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 120 } });
  await push(worker, { status: 'disabled' });
  expect((await requestToken(worker)).status).toBe(401);
  await push(worker, { status: 'active' });
  expect((await requestToken(worker)).status).toBe(200);
  // Otherwise the next tests may count what its gate owes to D1.
  await runDurableObjectAlarm(gateOf(worker));
});

test('a rate limit that is lowered holds at once', async () => {
  const { worker } = await world('lowered', { rate_limit: { per_minute: 1, burst: 100 } });
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted' });
  await push(worker, { rate_limit: { per_minute: 1, burst: 2 } });
  const outcomes = [await admit(worker), await admit(worker), await admit(worker)].map(({ outcome }) => outcome);
  expect(outcomes).toEqual(['admitted', 'admitted', 'rate_limited']);
});

test('what is older than what the gate holds, or as old, changes nothing', async () => {
  const { worker } = await world('late');
  await admit(worker);
  const version = await push(worker, { access_token_ttl: 120 });
  const held = await heldRecord(worker);
  for (const late of [version, version - 1, 0]) {
    await pushAt(worker, late, { ...held, access_token_ttl: 999 });
    await pushAt(worker, late, null);
    expect(await admit(worker)).toMatchObject({ outcome: 'admitted', grant: { access_token_ttl: 120 } });
  }
});

test('a cold gate whose load is held while a change is pushed ends with the change', async () => {
  const { worker } = await world('held');
  await admit(worker);
  const record = await heldRecord(worker);
  const { worker: cold } = await world('held-cold');
  const changed = { ...record, client_id: cold.client_id, secrets: [], access_token_ttl: 120 };
  await holding('d1', async ({ held, release }) => {
    const admission = admit(cold);
    await vi.waitFor(() => expect(held()).toBe(1));
    await pushAt(cold, record.version + 100, changed);
    release();
    // Its secret was deleted.
    expect(await admission).toMatchObject({ outcome: 'invalid_client', known: true });
  });
  expect(await heldRecord(cold)).toEqual({ ...changed, version: record.version + 100 });
});

test('a cold gate whose load is held while its client is deleted ends without the client', async () => {
  const { worker } = await world('held-deleted');
  await holding('d1', async ({ held, release }) => {
    const admission = admit(worker);
    await vi.waitFor(() => expect(held()).toBe(1));
    await pushAt(worker, 1_000_000, null);
    release();
    expect(await admission).toMatchObject(NOBODY);
  });
  await evictDurableObject(gateOf(worker));
  expect(await admit(worker)).toMatchObject(NOBODY);
});

test('a cold gate whose load fails while a change is pushed answers by the change', async () => {
  const { worker, api } = await world('failed-load');
  await admit(api);
  const record = { ...(await heldRecord(api)), client_id: worker.client_id };
  await failing('d1', () => expect(admit(worker)).rejects.toThrow(StoreUnavailableError));
  await holding('d1', async ({ held, lose }) => {
    const admission = admit(worker);
    await vi.waitFor(() => expect(held()).toBe(1));
    await pushAt(worker, record.version, record);
    lose();
    expect(await admission).toMatchObject({ outcome: 'invalid_client', known: true });
  });
});

test('a deleted client is nobody, and stays so whatever an older load says', async () => {
  const { worker } = await world('deleted');
  await admit(worker);
  const version = await push(worker, null);
  expect(await admit(worker)).toMatchObject(NOBODY);
  await evictDurableObject(gateOf(worker));
  // D1 still has the client, at a version before its deletion.
  expect(await admit(worker)).toMatchObject(NOBODY);
  await setSequence(version);
  expect(await admit(worker)).toMatchObject(NOBODY);
});

test('a deletion in the second in which all tokens were revoked is remembered', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2027-09-01T00:00:00Z') });
  try {
    const { worker } = await world('revoked-and-deleted');
    await admit(worker);
    await push(worker, { revocation_epoch: 1 });
    await push(worker, null);
    await evictDurableObject(gateOf(worker));
    expect(await admit(worker)).toMatchObject(NOBODY);
  } finally {
    vi.useRealTimers();
  }
});

test('a client_id that is created again is found again', async () => {
  const { worker } = await world('created-again');
  await admit(worker);
  const version = await push(worker, null);
  expect(await admit(worker)).toMatchObject(NOBODY);
  await setSequence(version + 1);
  expect(await admit(worker)).toMatchObject({ outcome: 'admitted' });
  await failing('d1', async () => {
    await evictDurableObject(gateOf(worker));
    expect(await admit(worker)).toMatchObject({ outcome: 'admitted' });
  });
});

test('a push makes a gate that has not loaded answer without D1', async () => {
  const { worker, api } = await world('pushed-cold');
  await admit(worker);
  const record = { ...(await heldRecord(worker)), client_id: api.client_id };
  await pushAt(api, record.version, record);
  const secret = { client_id: api.client_id, client_secret: worker.client_secret } satisfies Credentials;
  await failing('d1', async () => expect(await admit(secret)).toMatchObject({ outcome: 'admitted' }));
});

test('asked of its activity, a gate that knows nobody stores nothing', async () => {
  const { worker } = await world('asked');
  await failing('d1', async () =>
    expect(await gates.activity(worker)).toEqual({
      outcome: 'activity',
      secrets: [],
      usage: [],
      issued: expect.anything(),
    }),
  );
  expect(await tablesOf(worker)).toEqual([]);
});
