import { env } from 'cloudflare:workers';
import { base64url } from 'jose';
import { expect, test, vi } from 'vitest';
import { PUSHES_PER_RUN } from '../../src/gates/constants.ts';
import { deliverPushes } from '../../src/gates/pushes.ts';
import { database } from '../../src/store/database.ts';
import { gateOf, gates, heldRecord } from '../client-gate/gate.ts';
import { api, create, createClient, done, getToken, requestToken, world } from '../http.ts';
import { calls, type Fault, resetCalls, withFault } from '../instruments.ts';
import { failingPushes, holdingFirst, losingReplies, owedTo, READING_RECORDS, runScheduled } from './owed.ts';

const secret = () => base64url.encode(crypto.getRandomValues(new Uint8Array(32)));

test('a failing gate is tried once per run, no matter how many pushes it is owed, and delays no other', async () => {
  const { worker: poisoned } = await world('often-poisoned');
  const { worker } = await world('behind-it');
  await getToken(poisoned);
  await getToken(worker);
  // So many changes that trying each of them would take hours.
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

test('a late push does not give an unregistered gate a record whose changes it would not receive', async () => {
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

  const again = { ...client, client_secret: secret() };
  await holdingFirst(READING_RECORDS, async ({ held, release }) => {
    const run = runScheduled();
    await vi.waitFor(() => expect(held()).toBe(1));
    await create('clients', { ...body, client_secret: again.client_secret });
    release();
    await run;
  });
  expect((await requestToken(again)).status).toBe(200);
  await done('PATCH', `clients/${client.client_id}`, { body: { status: 'disabled' } });
  expect((await requestToken(again)).status).toBe(401);
});

test('a late push delivers a deletion whose own push was lost, and settles only what it delivered', async () => {
  const { organization, identifier } = await world('settled-late');
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  const { id: role } = await create('roles', { organization_id: organization, name: 'slow', grants });
  const worker = await createClient({ organization_id: organization, client_name: 'held', roles: ['slow'] });
  const client = `clients/${worker.client_id}`;
  await getToken(worker);
  await holdingFirst(READING_RECORDS, async ({ held, release }) => {
    // The request has committed its owed pushes and is about to read the records for them.
    const slow = api('PATCH', `roles/${role}`, { body: { name: 'slower' } });
    await vi.waitFor(() => expect(held()).toBe(1));
    await done('PATCH', client, { body: { metadata: { newer: 'than the role' } } });
    const lost = await losingReplies('error', () => api('DELETE', client));
    expect(lost.status).toBe(503);
    expect(await owedTo(worker)).toBe(1);
    release();
    expect((await slow).status).toBe(200);
  });
  await runScheduled();
  expect((await requestToken(worker)).status).toBe(401);
  expect(await owedTo(worker)).toBe(0);
});

test('a push to an unregistered gate settles nothing newer than its version', async () => {
  const { worker } = await world('unregistered');
  await getToken(worker);
  const gate = gateOf(worker).id.toString();
  const { version } = await heldRecord(worker);
  const owe = env.DB.prepare('INSERT INTO gate_pushes (gate, version, client_id) VALUES (?, ?, ?)');
  const owed = [version + 1, version + 2];
  await env.DB.batch([
    env.DB.prepare('DELETE FROM gates WHERE name = ?').bind(gate),
    env.DB.prepare('UPDATE version_sequence SET value = value + 3'),
    ...owed.map((at) => owe.bind(gate, at, worker.client_id)),
  ]);
  await deliverPushes(database(env.DB), gates, [{ gate, version: version + 1, clientId: worker.client_id }]);
  const left = await env.DB.prepare('SELECT version FROM gate_pushes WHERE gate = ?').bind(gate).all();
  expect(left.results).toEqual([{ version: version + 2 }]);
  await runScheduled();
  expect(await owedTo(worker)).toBe(0);
  // The gate heard that its client was deleted. It loads from D1 again, and receives changes from then on.
  await getToken(worker);
  await done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } });
  expect((await requestToken(worker)).status).toBe(401);
});

test('a client whose record cannot be read delays no other client in the scheduled handler', async () => {
  const worlds = await Promise.all(['heavy', 'light', 'lighter'].map((name) => world(`unread-${name}`)));
  const [heavy, ...others] = worlds.map(({ worker }) => worker);
  if (!heavy) expect.unreachable();
  const all = [heavy, ...others];
  await Promise.all(all.map((worker) => getToken(worker)));
  await losingReplies('error', async () => {
    for (const { client_id } of all) await api('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });
  });
  const isHeavy: Fault = (call, sql, bound) =>
    sql.startsWith(READING_RECORDS) && bound.some((value) => String(value).includes(heavy.client_id))
      ? Promise.reject(new Error('D1_ERROR: too much at once'))
      : call();
  await withFault('d1', isHeavy, runScheduled);
  expect(await Promise.all(all.map(owedTo))).toEqual([1, 0, 0]);
  expect(await Promise.all(all.map(async (worker) => (await requestToken(worker)).status))).toEqual([200, 401, 401]);
  await runScheduled();
  expect(await owedTo(heavy)).toBe(0);
  expect((await requestToken(heavy)).status).toBe(401);
});
