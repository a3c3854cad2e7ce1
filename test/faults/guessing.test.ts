import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { UNKNOWN_CLIENT_AGE } from '../../src/constants.ts';
import { generateClientId } from '../../src/credentials/client-id.ts';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { GATES_ASKED_WITHOUT_D1, LOOK_UP_INTERVAL_MS, LOOK_UPS_PER_QUERY } from '../../src/gates/constants.ts';
import { readConfig } from '../../src/platform/config.ts';
import { type Credentials, create, done, getToken, requestToken, world } from '../http.ts';
import { calls, failing, holding, resetCalls, slowing, startNewIsolate } from '../instruments.ts';
import { sized } from '../size.ts';

const ATTEMPTS = sized({ small: 1000, soak: 5000 });
const AT_ONCE = 100;
const HOME = '192.0.2.1';

/** Sends requests with well-formed wrong secrets, while the client itself asks for a token now and then. */
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

test(`${ATTEMPTS} wrong secrets from one other address: the client gets its tokens, and its gate at most 200 calls for them`, async () => {
  const { worker } = await world('attacked', LIMIT);
  resetCalls();
  const latencies = await attack(worker, () => '198.51.100.7');
  report('one other address', latencies);
  expect(calls.gate - latencies.length).toBeLessThanOrEqual(200);
});

test(`${ATTEMPTS} wrong secrets from 500 addresses: the client gets its tokens`, async () => {
  const { worker } = await world('stuffed', LIMIT);
  resetCalls();
  const latencies = await attack(worker, (attempt) => `203.0.${attempt % 5}.${Math.floor(attempt / 5) % 100}`);
  report('500 addresses', latencies);
});

test(`${ATTEMPTS} wrong secrets from the client’s own address: the client gets its tokens`, async () => {
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

test(`${ATTEMPTS} invented client ids cost no gate call and no D1 query, and leave nothing behind`, async () => {
  const masterKeys = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys);
  await world('invented');
  resetCalls();
  for (let sent = 0; sent < ATTEMPTS; sent += AT_ONCE) {
    const inventions = Array.from({ length: AT_ONCE }, async () => {
      const client_id = await generateClientId(masterKeys);
      return requestToken({ client_id, client_secret: generateSecret('ems_') }, {}, { address: '198.51.100.8' });
    });
    for (const { status } of await Promise.all(inventions)) expect([401, 429]).toContain(status);
  }
  expect(calls).toMatchObject({ gate: 0, d1: 0, kv: 0 });
});

describe('invented ids in the form of imported ones', () => {
  const ADDRESSES = sized({ small: 100, soak: 1000 });
  const IDS = ADDRESSES * 10;
  // At most this many wait for a query, so there is room for the real client even on a slow machine.
  const IDS_AT_ONCE = LOOK_UPS_PER_QUERY * 0.8;
  const wrong = { client_secret: 'q8Zr3vT1xW9yB5nM7kL2pD4sH6jF0gC1' };
  const guess = (client_id: string, address: string) => requestToken({ client_id, ...wrong }, {}, { address });
  const statusOf = async (client_id: string, address: string) => (await guess(client_id, address)).status;

  let imports = 0;
  async function imported(): Promise<Credentials> {
    const { organization, identifier } = await world(`imports-${++imports}`);
    const client = { client_id: `imported-${imports}`, client_secret: `k3Jx9Qw7Lp2Vb8Nz5Rt1Ys6Fd4Gh0C${imports}` };
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    await create('clients', { organization_id: organization, client_name: 'imported', grants, ...LIMIT, ...client });
    return client;
  }

  test('are not looked up as long as no client was imported, and the first one is served at once', async () => {
    startNewIsolate();
    await world('nobody-imported');
    await guess('warm', '203.0.113.1');
    const begun = performance.now();
    resetCalls();
    for (let id = 0; id < 200; id++) expect(await statusOf(`none-${id}`, `203.1.0.${id}`)).toBe(401);
    const queries = 1 + (performance.now() - begun) / 1000 / UNKNOWN_CLIENT_AGE;
    expect(calls).toMatchObject({ gate: 0, kv: 0 });
    expect(calls.d1).toBeLessThanOrEqual(queries);
    expect((await requestToken(await imported(), {}, { address: '203.1.0.1' })).status).toBe(200);
  });

  test(`${IDS} from ${ADDRESSES} addresses: no gate call, four queries a second, and one of the addresses has a real client that no isolate knows`, async () => {
    const real = await imported();
    startNewIsolate();
    await guess('warm', '203.0.113.1');
    const begun = performance.now();
    resetCalls();
    let own = 0;
    for (let sent = 0; sent < IDS; sent += IDS_AT_ONCE) {
      const guesses = Array.from({ length: Math.min(IDS_AT_ONCE, IDS - sent) }, (_, index) => {
        const number = (sent + index) % ADDRESSES;
        return statusOf(`flood-${sent + index}`, `203.2.${number >> 8}.${number & 255}`);
      });
      if (sent === IDS_AT_ONCE * 6) {
        expect((await requestToken(real, {}, { address: '203.2.0.0' })).status).toBe(200);
        own++;
      }
      for (const status of await Promise.all(guesses)) expect([401, 429]).toContain(status);
    }
    const elapsed = performance.now() - begun;
    console.log(`${IDS} invented ids in ${Math.round(elapsed)} ms: ${calls.d1} D1 queries, ${calls.gate} gate calls`);
    expect(calls.gate).toBe(own);
    // The real client's gate loads its record in one more.
    expect(calls.d1).toBeLessThanOrEqual(2 + elapsed / LOOK_UP_INTERVAL_MS);
    expect((await requestToken(real, {}, { address: '203.2.0.0' })).status).toBe(200);
  });

  test('cannot be told from real ones when the address has failed too often, and real clients there are served', async () => {
    const real = await imported();
    const { worker } = await world('told-apart', LIMIT);
    const address = '203.3.0.1';
    const masterKeys = await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys);
    const impossible = await generateClientId(masterKeys);
    const ids = [real.client_id, 'nobody', worker.client_id, impossible, 'x'.repeat(300)];
    expect((await requestToken(real, {}, { address })).status).toBe(200);
    for (const id of ids) expect(await statusOf(id, '203.3.0.2')).toBe(401);
    for (let failure = 0; failure < 20; failure++) expect(await statusOf(impossible, address)).toBe(401);
    for (const id of ids) expect(await statusOf(id, address)).toBe(429);
    for (const client of [real, worker]) expect((await requestToken(client, {}, { address })).status).toBe(200);
  });

  test('cannot be told from real ones by sending many at once either', async () => {
    const clients = [];
    const { organization } = await world('at-once');
    for (let index = 0; index < 30; index++) {
      const client = { client_id: `at-once-${index}`, client_secret: `n6Tq2Xc8Vm4Kz1Wp7Rb3Yd9Jf5Hs0L${index}` };
      await create('clients', { organization_id: organization, client_name: `at once ${index}`, ...client });
      clients.push(client.client_id);
    }
    const counted = async (ids: string[], address: string) => {
      const statuses = await Promise.all(ids.map((id) => statusOf(id, address)));
      return [401, 429].map((status) => statuses.filter((one) => one === status).length);
    };
    const invented = clients.map((id) => `not-${id}`);
    expect(await counted(clients, '203.4.0.1')).toEqual([20, 10]);
    expect(await counted(invented, '203.4.0.2')).toEqual([20, 10]);
  });

  test('cannot be told from real ones while no more are looked up, and known clients are served', async () => {
    const real = await imported();
    expect((await requestToken(real, {}, { address: HOME })).status).toBe(200);
    await holding('d1', async ({ held, release }) => {
      const first = guess('queue-first', '203.5.1.1');
      await vi.waitUntil(() => held() === 1);
      const waiting = Array.from({ length: LOOK_UPS_PER_QUERY }, (_, index) =>
        guess(`queue-${index}`, `203.5.0.${index}`),
      );
      await scheduler.wait(100);
      expect(await statusOf('queue-last', '203.5.1.2')).toBe(429);
      expect(await statusOf(real.client_id, '203.5.1.3')).toBe(429);
      expect((await requestToken(real, {}, { address: '203.5.1.4' })).status).toBe(200);
      release();
      for (const { status } of await Promise.all([first, ...waiting])) expect(status).toBe(401);
    });
  });

  test('with D1 down a client that was served anywhere is served here, and invented ids are 503', async () => {
    // The limit is for a minute of the clock, which must not end meanwhile.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const real = await imported();
    await getToken(real);
    startNewIsolate();
    await guess('warm', '203.0.113.1');
    await failing('d1', async () => {
      resetCalls();
      const ask = (from: number) =>
        Array.from({ length: 75 }, (_, index) => statusOf(`down-${from + index}`, `203.6.${from}.${index >> 4}`));
      const answers = ask(0);
      expect((await requestToken(real, {}, { address: '203.6.200.1' })).status).toBe(200);
      answers.push(...ask(75));
      for (const status of await Promise.all(answers)) expect([429, 503]).toContain(status);
      expect(calls.gate).toBeLessThanOrEqual(GATES_ASKED_WITHOUT_D1);
    });
    vi.useRealTimers();
  });
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

test('100 machines that start at once, with the right secret and a slow gate, all get their tokens', async () => {
  const { worker } = await world('slow-start', LIMIT);
  startNewIsolate();
  const answers = await slowing(1500, () =>
    Promise.all(Array.from({ length: 100 }, () => requestToken(worker, {}, { address: HOME }))),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
});

test('a gate that fails is told as that, not as too many attempts', async () => {
  const { worker } = await world('failing-start', LIMIT);
  startNewIsolate();
  const answers = await failing('gate', () =>
    Promise.all(Array.from({ length: 100 }, () => requestToken(worker, {}, { address: HOME }))),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(503));
});

test('an address that the location has seen fail too often is held back in a new isolate after one more failure', async () => {
  const { worker } = await world('known-to-the-location', LIMIT);
  const guess = () =>
    requestToken({ ...worker, client_secret: generateSecret('ems_') }, {}, { address: '198.51.100.77' });
  for (let attempt = 0; attempt < 20; attempt++) await guess();
  startNewIsolate();
  expect((await guess()).status).toBe(401);
  await vi.waitFor(async () => expect((await guess()).status).toBe(429));
  resetCalls();
  for (let attempt = 0; attempt < 5; attempt++) expect((await guess()).status).toBe(429);
  expect(calls.gate).toBe(0);
});

test('failing again and again tells nobody whether a client exists', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { worker } = await world('oracle', LIMIT);
  const masterKeys = await deriveMasterKeys(readConfig(env).masterKeys);
  const nobody = await generateClientId(masterKeys);
  const invented = await generateClientId(
    await deriveMasterKeys(readConfig({ ...env, MASTER_KEY: 'A'.repeat(43) }).masterKeys),
  );
  const histories = await Promise.all(
    [worker.client_id, nobody, invented].map(async (client_id, index) => {
      const history: string[] = [];
      for (let attempt = 0; attempt < 40; attempt++) {
        const guess = { client_id, client_secret: generateSecret('ems_') };
        const { status, headers } = await requestToken(guess, {}, { address: `198.51.100.${100 + index}` });
        history.push(`${status} ${headers.get('Retry-After')}`);
      }
      return history;
    }),
  );
  const later: string[][] = [[], [], []];
  for (let second = 0; second < 20; second++) {
    vi.setSystemTime(Date.now() + 1000);
    for (const [index, client_id] of [worker.client_id, nobody, invented].entries()) {
      const guess = { client_id, client_secret: generateSecret('ems_') };
      const { status, headers } = await requestToken(guess, {}, { address: `198.51.100.${100 + index}` });
      later[index]?.push(`${status} ${headers.get('Retry-After')}`);
    }
  }
  vi.useRealTimers();
  expect(histories[1]).toEqual(histories[0]);
  expect(histories[2]).toEqual(histories[0]);
  expect(later[1]).toEqual(later[0]);
  expect(later[2]).toEqual(later[0]);
});

test('one client’s secret tried on another is a guess like any other, however often it passes for its own', async () => {
  const { worker } = await world('secret-owner', LIMIT);
  const { worker: target } = await world('secret-target', LIMIT);
  await requestToken(target, {}, { address: HOME });
  resetCalls();
  for (let round = 0; round < 60; round++) {
    expect((await requestToken(worker, {}, { address: '198.51.100.66' })).status).toBe(200);
    const guess = { client_id: target.client_id, client_secret: worker.client_secret };
    expect([401, 429]).toContain((await requestToken(guess, {}, { address: '198.51.100.66' })).status);
  }
  expect(calls.gate - 60).toBeLessThanOrEqual(25);
});

test.each(['client', 'organization'] as const)(
  'a %s that is disabled under attack is served as soon as it is enabled, from the attackers’ own address',
  async (what) => {
    const { worker, organization } = await world(`enabled-${what}`, LIMIT);
    const path = what === 'client' ? `clients/${worker.client_id}` : `organizations/${organization}`;
    await done('PATCH', path, { body: { status: 'disabled' } });
    startNewIsolate();
    for (let attempt = 0; attempt < 40; attempt++) {
      const guess = { ...worker, client_secret: generateSecret('ems_') };
      expect([401, 429]).toContain((await requestToken(guess, {}, { address: '198.51.100.70' })).status);
    }
    expect((await requestToken(worker, {}, { address: '198.51.100.70' })).status).toBe(401);
    await done('PATCH', path, { body: { status: 'active' } });
    expect((await requestToken(worker, {}, { address: '198.51.100.70' })).status).toBe(200);
  },
);

test('an id made to look like another’s tally does not widen it', async () => {
  const { worker } = await world('collided', LIMIT);
  const address = '198.51.100.67';
  for (const spoofed of [`${address} ${worker.client_id}`, `address ${address} ${worker.client_id}`]) {
    await requestToken({ client_id: spoofed, client_secret: generateSecret('ems_') }, {}, { address: '198.51.100.68' });
  }
  resetCalls();
  for (let attempt = 0; attempt < 60; attempt++) {
    await requestToken({ ...worker, client_secret: generateSecret('ems_') }, {}, { address });
  }
  expect(calls.gate).toBeLessThanOrEqual(25);
});

test('an attack leaves one event an hour in its client’s audit log, and guesses at nobody leave none', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(new Date('2030-01-01T10:10:00Z'));
  const { worker, organization } = await world('watched', LIMIT);
  const url = 'https://throttled.hooks.example.com/in';
  const wanted = { organization_id: organization, name: 'guessing', url, events: ['client.attempts_throttled'] };
  const webhook = await create('webhooks', wanted);
  const sent = async () =>
    (await done<{ data: { event: string }[] }>('GET', `webhooks/${webhook.id}/deliveries`)).data.length;
  const events = async () => {
    const path = `audit-events?organization_id=${organization}&action=client.attempts_throttled`;
    return (await done<{ data: { target: string; address: string; at: string }[] }>('GET', path)).data;
  };
  const attack = async (client_id: string) => {
    for (let attempt = 0; attempt < 40; attempt++) {
      await requestToken({ client_id, client_secret: generateSecret('ems_') }, {}, { address: '198.51.100.69' });
    }
  };
  await attack(worker.client_id);
  startNewIsolate();
  await attack(worker.client_id);
  await vi.waitFor(async () => expect(await events()).toHaveLength(1));
  expect(await events()).toMatchObject([{ target: worker.client_id, address: '198.51.100.69' }]);
  expect(await sent()).toBe(1);

  vi.setSystemTime(new Date('2030-01-01T11:00:01Z'));
  await attack(worker.client_id);
  await vi.waitFor(async () => expect(await events()).toHaveLength(2));
  expect(await sent()).toBe(2);
  for (let id = 0; id < 40; id++) await requestToken({ client_id: `nobody-${id}`, client_secret: 'x' });
  resetCalls();
  for (let id = 0; id < 40; id++) await requestToken({ client_id: `invented-${id}`, client_secret: 'x' });
  vi.useRealTimers();
  expect(calls.d1).toBe(0);
});
