import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { calculateJwkThumbprint } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { PURGE_INTERVAL, SPENT_IDS_PER_ROW } from '../../src/client-gate/constants.ts';
import { CLOCK_SKEW } from '../../src/constants.ts';
import { credentialRefs } from '../../src/gates/credential-refs.ts';
import type { SpentId } from '../../src/gates/protocol.ts';
import { done, world } from '../http.ts';
import { gateStorage, resetCalls } from '../instruments.ts';
import { keyWorld, seconds } from '../machines.ts';
import { admit, alarmOf, gateOf, gates, push, tablesOf } from './gate.ts';

afterEach(() => {
  vi.useRealTimers();
});

const START = new Date('2027-05-01T00:00:00Z').getTime();

/** Creates a client with a key. Each of its requests spends an id. */
async function keyHolder(name: string, rate_limit = { per_minute: 100_000, burst: 10_000 }) {
  const { worker, signer } = await keyWorld(name, { rate_limit });
  const jwk = signer.publicJwk;
  const registered = { jwk, thumbprint: await calculateJwkThumbprint(jwk), certificate: null };
  const anchor = credentialRefs.key({ is_strict: false }, registered);
  const by = (spends: SpentId) => ({ client_id: worker.client_id, proof: { kind: 'key', anchor, spends } }) as const;
  return { worker, anchor, by, admit: (spends: SpentId, asked = {}) => gates.admit({ ...by(spends), ...asked }) };
}

let counter = 0;
const newId = (lifetime = 60): SpentId => ({ id: `assertion ${++counter}`, expires_at: seconds() + lifetime });
const newIds = (count: number, lifetime?: number) => Array.from({ length: count }, () => newId(lifetime));

/** Counts the spent ids in the gate's storage, and the rows that hold them. */
function stored(client: { client_id: string }): Promise<{ rows: number; ids: number }> {
  return runInDurableObject(gateOf(client), (_, { storage }) => {
    const rows = storage.sql.exec<{ ids: string }>('SELECT ids FROM spent_ids').toArray();
    return { rows: rows.length, ids: rows.flatMap(({ ids }) => JSON.parse(ids) as unknown[]).length };
  });
}

const REPLAYED = { outcome: 'invalid_client', known: true, replayed: true };

describe('what was used once is refused', () => {
  test('whatever it was used for, and whatever it is used for next', async () => {
    const { by, admit } = await keyHolder('any-use');
    const uses = {
      admit: (id: SpentId) => admit(id),
      authenticate: (id: SpentId) => gates.authenticate(by(id)),
      revoke: (id: SpentId) => gates.revoke({ ...by(id), jti: 'x', expires_at: seconds() + 60 }),
    };
    for (const first of Object.values(uses)) {
      const id = newId();
      expect((await first(id)).outcome).toMatch(/^(admitted|authenticated|revoked)$/);
      for (const next of Object.values(uses)) expect(await next(id)).toMatchObject(REPLAYED);
    }
  });

  test('by requests at once: one of them gets it', async () => {
    const { admit } = await keyHolder('at-once');
    for (let round = 0; round < 20; round++) {
      const id = newId();
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => admit(id)));
      expect(outcomes.filter(({ outcome }) => outcome === 'admitted')).toHaveLength(1);
    }
  });

  test('by its whole text: an assertion and a proof may have the same jti', async () => {
    const { admit } = await keyHolder('same-jti');
    const expires_at = seconds() + 60;
    const spends = (jti: string) => ({ id: `dpop ${jti}`, expires_at });
    const dpop = (jti: string) => ({ dpop: { jkt: 'x', alg: 'ES256', spends: spends(jti), has_nonce: false } });
    expect((await admit({ id: 'assertion a', expires_at }, dpop('a'))).outcome).toBe('admitted');
    expect((await admit({ id: 'assertion A', expires_at }, dpop('A'))).outcome).toBe('admitted');
    expect(await admit({ id: 'assertion b', expires_at }, dpop('a'))).toMatchObject({ error: 'invalid_dpop_proof' });
    expect(await admit({ id: 'assertion a', expires_at }, dpop('b'))).toMatchObject(REPLAYED);
    // Neither request has spent its unused id.
    expect((await admit({ id: 'assertion b', expires_at }, dpop('b'))).outcome).toBe('admitted');
  });

  test('of one client’s alone', async () => {
    const [one, other] = [await keyHolder('one-memory'), await keyHolder('other-memory')];
    const id = newId();
    expect((await one.admit(id)).outcome).toBe('admitted');
    expect((await other.admit(id)).outcome).toBe('admitted');
  });
});

describe('it is spent by a request that is decided', () => {
  test('though its grant is refused', async () => {
    const { admit } = await keyHolder('refused-grant');
    const id = newId();
    expect(await admit(id, { resource: 'https://nowhere.example.com' })).toMatchObject({ error: 'invalid_target' });
    expect(await admit(id)).toMatchObject(REPLAYED);
  });

  test('not by one that is rate limited, however often', async () => {
    const { admit } = await keyHolder('limited', { per_minute: 60, burst: 2 });
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    const ids = newIds(5);
    const outcomes = [];
    for (const id of ids) outcomes.push((await admit(id)).outcome);
    expect(outcomes).toEqual(['admitted', 'admitted', 'rate_limited', 'rate_limited', 'rate_limited']);
    for (const id of ids.slice(2)) {
      vi.setSystemTime(Date.now() + 1000);
      expect((await admit(id)).outcome).toBe('admitted');
    }
  });

  test('not by one without the binding that the client must have', async () => {
    const { worker, admit } = await keyHolder('unbound');
    await admit(newId());
    await push(worker, { binding: { dpop: true, dpop_nonce: false, certificate: false, any: false } });
    const id = newId();
    expect(await admit(id)).toMatchObject({ outcome: 'refused', error: 'dpop_required' });
    const proof = { jkt: 'x', alg: 'ES256', spends: newId(), has_nonce: false };
    expect((await admit(id, { dpop: proof })).outcome).toBe('admitted');
  });

  test('not by one of a client that is disabled, or that was verified against another key', async () => {
    const { worker, admit } = await keyHolder('not-proven');
    const id = newId();
    const proof = { kind: 'key', anchor: 'private_key_jwt jkt another', spends: id } as const;
    const { client_id } = worker;
    expect((await gates.admit({ client_id, proof })).outcome).toBe('invalid_client');
    expect((await gates.authenticate({ client_id, proof })).outcome).toBe('invalid_client');
    await done('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });
    expect(await admit(id)).not.toHaveProperty('replayed');
    await done('PATCH', `clients/${client_id}`, { body: { status: 'active' } });
    expect((await admit(id)).outcome).toBe('admitted');
  });
});

describe('storage', () => {
  test('a request writes one row, and many ids are in one', async () => {
    const { worker, admit } = await keyHolder('rows-of-ids');
    await admit(newId());
    resetCalls();
    for (const id of newIds(100)) expect((await admit(id)).outcome).toBe('admitted');
    // The bucket writes the first requests, and then a reservation for every thousand.
    expect(gateStorage.rowsWritten).toBeGreaterThanOrEqual(100);
    expect(gateStorage.rowsWritten).toBeLessThanOrEqual(103);
    expect(await stored(worker)).toEqual({ rows: Math.ceil(101 / SPENT_IDS_PER_ROW), ids: 101 });
  });

  test('what is refused as used writes nothing', async () => {
    const { admit } = await keyHolder('replays-are-free');
    const id = newId();
    await admit(id);
    resetCalls();
    for (let attempt = 0; attempt < 100; attempt++) expect(await admit(id)).toMatchObject(REPLAYED);
    expect(gateStorage.rowsWritten).toBeLessThanOrEqual(1);
  });

  test('an eviction forgets none of hundreds, and what comes after it takes no other’s row', async () => {
    const { worker, admit } = await keyHolder('evicted');
    const ids = newIds(300);
    const half = ids.length / 2;
    for (const id of ids.slice(0, half)) await admit(id);
    await evictDurableObject(gateOf(worker));
    for (const id of ids.slice(half)) expect((await admit(id)).outcome).toBe('admitted');
    await evictDurableObject(gateOf(worker));
    for (const id of ids) expect(await admit(id)).toMatchObject(REPLAYED);
    expect((await stored(worker)).ids).toBe(300);
  });

  test('an eviction with each request writes a row for each, and forgets none', async () => {
    const { worker, admit } = await keyHolder('evicted-each-time');
    const ids = newIds(10);
    for (const id of ids) {
      expect((await admit(id)).outcome).toBe('admitted');
      await evictDurableObject(gateOf(worker));
    }
    for (const id of ids) expect(await admit(id)).toMatchObject(REPLAYED);
  });

  test('ids of any characters are the same after an eviction', async () => {
    const { worker, admit } = await keyHolder('strange-ids');
    const ids = ["'; DELETE FROM spent_ids; --", '\u0000', '\ud800', '\ud83d\ude00', '"\\', '__proto__', ''].map(
      (jti) => ({
        ...newId(),
        id: `assertion ${jti}`,
      }),
    );
    for (const id of ids) expect((await admit(id)).outcome, id.id).toBe('admitted');
    await evictDurableObject(gateOf(worker));
    for (const id of ids) expect(await admit(id), id.id).toMatchObject(REPLAYED);
  });

  test('the gate of a client that has nothing to remember has no table for it', async () => {
    const { worker } = await world('secret-alone');
    await admit(worker);
    await admit(worker);
    expect(await tablesOf(worker)).not.toContain('spent_ids');
  });

  test('of an older version it has no table yet: it is made with the first use', async () => {
    const { worker, admit } = await keyHolder('older-memory');
    await admit(newId());
    await runInDurableObject(gateOf(worker), (_, { storage }) => storage.sql.exec('DROP TABLE spent_ids'));
    await evictDurableObject(gateOf(worker));
    await runInDurableObject(gateOf(worker), (gate) => gate.alarm());
    const id = newId();
    expect((await admit(id)).outcome).toBe('admitted');
    expect(await stored(worker)).toEqual({ rows: 1, ids: 1 });
    await evictDurableObject(gateOf(worker));
    expect(await admit(id)).toMatchObject(REPLAYED);
  });
});

describe('forgetting', () => {
  const alarmAt = async (client: { client_id: string }, at: number) => {
    vi.setSystemTime(at);
    await runInDurableObject(gateOf(client), (gate) => gate.alarm());
  };

  test('what every clock refuses for its age is forgotten, and nothing before', async () => {
    const { worker, admit } = await keyHolder('forgets');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    const id = newId(90);
    await admit(id);
    await alarmAt(worker, START + (90 + CLOCK_SKEW) * 1000 - 1);
    expect(await stored(worker)).toEqual({ rows: 1, ids: 1 });
    expect(await admit(id)).toMatchObject(REPLAYED);
    await alarmAt(worker, START + (90 + CLOCK_SKEW) * 1000);
    expect(await stored(worker)).toEqual({ rows: 0, ids: 0 });
    // The gate's memory drops the id at the next use, or with an eviction.
    await admit(newId());
    expect((await admit(id)).outcome).toBe('admitted');
  });

  test('the alarm sees to it, though nobody comes any more', async () => {
    const { worker, by } = await keyHolder('alarmed');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    await gates.authenticate(by(newId(90)));
    const at = (await alarmOf(worker)) ?? 0;
    expect(at).toBeGreaterThanOrEqual(START + (90 + CLOCK_SKEW) * 1000);
    expect(at).toBeLessThanOrEqual(START + (90 + CLOCK_SKEW + PURGE_INTERVAL) * 1000);
    vi.setSystemTime(at);
    expect(await runDurableObjectAlarm(gateOf(worker))).toBe(true);
    expect(await stored(worker)).toEqual({ rows: 0, ids: 0 });
    // No alarm is set, because nothing is left to purge.
    expect(await alarmOf(worker)).toBeNull();
  });

  test('after token requests as well, once what else the alarm was set for is done', async () => {
    const { worker, admit } = await keyHolder('alarmed-later');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    await admit(newId(90));
    for (let alarms = 0; alarms < 10 && (await stored(worker)).rows > 0; alarms++) {
      const at = await alarmOf(worker);
      expect(at).not.toBeNull();
      await alarmAt(worker, at ?? 0);
    }
    expect(await stored(worker)).toEqual({ rows: 0, ids: 0 });
    expect(Date.now()).toBeLessThanOrEqual(START + (90 + CLOCK_SKEW + PURGE_INTERVAL) * 1000);
  });

  test('many go at once: a delete for each row, and none for each id', async () => {
    const { worker, admit } = await keyHolder('few-deletes');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    for (const id of newIds(10 * SPENT_IDS_PER_ROW, 90)) await admit(id);
    expect(await stored(worker)).toMatchObject({ rows: 10 });
    await alarmAt(worker, START + 10_000);
    resetCalls();
    await alarmAt(worker, START + 200_000);
    expect(await stored(worker)).toMatchObject({ rows: 0 });
    expect(gateStorage.rowsWritten).toBeLessThanOrEqual(12);
  });

  test('one that lasts keeps its neighbours, and is never forgotten with them', async () => {
    const { worker, admit } = await keyHolder('neighbours');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    const [short, long, later] = [newId(10), newId(330), newId(10)];
    for (const id of [long, short]) await admit(id);
    await alarmAt(worker, START + 100_000);
    await evictDurableObject(gateOf(worker));
    expect(await admit(long)).toMatchObject(REPLAYED);
    await admit(later);
    await alarmAt(worker, START + 200_000);
    await evictDurableObject(gateOf(worker));
    expect(await admit(long)).toMatchObject(REPLAYED);
  });

  test('a row that is being filled may go: what is spent after that is remembered', async () => {
    const { worker, admit } = await keyHolder('emptied');
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    for (const id of newIds(3, 10)) await admit(id);
    await alarmAt(worker, START + 200_000);
    const id = newId(90);
    expect((await admit(id)).outcome).toBe('admitted');
    await evictDurableObject(gateOf(worker));
    expect(await admit(id)).toMatchObject(REPLAYED);
  });
});
