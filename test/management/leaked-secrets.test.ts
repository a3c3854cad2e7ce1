import { describe, expect, test } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { ATTEMPTS_PER_ADDRESS, FINGERPRINT_AGE } from '../../src/gates/constants.ts';
import { ERRORS_SHOWN } from '../../src/management/constants.ts';
import { api, type Credentials, create, done, getToken, introspect, requestToken, world } from '../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../instruments.ts';
import { problemOf } from './rows.ts';
import { eventsAbout, promote, rotate, rotated, secretsOf, tokenStatus } from './secrets.ts';

let counter = 0;
const fresh = (client?: Record<string, unknown>) => world(`leaked-${++counter}`, client);

const report = (secret: unknown, address = '192.0.2.1') =>
  api('POST', 'leaked-secrets', { body: { secret }, key: null, address });

async function reported(secret: string, address?: string): Promise<void> {
  const response = await report(secret, address);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'disabled' });
}

test('a client’s primary secret: dead at once, at the token endpoint and at introspection, and nothing else changes', async () => {
  const { worker, api: caller, organization, identifier } = await fresh();
  const { client } = await rotated(worker);
  const { access_token } = await getToken(client);
  const shown = await done('GET', `clients/${worker.client_id}`);
  await reported(client.client_secret, '198.51.100.7');

  expect(await tokenStatus(client)).toBe(401);
  expect((await introspect(client, access_token)).status).toBe(401);
  expect(await tokenStatus(worker)).toBe(200);
  expect(await (await introspect(caller, access_token)).json()).toMatchObject({ active: true, aud: identifier });
  expect(await done('GET', `clients/${worker.client_id}`)).toEqual(shown);
  const [leaked, other] = await secretsOf(worker);
  expect(leaked).toMatchObject({ rank: 'primary', leaked_at: expect.any(String) });
  expect(other).toMatchObject({ rank: 'secondary', leaked_at: null });
  expect(await eventsAbout(worker.client_id, 'client.secret_leaked')).toEqual([
    expect.objectContaining({
      actor: 'leak-report',
      organization_id: organization,
      address: '198.51.100.7',
      changes: { secret: leaked?.id, hint: leaked?.hint },
    }),
  ]);
});

test('the organization’s own key finds it in the log', async () => {
  const { worker, organization } = await fresh();
  const { api_key } = await create('api-keys', { organization_id: organization, name: 'log', scopes: ['audit:read'] });
  await reported(worker.client_secret);
  const { data } = await done<{ data: { action: string }[] }>('GET', 'audit-events?limit=1', { key: api_key ?? '' });
  expect(data).toMatchObject([{ action: 'client.secret_leaked', target: worker.client_id }]);
});

test('a client’s secondary secret, which is then safe to delete, and no promotion brings it back', async () => {
  const { worker } = await fresh();
  const { client } = await rotated(worker);
  await getToken(worker);
  await reported(worker.client_secret);
  expect(await Promise.all([worker, client].map(tokenStatus))).toEqual([401, 200]);
  const [, secondary] = await secretsOf(worker);
  expect(secondary).toMatchObject({
    safe_to_delete: true,
    reason: 'It was reported as leaked and is no longer accepted.',
  });
  await problemOf(await promote(worker, secondary?.id ?? ''), 409);
  expect(await tokenStatus(worker)).toBe(401);
});

test('the way on from a leaked only secret is a rotation, which does not bring it back', async () => {
  const { worker } = await fresh();
  await getToken(worker);
  await reported(worker.client_secret);
  const { client } = await rotated(worker);
  expect(await Promise.all([worker, client].map(tokenStatus))).toEqual([401, 200]);
  const [, dead] = await secretsOf(worker);
  await problemOf(await promote(worker, dead?.id ?? ''), 409);
  expect((await rotate(worker)).status).toBe(201);
});

test('beside a leaked primary secret a rotation lets the secondary go on, which the client lives on', async () => {
  const { worker } = await fresh();
  const { client: second } = await rotated(worker);
  await getToken(worker);
  await reported(second.client_secret);
  const { client: third, answer } = await rotated(worker);
  expect(await Promise.all([worker, second, third].map(tokenStatus))).toEqual([200, 401, 200]);
  expect((await secretsOf(worker)).map(({ rank, id }) => [rank, id === answer.id])).toEqual([
    ['primary', true],
    ['secondary', false],
  ]);
  await problemOf(await rotate(worker), 409);
});

describe('an API key', () => {
  test('is dead at once, and its organization’s log says so', async () => {
    const { organization } = await fresh();
    const body = { organization_id: organization, name: 'leaky', scopes: ['clients:read', 'tokens:introspect'] };
    const { id, api_key: key, hint } = await create('api-keys', body);
    expect((await api('GET', 'clients', { key: key ?? '' })).status).toBe(200);
    await reported(key ?? '');
    expect((await api('GET', 'clients', { key: key ?? '' })).status).toBe(401);
    const [event] = await eventsAbout(id ?? '', 'api_key.leaked');
    expect(event).toMatchObject({ actor: 'leak-report', organization_id: organization, changes: { hint } });
    const { expires_at } = await done<{ expires_at: string }>('GET', `api-keys/${id}`);
    expect(Date.parse(expires_at)).toBeLessThanOrEqual(Date.now());
  });
});

test('a repeated report is answered the same, and logged once', async () => {
  const { worker, organization } = await fresh();
  const { id, api_key } = await create('api-keys', {
    organization_id: organization,
    name: 'x',
    scopes: ['audit:read'],
  });
  for (let times = 0; times < 3; times++) {
    await reported(worker.client_secret);
    await reported(api_key ?? '');
  }
  expect(await eventsAbout(worker.client_id, 'client.secret_leaked')).toHaveLength(1);
  expect(await eventsAbout(id ?? '', 'api_key.leaked')).toHaveLength(1);
});

test('what is no secret here is 404, whatever it looks like; what is malformed says where', async () => {
  for (const secret of [generateSecret('ems_'), generateSecret('emk_'), 'x', ' ', 'pass\u0000word', '😀'.repeat(100)]) {
    await problemOf(await report(secret, '192.0.2.3'), 404);
  }
  for (const secret of ['', 'x'.repeat(513), 5, null, undefined, ['x']]) {
    expect((await problemOf(await report(secret), 422)).errors).toMatchObject([{ pointer: '/secret' }]);
  }
  const unknown = await api('POST', 'leaked-secrets', { body: { secret: 'x', client_id: 'x' }, key: null });
  expect((await problemOf(unknown, 422)).errors).toMatchObject([{ pointer: '/client_id' }]);
});

test('a report of more than 16 KiB is not read', async () => {
  await problemOf(await report('x'.repeat(16 * 1024)), 413);
  const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`x${index}`, 0]));
  const { errors } = await problemOf(await api('POST', 'leaked-secrets', { body: unknown, key: null }), 422);
  expect(errors?.length).toBeLessThanOrEqual(ERRORS_SHOWN);
});

test('the answer tells nothing of whose it was', async () => {
  const { worker } = await fresh();
  const text = await (await report(worker.client_secret)).text();
  expect(text).not.toContain(worker.client_id);
});

describe('guessers', () => {
  const guess = (address: string) => report(generateSecret('ems_'), address);

  test('are held back: 429 with Retry-After, and D1 is asked no more', async () => {
    startNewIsolate();
    const address = '198.51.100.20';
    for (let times = 0; times < ATTEMPTS_PER_ADDRESS; times++) expect((await guess(address)).status).toBe(404);
    resetCalls();
    for (let times = 0; times < 20; times++) {
      const answer = await guess(address);
      expect(answer.headers.get('Retry-After')).toBe(String(FINGERPRINT_AGE));
      await problemOf(answer, 429);
    }
    // One query is allowed: it tells whether the guesses are at a client's secret.
    expect(calls.d1).toBeLessThanOrEqual(1);
  });

  test('from many addresses hold back nobody else', async () => {
    startNewIsolate();
    const { worker } = await fresh();
    const addresses = Array.from({ length: 15 }, (_, index) => `203.0.113.${index}`);
    for (let round = 0; round < ATTEMPTS_PER_ADDRESS; round++) await Promise.all(addresses.map(guess));
    expect((await guess(addresses[0] ?? '')).status).toBe(429);
    await reported(worker.client_secret, '192.0.2.77');
  });

  test('at a client of any name hold back no report, nor does one mistaken report after them', async () => {
    startNewIsolate();
    const { worker } = await fresh();
    const address = '192.0.2.79';
    for (const client_id of [`leaked-secrets ${address}`, 'leaked-secrets', 'leak-report']) {
      const guess = { client_id, client_secret: generateSecret('ems_') };
      for (let times = 0; times < 2 * ATTEMPTS_PER_ADDRESS; times++) await requestToken(guess, {}, { address });
    }
    for (let times = 0; times < 5; times++) expect((await guess(address)).status).toBe(404);
    await reported(worker.client_secret, address);
  });

  test('do not hold back the client that has an id of the same name', async () => {
    startNewIsolate();
    const { organization, identifier } = await fresh();
    const client: Credentials = { client_id: 'leaked-secrets', client_secret: 'k3Jx9Qw7Lp2Vb8Nz5Rt1Ys6Fd4Gh0C' };
    await create('clients', {
      organization_id: organization,
      client_name: 'same',
      grants: [{ resource_server: identifier, scopes: [] }],
      ...client,
    });
    for (let times = 0; times < 2 * ATTEMPTS_PER_ADDRESS; times++) await guess('192.0.2.78');
    expect((await requestToken(client, {}, { address: '192.0.2.78' })).status).toBe(200);
  });
});

test('where a store fails it is 503, and the same report makes up for it', async () => {
  const { worker } = await fresh();
  await getToken(worker);
  expect((await failing('d1', () => report(worker.client_secret))).status).toBe(503);
  const unpushed = await failing(`gate:${worker.client_id}`, () => report(worker.client_secret));
  expect(unpushed.headers.get('Retry-After')).toBe('2');
  await problemOf(unpushed, 503);
  await reported(worker.client_secret);
  expect(await tokenStatus(worker)).toBe(401);
  expect(await eventsAbout(worker.client_id, 'client.secret_leaked')).toHaveLength(1);
});
