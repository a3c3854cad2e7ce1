import { env } from 'cloudflare:workers';
import { base64url } from 'jose';
import { expect, test, vi } from 'vitest';
import { PUSHES_PER_RUN } from '../../src/constants.ts';
import { gateOf } from '../gate/gate.ts';
import { api, create, done, getToken, requestToken, world } from '../http.ts';
import { calls, type Fault, resetCalls, withFault } from '../instruments.ts';
import { failingPushes, losingReplies, owedTo, runScheduled } from './owed.ts';

const secret = () => base64url.encode(crypto.getRandomValues(new Uint8Array(32)));

test('a gate that fails is tried once in a run, however much it is owed, and holds up nobody', async () => {
  const { worker: poisoned } = await world('often-poisoned');
  const { worker } = await world('behind-it');
  await getToken(poisoned);
  await getToken(worker);
  // As many changes as it takes hours to fail at.
  const times = PUSHES_PER_RUN + 10;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO gate_pushes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       SELECT ?2, i, ?3 FROM n`,
    ).bind(times, gateOf(poisoned).id.toString(), poisoned.client_id),
    env.DB.prepare('UPDATE version_sequence SET value = value + ?').bind(times),
  ]);
  await losingReplies('error', () => api('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } }));
  resetCalls();
  await failingPushes(poisoned, runScheduled);
  expect(calls.gate).toBe(2);
  expect((await requestToken(worker)).status).toBe(401);
  await runScheduled();
  expect(await owedTo()).toBe(0);
});

test('a push that comes too late does not give a gate a record whose changes it would not hear of', async () => {
  const { organization, identifier } = await world('too-late');
  const client = { client_id: 'too-late-client', client_secret: secret() };
  const body = {
    ...client,
    organization_id: organization,
    client_name: 'imported',
    grants: [{ resource_server: identifier, scopes: ['read'] }],
  };
  await create('clients', body);
  await getToken(client);
  await losingReplies('error', () => api('DELETE', `clients/${client.client_id}`));

  let held = 0;
  let isReleased = false;
  const fault: Fault = async (call, sql) => {
    // The scheduled handler has read what is owed, and is about to read the records.
    if (sql.startsWith('select "value" from "version_sequence"') && held++ === 0) {
      while (!isReleased) await scheduler.wait(5);
    }
    return call();
  };
  const again = { ...client, client_secret: secret() };
  await withFault('d1', fault, async () => {
    const run = runScheduled();
    await vi.waitFor(() => expect(held).toBe(1));
    await create('clients', { ...body, client_secret: again.client_secret });
    isReleased = true;
    await run;
  });
  expect((await requestToken(again)).status).toBe(200);
  await done('PATCH', `clients/${client.client_id}`, { body: { status: 'disabled' } });
  expect((await requestToken(again)).status).toBe(401);
});
