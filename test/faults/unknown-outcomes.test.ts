import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { Gates } from '../../src/gates/gates.ts';
import { api, getToken, introspect, requestToken, revoke, world } from '../http.ts';
import { type Fault, withFault } from '../instruments.ts';
import { introspectAsRoot } from '../tokens/verdict.ts';
import { owedTo, runScheduled } from './owed.ts';

// During a deploy a newer gate may answer with an outcome that the edge does not know. It must never count as success.

const ANSWER = { outcome: 'neither_yes_nor_no' };

/** Runs a function while every gate answers with an outcome that the edge does not know. */
const withUnknownOutcomes = <T>(during: () => Promise<T>) =>
  withFault('gate', (async () => ANSWER) satisfies Fault, during);

function expectUnavailable({ status, headers }: Response): void {
  expect(status).toBe(503);
  expect(headers.get('Retry-After')).toBe('2');
}

describe('a call to a gate throws', () => {
  const stub = new Proxy({}, { get: () => async () => ANSWER });
  const namespace = { get: () => stub, getByName: () => stub, idFromString: (id: string) => id };
  const gates = new Gates(namespace as unknown as DurableObjectNamespace);
  const client_id = 'client';
  const identified = { client_id, proof: { kind: 'secret', hashes: ['hash'] } } as const;
  const event = { id: 'event', at: 0, actor: 'root', action: 'tested', target: client_id, address: null, changes: {} };
  const token = { jti: 'token', expires_at: 1 };

  test.each<[keyof Gates, () => Promise<unknown>]>([
    ['admit', () => gates.admit(identified)],
    ['authenticate', () => gates.authenticate(identified)],
    ['credentials', () => gates.credentials({ client_id })],
    ['standingOf', () => gates.standingOf(client_id, { jti: 'token', issuedAt: 0, audience: '' })],
    ['revoke', () => gates.revoke({ ...identified, ...token })],
    ['update', () => gates.update('gate', { client_id, version: 1, record: null })],
    ['revokeToken', () => gates.revokeToken({ client_id, ...token })],
    ['cutOff', () => gates.cutOff({ client_id, event })],
    ['keepEvent', () => gates.keepEvent({ client_id, event })],
    ['activity', () => gates.activity({ client_id })],
    ['holdScopes', () => gates.holdScopes({ client_id, id: 'hold', unused_since: 0, scopes: [] })],
  ])('%s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ name: 'StoreUnavailableError', store: 'gate' });
  });
});

test('every endpoint answers 503, and nothing is revoked', async () => {
  const { worker, api: caller } = await world('unknown-outcomes');
  const { access_token } = await getToken(worker);
  const stranger = { ...worker, client_secret: caller.client_secret };
  const { jti, exp = 0 } = decodeJwt(access_token);
  const named = { jti, client_id: worker.client_id, expires_at: new Date(exp * 1000).toISOString() };
  await withUnknownOutcomes(async () => {
    for (const client of [worker, stranger]) {
      expectUnavailable(await revoke(client, access_token));
      expectUnavailable(await revoke(client, 'no-token'));
      expectUnavailable(await requestToken(client));
    }
    expectUnavailable(await introspect(caller, access_token));
    expectUnavailable(await introspectAsRoot(access_token));
    expectUnavailable(await api('POST', 'tokens/revoke', { body: { token: access_token } }));
    expectUnavailable(await api('POST', 'tokens/revoke', { body: named }));
  });
  expect(await (await introspectAsRoot(access_token)).json()).toMatchObject({ active: true });
});

test('a push stays owed until the gate has taken it', async () => {
  const { worker } = await world('unknown-outcome-of-a-push');
  await getToken(worker);
  await withUnknownOutcomes(async () => {
    expectUnavailable(await api('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } }));
    await runScheduled();
  });
  expect(await owedTo(worker)).toBe(1);
  await runScheduled();
  expect(await owedTo(worker)).toBe(0);
  expect((await requestToken(worker)).status).toBe(401);
});
