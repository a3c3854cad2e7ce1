import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { generateClientId } from '../../src/credentials/client-id.ts';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { type Credentials, create, getToken, requestToken, world } from '../http.ts';
import { calls, resetCalls, startNewIsolate } from '../instruments.ts';

const ATTEMPTS = 5000;
const AT_ONCE = 100;
const HOME = '192.0.2.1';

/** 5,000 requests with well-formed wrong secrets, while the client itself asks for a token now and then. */
async function attack(worker: Credentials, addressOf: (attempt: number) => string): Promise<number[]> {
  const latencies: number[] = [];
  for (let sent = 0; sent < ATTEMPTS; sent += AT_ONCE) {
    const guesses = Array.from({ length: AT_ONCE }, (_, index) => {
      const guess = { client_id: worker.client_id, client_secret: generateSecret('ems_') };
      return requestToken(guess, {}, { address: addressOf(sent + index) });
    });
    const begun = performance.now();
    const own = await requestToken(worker, {}, { address: HOME });
    latencies.push(performance.now() - begun);
    expect(own.status).toBe(200);
    for (const guess of await Promise.all(guesses)) expect([401, 429]).toContain(guess.status);
  }
  return latencies.sort((one, other) => one - other);
}

function report(attackers: string, latencies: number[]): void {
  const p99 = latencies[Math.ceil(latencies.length * 0.99) - 1]?.toFixed(1);
  console.log(`${ATTEMPTS} wrong secrets from ${attackers}: ${calls.gate} gate calls, the client's own p99 ${p99} ms`);
}

const LIMIT = { rate_limit: { per_minute: 600, burst: 100 } };

test('5,000 wrong secrets from one other address: the client gets its tokens, and its gate at most 200 calls for them', async () => {
  const { worker } = await world('attacked', LIMIT);
  resetCalls();
  const latencies = await attack(worker, () => '198.51.100.7');
  report('one other address', latencies);
  expect(calls.gate - latencies.length).toBeLessThanOrEqual(200);
});

test('5,000 wrong secrets from 500 addresses: the client gets its tokens', async () => {
  const { worker } = await world('stuffed', LIMIT);
  resetCalls();
  const latencies = await attack(worker, (attempt) => `203.0.${attempt % 5}.${Math.floor(attempt / 5) % 100}`);
  report('500 addresses', latencies);
});

test('5,000 wrong secrets from the client’s own address: the client gets its tokens', async () => {
  const { worker } = await world('shared-address', LIMIT);
  resetCalls();
  report('its own address', await attack(worker, () => HOME));
});

test('a client that no isolate knows yet gets its token in the middle of an attack from its own address', async () => {
  const { worker } = await world('unknown-to-the-isolate', LIMIT);
  await getToken(worker);
  for (let round = 0; round < 5; round++) {
    startNewIsolate();
    const guesses = Array.from({ length: 300 }, () =>
      requestToken({ ...worker, client_secret: generateSecret('ems_') }, {}, { address: HOME }),
    );
    const own = await requestToken(worker, {}, { address: HOME });
    expect(own.status).toBe(200);
    await Promise.all(guesses);
  }
});

test('failed attempts spend nothing of the client’s allowance', async () => {
  const { worker } = await world('allowance', { rate_limit: { per_minute: 1, burst: 5 } });
  const guesses = Array.from({ length: 50 }, (_, index) =>
    requestToken({ ...worker, client_secret: generateSecret('ems_') }, {}, { address: `198.51.100.${index}` }),
  );
  await Promise.all(guesses);
  const own = await Promise.all(Array.from({ length: 5 }, () => requestToken(worker, {}, { address: HOME })));
  expect(own.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
});

test('5,000 invented client ids cost no gate call and no D1 query, and leave nothing behind', async () => {
  const masterKeys = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys);
  await world('invented');
  resetCalls();
  for (let sent = 0; sent < ATTEMPTS; sent += AT_ONCE) {
    const inventions = Array.from({ length: AT_ONCE }, async () => {
      const client_id = await generateClientId(masterKeys);
      return requestToken({ client_id, client_secret: generateSecret('ems_') }, {}, { address: '198.51.100.8' });
    });
    for (const { status } of await Promise.all(inventions)) expect(status).toBe(401);
  }
  expect(calls).toMatchObject({ gate: 0, d1: 0, kv: 0 });
});

test('a client that was deleted is asked for once in a while, however often it is tried', async () => {
  const { organization } = await world('deleted');
  const gone = await create<Credentials>('clients', { organization_id: organization, client_name: 'gone' });
  await env.DB.batch([
    env.DB.prepare('DELETE FROM client_secrets WHERE client_id = ?').bind(gone.client_id),
    env.DB.prepare('DELETE FROM clients WHERE client_id = ?').bind(gone.client_id),
  ]);
  await requestToken(gone, {}, { address: '198.51.100.9' });
  resetCalls();
  for (let attempt = 0; attempt < 10; attempt++) {
    expect((await requestToken(gone, {}, { address: '198.51.100.9' })).status).toBe(401);
  }
  expect(calls).toMatchObject({ gate: 0, d1: 0, kv: 0 });
});
