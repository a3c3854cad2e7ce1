import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import type { GateMethods } from '../../src/gates/protocol.ts';
import { type Credentials, getToken, introspect, world } from '../http.ts';
import { failing, startNewIsolate } from '../instruments.ts';
import { INACTIVE, isActive } from '../tokens/verdict.ts';
import { admit, gateOf, gates, heldRecord, identified, isTokenActive, push, pushAt, tablesOf } from './gate.ts';

// A fifth of a second after a full second.
const START = new Date('2027-06-01T00:00:00.200Z');
const SECOND = Math.floor(START.getTime() / 1000);

afterEach(() => {
  vi.useRealTimers();
});

/** Stops the gate's clock; timers go on. */
function holdClock(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
}

/** Gets a token, and returns the second at which it was admitted. */
async function issuedAt(client: Credentials): Promise<number> {
  const admission = await admit(client);
  if (admission.outcome !== 'admitted') throw new Error(admission.outcome);
  return admission.issued_at;
}

test('another revocation epoch revokes what was issued in that second and before, and nothing that comes after', async () => {
  const { worker } = await world('epoch');
  holdClock();
  const before = await issuedAt(worker);
  expect(await isTokenActive(worker, before)).toBe(true);
  await push(worker, { revocation_epoch: 1 });
  expect(await isTokenActive(worker, before)).toBe(false);
  expect(await isTokenActive(worker, before - 3600)).toBe(false);

  const next = issuedAt(worker);
  await scheduler.wait(200);
  vi.setSystemTime(START.getTime() + 1000);
  expect(await next).toBe(SECOND + 1);
  expect(await isTokenActive(worker, SECOND + 1)).toBe(true);
  expect(await isTokenActive(worker, before)).toBe(false);
});

test('a gate that loads a restored record revokes what was issued up to its cut-off, and a later push keeps that', async () => {
  const { worker } = await world('restored-cut-off');
  const restored = env.DB.prepare('UPDATE clients SET restored_cut_off = ? WHERE client_id = ?');
  await restored.bind(SECOND, worker.client_id).run();
  holdClock();
  vi.setSystemTime(START.getTime() + 5000);
  expect(await isTokenActive(worker, SECOND)).toBe(false);
  expect(await isTokenActive(worker, SECOND + 1)).toBe(true);
  expect(await issuedAt(worker)).toBe(SECOND + 5);
  const { cut_off: _, ...record } = await heldRecord(worker);
  await pushAt(worker, record.version + 1, record);
  expect(await isTokenActive(worker, SECOND)).toBe(false);
});

test('who waits for the second to pass meets what has changed meanwhile', async () => {
  const { worker } = await world('changed-meanwhile');
  holdClock();
  await issuedAt(worker);
  await push(worker, { revocation_epoch: 1 });
  const waiting = [admit(worker), admit(worker)];
  await scheduler.wait(200);
  await push(worker, { status: 'disabled' });
  vi.setSystemTime(START.getTime() + 1000);
  for (const admission of await Promise.all(waiting)) expect(admission.outcome).toBe('invalid_client');
});

test('whoever is refused need not wait', async () => {
  const { worker } = await world('refused-at-once');
  holdClock();
  await issuedAt(worker);
  await push(worker, { revocation_epoch: 1 });
  const wrong = { ...worker, client_secret: 'wrong' };
  expect(await admit(wrong)).toMatchObject({ outcome: 'invalid_client' });
});

test('a clock that has gone back behind the cut-off issues nothing, rather than what would be revoked', async () => {
  const { worker } = await world('gone-back');
  holdClock();
  const before = await issuedAt(worker);
  vi.setSystemTime(START.getTime() - 10_000);
  await push(worker, { revocation_epoch: 1 });
  expect(await isTokenActive(worker, before)).toBe(false);
  const gate = gateOf(worker) as unknown as GateMethods;
  expect(await gate.admit(await identified(worker))).toEqual({ outcome: 'unavailable' });
  vi.setSystemTime(START.getTime() + 1000);
  expect(await issuedAt(worker)).toBe(SECOND + 1);
});

test('a clock behind the creation of a resource server whose identifier a deleted one had issues no token of the deleted one', async () => {
  const { worker, identifier } = await world('created-again');
  holdClock();
  await issuedAt(worker);
  const { grants } = await heldRecord(worker);
  const [grant] = grants;
  if (!grant) throw new Error('no grant');
  const other = { ...grant, resource: 'https://other.example' };
  await push(worker, { grants: [{ ...grant, tokens_from: SECOND + 1 }, other] });

  // Only tokens for that resource server wait.
  expect(await admit(worker, { resource: other.resource })).toMatchObject({ outcome: 'admitted', issued_at: SECOND });
  const next = admit(worker, { resource: identifier });
  await scheduler.wait(200);
  vi.setSystemTime(START.getTime() + 1000);
  expect(await next).toMatchObject({ outcome: 'admitted', issued_at: SECOND + 1 });
  const token = { jti: crypto.randomUUID(), issuedAt: SECOND + 1, audience: identifier };
  expect((await gates.standingOf(worker.client_id, token)).isActive).toBe(true);

  await push(worker, { grants: [{ ...grant, tokens_from: SECOND + 10 }, other] });
  const gate = gateOf(worker) as unknown as GateMethods;
  const request = { ...(await identified(worker)), resource: identifier };
  expect(await gate.admit(request)).toEqual({ outcome: 'unavailable' });
  expect(await admit(worker, { resource: other.resource })).toMatchObject({ outcome: 'admitted' });
});

test('the cut-off survives an eviction, and later changes that revoke nothing', async () => {
  const { worker } = await world('remembered');
  holdClock();
  const before = await issuedAt(worker);
  await push(worker, { revocation_epoch: 1 });
  await evictDurableObject(gateOf(worker));
  expect(await isTokenActive(worker, before)).toBe(false);
  vi.setSystemTime(START.getTime() + 60_000);
  await push(worker, { access_token_ttl: 120 });
  expect(await isTokenActive(worker, before)).toBe(false);
  expect(await isTokenActive(worker, before + 30)).toBe(true);
  await evictDurableObject(gateOf(worker));
  expect(await isTokenActive(worker, before + 30)).toBe(true);
});

test('the first record revokes nothing, whatever its epoch, and a record without one has epoch 0', async () => {
  const { worker, api } = await world('first-record');
  const before = await issuedAt(worker);
  const { revocation_epoch, ...bare } = await heldRecord(worker);
  expect(revocation_epoch).toBeGreaterThan(0);
  expect(await isTokenActive(worker, before)).toBe(true);

  const record = { ...bare, client_id: api.client_id };
  await pushAt(api, bare.version, record);
  await pushAt(api, bare.version + 1, { ...record, revocation_epoch: 0 });
  expect(await isTokenActive(api, before)).toBe(true);
  for (const client of [worker, api]) expect(await tablesOf(client)).not.toContain('cut_off');
});

test('an older edge, which does not say when a token was issued, is told that none stands once there is a cut-off', async () => {
  const { worker } = await world('older-edge');
  await issuedAt(worker);
  const gate = gateOf(worker) as unknown as GateMethods;
  const ask = () => gate.inspect({ client_id: worker.client_id, jtis: ['a', 'b'] });
  expect(await ask()).toEqual({ outcome: 'inspected', standing: [true, true] });
  await push(worker, { revocation_epoch: 1 });
  expect(await ask()).toEqual({ outcome: 'inspected', standing: [false, false] });
});

test('tokens asked about together are each held against the cut-off', async () => {
  const { worker } = await world('together');
  holdClock();
  const before = await issuedAt(worker);
  await push(worker, { revocation_epoch: 1 });
  const asked = [before + 1, before, before + 2, before - 1].map((at) => isTokenActive(worker, at));
  expect(await Promise.all(asked)).toEqual([true, false, true, false]);
});

test('over HTTP: all tokens of a client are inactive with the new epoch, and the next one is active', async () => {
  const { worker, api } = await world('over-http');
  const before = await Promise.all(Array.from({ length: 5 }, () => getToken(worker)));
  for (const { access_token } of before) expect(await isActive(api, access_token)).toBe(true);
  await push(worker, { revocation_epoch: 1 });
  const after = await getToken(worker);
  for (const { access_token } of before) expect(await (await introspect(api, access_token)).text()).toBe(INACTIVE);
  expect(await isActive(api, after.access_token)).toBe(true);
  expect(decodeJwt(after.access_token).iat).toBeGreaterThan(decodeJwt(before[0]?.access_token ?? '').iat ?? Infinity);
});

test('a deleted client’s tokens are inactive, with D1 down as well, and stay so when its id is created again', async () => {
  const { worker, api } = await world('deleted-client');
  const { access_token } = await getToken(worker);
  const { iat = 0 } = decodeJwt(access_token);
  await isActive(api, access_token);
  const version = await push(worker, null);
  await evictDurableObject(gateOf(worker));
  await failing('d1', async () => expect(await (await introspect(api, access_token)).text()).toBe(INACTIVE));

  await env.DB.prepare('INSERT OR REPLACE INTO version_sequence VALUES (1, ?)')
    .bind(version + 1)
    .run();
  startNewIsolate();
  expect(decodeJwt((await getToken(worker)).access_token).iat).toBeGreaterThan(iat);
  expect(await (await introspect(api, access_token)).text()).toBe(INACTIVE);
});

test('an administrator revokes a token without the client’s proof, with D1 down and the gate cold', async () => {
  const { worker } = await world('by-administrator');
  const [jti, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const now = Math.floor(Date.now() / 1000);
  const revocation = { client_id: worker.client_id, jti, expires_at: now + 600 };
  await failing('d1', async () => {
    expect(await gates.revokeToken(revocation)).toEqual({ outcome: 'revoked' });
    expect(await isTokenActive(worker, now, jti)).toBe(false);
  });
  await evictDurableObject(gateOf(worker));
  expect(await isTokenActive(worker, now, jti)).toBe(false);
  expect(await isTokenActive(worker, now, other)).toBe(true);
  await runDurableObjectAlarm(gateOf(worker));
  await vi.waitFor(async () => expect(await env.KV.get(`revoked:${worker.client_id}:${jti}`)).toBe(''));
});
