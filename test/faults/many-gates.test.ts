import { beforeAll, describe, expect, test, vi } from 'vitest';
import { PUSHES_PER_REQUEST } from '../../src/constants.ts';
import { api, done, ISSUER } from '../http.ts';
import { calls, type Fault, resetCalls, withFault } from '../instruments.ts';
import { admittedWith, type Crowd, crowd } from './crowd.ts';
import { failingAt, owedTo, runScheduled } from './owed.ts';

interface Change {
  id: string;
  status: 'pending' | 'delivered';
  gates: number;
  delivered: number;
}

const MANY = PUSHES_PER_REQUEST + 1;

/** Runs `during` while all pushes after the first `pushes` fail, and waits until the delivery has stopped. */
function killedAfter<T>(pushes: number, during: () => Promise<T>): Promise<T> {
  let left = pushes;
  const fault: Fault = async (call, method) => {
    if (method === 'update' && left-- <= 0) throw new Error('Network connection lost.');
    return call();
  };
  return withFault('gate', fault, async () => {
    const result = await during();
    // The delivery tried one push more than permitted, so it has stopped.
    await vi.waitFor(() => expect(left).toBeLessThan(0));
    const settled = await untilStill(owedTo);
    expect(settled).toBeGreaterThan(0);
    return result;
  });
}

async function untilStill(look: () => Promise<number>): Promise<number> {
  for (let before = await look(); ; ) {
    await scheduler.wait(200);
    const now = await look();
    if (now === before) return now;
    before = now;
  }
}

/** Returns the change that a 202 answer names. */
async function changeOf(answer: Response): Promise<Change> {
  expect(answer.status).toBe(202);
  const change = await answer.json<Change>();
  expect(answer.headers.get('Location')).toBe(`${ISSUER}/v1/changes/${change.id}`);
  expect(await done('GET', `changes/${change.id}`)).toMatchObject({ id: change.id, gates: change.gates });
  return change;
}

const shown = (change: Change) => done<Change>('GET', `changes/${change.id}`);

describe(`a change for ${MANY} gates`, () => {
  let many: Crowd;
  beforeAll(async () => {
    many = await crowd('many', MANY);
  }, 60_000);
  const patch = (scopes: string[]) => {
    const grants = [{ resource_server: many.identifier, scopes }];
    return api('PATCH', `roles/${many.role}`, { body: { grants } });
  };

  test('is finished by the scheduled handler after it was interrupted', async () => {
    const change = await killedAfter(110, async () => changeOf(await patch(['read', 'write'])));
    expect(change).toMatchObject({ status: 'pending', gates: MANY });

    const half = await shown(change);
    expect(half.status).toBe('pending');
    expect(half.delivered).toBeGreaterThanOrEqual(100);
    expect(half.delivered).toBe(MANY - (await owedTo()));
    const heard = admittedWith(await many.ask(), 'read write');
    expect(heard).toBeGreaterThanOrEqual(half.delivered);
    expect(heard).toBeLessThan(MANY);

    await runScheduled();
    expect(await shown(change)).toMatchObject({ status: 'delivered', gates: MANY, delivered: MANY });
    expect(admittedWith(await many.ask(), 'read write')).toBe(MANY);
    expect(await owedTo()).toBe(0);
    expect((await patch(['read', 'write'])).status).toBe(200);
  });

  test('is not acknowledged by a repeated PATCH until all gates have it', async () => {
    await failingAt('gate', 'update', async () => {
      await changeOf(await patch(['write']));
      await untilStill(owedTo);
    });
    expect(await owedTo()).toBe(MANY);
    await killedAfter(0, async () => changeOf(await patch(['write'])));
    await runScheduled();
    expect((await patch(['write'])).status).toBe(200);
    expect(admittedWith(await many.ask(), 'write')).toBe(MANY);
  });

  test('is answered 202 to each repeated POST until all gates have it, then 200', async () => {
    const headers = { 'Idempotency-Key': 'revoke-them' };
    const revoke = () => api('POST', `organizations/${many.organization}/revoke-tokens`, { body: {}, headers });
    const change = await killedAfter(400, async () => changeOf(await revoke()));
    expect(await changeOf(await revoke())).toMatchObject({ id: change.id, status: 'pending' });
    await runScheduled();
    const last = await revoke();
    expect(last.status).toBe(200);
    expect(await last.json()).toEqual({ revoked: true });
    expect(await shown(change)).toMatchObject({ status: 'delivered' });
  });

  test('is not answered 404 to a repeated DELETE until all gates have it', async () => {
    const remove = () => api('DELETE', `roles/${many.role}?cascade=true`);
    const change = await killedAfter(0, async () => {
      const first = await changeOf(await remove());
      expect(await changeOf(await remove())).toMatchObject({ id: first.id, status: 'pending' });
      return first;
    });
    // The scheduled handler is interrupted as well.
    await killedAfter(60, runScheduled);
    await failingAt('gate', 'update', async () => expect((await remove()).status).toBe(503));

    await runScheduled();
    expect(await shown(change)).toMatchObject({ status: 'delivered', delivered: MANY });
    expect((await many.ask()).filter(({ outcome }) => outcome === 'refused')).toHaveLength(MANY);
    expect((await remove()).status).toBe(404);
  });
});

test('a role of 300 clients, whose changes failed repeatedly, is acknowledged when all gates have it', async () => {
  const { identifier, role, ask } = await crowd('again', 300);
  const patch = (scopes: string[]) =>
    api('PATCH', `roles/${role}`, { body: { grants: [{ resource_server: identifier, scopes }] } });
  await failingAt('gate', 'update', async () => {
    for (const scopes of [['write'], [], ['read', 'write']]) expect((await patch(scopes)).status).toBe(503);
  });
  expect(await owedTo()).toBe(900);
  resetCalls();
  expect((await patch(['write'])).status).toBe(200);
  expect(calls.gate).toBe(300);
  expect(admittedWith(await ask(), 'write')).toBe(300);
  expect(await owedTo()).toBe(0);
});

test(`a request waits for ${PUSHES_PER_REQUEST} gates`, async () => {
  const { identifier, role, ask, clientIds } = await crowd('waited', PUSHES_PER_REQUEST);
  const grants = [{ resource_server: identifier, scopes: ['write'] }];
  expect((await api('PATCH', `roles/${role}`, { body: { grants } })).status).toBe(200);
  expect(admittedWith(await ask(), 'write')).toBe(clientIds.length);
});
