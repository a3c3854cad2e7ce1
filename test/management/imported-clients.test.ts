import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { CLIENT_ID_LENGTH_MAX } from '../../src/constants.ts';
import { ATTEMPTS_PER_ADDRESS } from '../../src/gates/constants.ts';
import { copyOfRevocation } from '../../src/store/revocation-copies.ts';
import { gateOf, tablesOf } from '../client-gate/gate.ts';
import {
  api,
  type Credentials,
  create,
  done,
  getToken,
  introspect,
  manage,
  postForm,
  requestToken,
  revoke,
  world,
} from '../http.ts';
import { calls, failing, resetCalls, startNewIsolate } from '../instruments.ts';
import { pointedAt, problemOf } from './rows.ts';
import { rotated, secretsOf, tokenStatus } from './secrets.ts';

const { organization, identifier, api: caller } = await world('imported');
const SECRET = 'Zp7-kQ2_vXw9~Rt4.Ls8Yb3NcJ6mHd1F';

let counter = 0;

/** Imports a client with a unique secret. */
async function imported(client_id: string, fields: object = {}): Promise<Credentials> {
  const client = { client_id, client_secret: `${SECRET}${++counter}` };
  const created = await create<Credentials>('clients', body({ ...client, ...fields }));
  expect(created).toMatchObject(client);
  return client;
}

function body(fields: object) {
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  return { organization_id: organization, client_name: `imported ${++counter}`, grants, ...fields };
}

async function pointersOf(fields: object, status = 422): Promise<(string | undefined)[] | undefined> {
  return (await problemOf(await manage('clients', body(fields)), status)).errors?.map(({ pointer }) => pointer);
}

/** Requests a token with Basic credentials whose parts are not form-encoded, as `curl -u` and many libraries send them. */
function rawBasic({ client_id, client_secret }: Credentials, address?: string): Promise<Response> {
  const headers = { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` };
  const init = { headers, ...(address !== undefined && { address }) };
  return postForm('/oauth2/token', { grant_type: 'client_credentials' }, init);
}

describe('a secret with characters that form encoding changes', () => {
  test.each([
    'Zp7+kQ2_vXw9+Rt4.Ls8Yb3NcJ6mHd1F',
    'Zp7%kQ2_vXw9%Rt4.Ls8Yb3NcJ6mHd1F',
    'Zp7%2BQ2_vXw9+t4.Ls8:b3NcJ6mHd1%',
  ])('authenticates as it is and form-encoded: %s', async (secret) => {
    const client = { client_id: `special-${++counter}`, client_secret: secret };
    await create('clients', body(client));
    expect((await rawBasic(client)).status).toBe(200);
    expect((await requestToken(client)).status).toBe(200);
  });

  test('costs one gate call, and a wrong one counts as one failed attempt', async () => {
    const { client_id } = await imported('two-readings');
    const guess = (at: number) => ({ client_id, client_secret: `Zp7+kQ2_vXw9+Rt4.Ls8Yb3NcJ6mHd${at}F` });
    resetCalls();
    const address = '203.0.113.77';
    for (let at = 0; at < ATTEMPTS_PER_ADDRESS; at++) expect((await rawBasic(guess(at), address)).status).toBe(401);
    // Each failure is counted by its address, and by its address and client.
    expect(calls).toMatchObject({ gate: ATTEMPTS_PER_ADDRESS, rateLimit: 2 * ATTEMPTS_PER_ADDRESS });
    expect((await rawBasic(guess(99), address)).status).toBe(429);
  });
});

test('a client keeps the id and the secret that it has from elsewhere, which are shown by no later answer', async () => {
  const client = await imported('my-app');
  expect((await requestToken(client)).status).toBe(200);
  const shown = await (await api('GET', 'clients/my-app')).text();
  expect(shown).not.toContain(client.client_secret);
  const [secret] = await secretsOf(client);
  expect(secret?.hint).toBe(client.client_secret.slice(-4));
});

test('an id alone may be brought along: the secret is generated then', async () => {
  const created = await create<Credentials>('clients', body({ client_id: 'id-alone' }));
  expect(created).toMatchObject({ client_id: 'id-alone', client_secret: expect.stringMatching(/^ems_/) });
  expect((await requestToken(created)).status).toBe(200);
});

describe('an id', () => {
  const ODD = [
    '0oa1b2c3d4E5f6G7h8i9',
    '7d1f8f6e-0b5c-4a5e-9f57-1c2d3e4f5a6b',
    '12345-abc.apps.example.com',
    '//client.example.com/id?x=1&y=2#z',
    "!#$&'()*,-./;<=>?@[\\]^_`{|}~",
    'Ünicode'.replace('Ü', 'U_'),
    '...',
    'a'.repeat(CLIENT_ID_LENGTH_MAX),
  ];

  test.each(ODD)(
    '%j authenticates by Basic and in the body, at each endpoint, and can be managed',
    async (client_id) => {
      const client = await imported(client_id);
      expect((await rawBasic(client)).status).toBe(200);
      expect((await postForm('/oauth2/token', { grant_type: 'client_credentials', ...client })).status).toBe(200);
      const { access_token } = await getToken(client);
      expect(await (await introspect(caller, access_token)).json()).toMatchObject({ active: true, client_id });
      expect((await introspect(client, access_token)).status).toBe(200);
      expect((await revoke(client, access_token)).status).toBe(200);
      expect(await (await introspect(caller, access_token)).json()).toEqual({ active: false });

      const path = `clients/${encodeURIComponent(client_id)}`;
      expect(await done('GET', path)).toMatchObject({ client_id });
      expect(await done('GET', `${path}/usage`)).toMatchObject({ data: [{ issued: 3 }] });
      await done('PATCH', path, { body: { status: 'disabled' } });
      expect((await requestToken(client)).status).toBe(401);
      expect((await api('DELETE', path)).status).toBe(204);
      await problemOf(await api('GET', path), 404);
    },
  );

  test.each(['https://client.example.com/app', 'urn:example:app', 'a:b', ':'])(
    '%j has a colon: it authenticates by form-encoded Basic and in the body, and not by Basic as it is',
    async (client_id) => {
      const client = await imported(client_id);
      expect((await requestToken(client)).status).toBe(200);
      expect((await postForm('/oauth2/token', { grant_type: 'client_credentials', ...client })).status).toBe(200);
      expect((await rawBasic(client, '203.0.113.90')).status).toBe(401);
      const { access_token } = await getToken(client);
      expect(await (await introspect(caller, access_token)).json()).toMatchObject({ active: true, client_id });
      await done('PATCH', `clients/${encodeURIComponent(client_id)}`, { body: { status: 'disabled' } });
      expect((await requestToken(client)).status).toBe(401);
    },
  );

  test('with a colon shares no copy of a revocation with another client', () => {
    const keys = [copyOfRevocation('a', 'b:c', 1), copyOfRevocation('a:b', 'c', 1), copyOfRevocation('a', 'b', 1)];
    expect(new Set(keys.map(({ key }) => key)).size).toBe(3);
    expect(keys[2]?.key).toBe('revoked:a:b');
  });

  test.each([
    'emc_',
    'emc_my-app',
    `emc_${'a'.repeat(30)}`,
    'a b',
    'a%b',
    'a+b',
    'a"b',
    'é',
    'a\nb',
    '',
    '.',
    '..',
    'a'.repeat(CLIENT_ID_LENGTH_MAX + 1),
    // Names that audit events use for other actors.
    'root',
    'leak-report',
    'attempt-filter',
    'key_7n42DGM5Tflk9n8mt7Fhc7',
  ])('%j is refused', async (client_id) => {
    expect(await pointersOf({ client_id })).toEqual(['/client_id']);
  });

  test('that is longer than any can be names no client, in a path, a query or a body', async () => {
    const longest = 'b'.repeat(CLIENT_ID_LENGTH_MAX);
    const tooLong = `${longest}b`;
    for (const method of ['GET', 'DELETE'] as const) {
      await problemOf(await api(method, `clients/${longest}`), 404);
      expect(await pointedAt(await api(method, `clients/${tooLong}`))).toEqual(['client_id']);
    }
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const revokeNamed = (client_id: string) => manage('tokens/revoke', { jti: 'x', client_id, expires_at });
    await problemOf(await revokeNamed(longest), 404);
    expect(await pointedAt(await revokeNamed(tooLong))).toEqual(['/client_id']);
    expect((await api('GET', `audit-events?target=${longest}`)).status).toBe(200);
    expect(await pointedAt(await api('GET', `audit-events?target=${tooLong}`))).toEqual(['target']);
    expect((await requestToken({ client_id: tooLong, client_secret: SECRET })).status).toBe(401);
  });

  test('that is taken is 409, another organization’s as well, and nothing changes', async () => {
    const client = await imported('taken');
    const { id } = await create('organizations', { name: 'Elsewhere' });
    const twice = { client_id: 'taken', client_secret: `${SECRET}-another` };
    expect(await pointersOf(twice, 409)).toEqual(['/client_id']);
    const elsewhere = { ...twice, organization_id: id, client_name: 'x' };
    expect((await problemOf(await manage('clients', elsewhere), 409)).errors).toMatchObject([
      { pointer: '/client_id' },
    ]);
    expect((await requestToken(client)).status).toBe(200);
    expect((await requestToken({ ...client, client_secret: twice.client_secret })).status).toBe(401);
  });
});

describe('a secret', () => {
  test.each([
    ['short', 'Zp7-kQ2_vXw9~Rt4.Ls8Yb3'],
    ['long', `${SECRET.repeat(8)}x`],
    ['repeating', 'password'.repeat(5)],
    ['of one character', 'a'.repeat(64)],
    ['with a space', `${SECRET} ${SECRET}`],
    ['not ASCII', `${SECRET}é`],
  ])('that is %s is refused', async (_, client_secret) => {
    expect(await pointersOf({ client_id: 'weak', client_secret })).toContain('/client_secret');
  });

  test('without the id that it belongs to is refused', async () => {
    expect(await pointersOf({ client_secret: SECRET })).toEqual(['/client_secret']);
  });

  test('that another client has is 409', async () => {
    const { client_secret } = await imported('has-secret');
    expect(await pointersOf({ client_id: 'same-secret', client_secret }, 409)).toEqual(['/client_secret']);
  });

  test('rotates into a generated one', async () => {
    const client = await imported('rotates');
    await getToken(client);
    const { client: renewed } = await rotated(client);
    expect(renewed.client_secret).toMatch(/^ems_/);
    expect(await Promise.all([client, renewed].map(tokenStatus))).toEqual([200, 200]);
  });
});

describe('invented ids', () => {
  test('reach gates a few times for each address and minute, and leave nothing behind; a proven client goes on', async () => {
    startNewIsolate();
    const client = await imported('proven');
    const address = '198.51.100.40';
    expect((await requestToken(client, {}, { address })).status).toBe(200);
    const counted = async () => env.DB.prepare('SELECT COUNT(*) AS n FROM gates').first<{ n: number }>();
    const before = await counted();

    const inventions = Array.from({ length: 100 }, (_, index) => `invented-${index}`);
    const guess = (client_id: string) => requestToken({ client_id, client_secret: SECRET }, {}, { address });
    resetCalls();
    const atOnce = await Promise.all(inventions.slice(0, 50).map(guess));
    const statuses = atOnce.map(({ status }) => status);
    for (const client_id of inventions.slice(50)) statuses.push((await guess(client_id)).status);
    expect(calls.gate).toBeLessThanOrEqual(ATTEMPTS_PER_ADDRESS);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect((await requestToken(client, {}, { address })).status).toBe(200);
    expect((await guess('elsewhere-1')).status).toBe(429);
    expect(
      (await requestToken({ client_id: 'a', client_secret: SECRET }, {}, { address: '198.51.100.41' })).status,
    ).toBe(401);

    expect(await counted()).toEqual(before);
    for (const client_id of inventions) expect(await tablesOf({ client_id })).toEqual([]);
  });
});

describe('a client that was deleted and is created anew under its id', () => {
  const isActive = async (token: string) =>
    (await (await introspect(caller, token)).json<{ active: boolean }>()).active;

  test.each([
    ['', false],
    [', its gate having been evicted,', true],
  ])('%s has its old tokens dead and its new ones live, and is seen by later changes', async (_, isEvicted) => {
    const client_id = `again-${isEvicted}`;
    const old = await imported(client_id);
    const { access_token } = await getToken(old);
    expect(await isActive(access_token)).toBe(true);
    expect((await api('DELETE', `clients/${client_id}`)).status).toBe(204);
    expect((await requestToken(old)).status).toBe(401);
    expect(await isActive(access_token)).toBe(false);

    const anew = await imported(client_id);
    if (isEvicted) await evictDurableObject(gateOf(anew));
    // For some seconds an isolate may still take the id for an unknown one.
    startNewIsolate();
    const next = await getToken(anew);
    expect(await isActive(next.access_token)).toBe(true);
    expect(await isActive(access_token)).toBe(false);
    expect((await requestToken(old)).status).toBe(401);
    await done('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });
    expect((await requestToken(anew)).status).toBe(401);
    expect(await isActive(next.access_token)).toBe(false);
  });
});

test.each([
  ['by itself', false],
  ['with its organization', true],
])(
  'a client deleted %s while its gate could not be told, and created anew at once: nothing of the old one lives',
  async (_, whole) => {
    const shared = await create('resource-servers', {
      identifier: `https://shared-${whole}.example.com`,
      name: `shared ${whole}`,
      scopes: [{ name: 'read' }],
    });
    const grants = [{ resource_server: shared.identifier, scopes: ['read'] }];
    const watcher = await create<Credentials>('clients', body({ introspects: [shared.identifier] }));
    const { id: owner } = await create('organizations', { name: `owner ${whole}` });
    const client_id = `owed-${whole}`;
    const old = await imported(client_id, { organization_id: owner, grants });
    const { access_token } = await getToken(old);

    const path = whole ? `organizations/${owner}?cascade=true` : `clients/${client_id}`;
    await problemOf(await failing(`gate:${client_id}`, () => api('DELETE', path)), 503);
    const anew = await imported(client_id, { grants });
    startNewIsolate();
    expect((await requestToken(anew)).status).toBe(200);
    expect(await (await introspect(watcher, access_token)).json()).toEqual({ active: false });
    expect((await requestToken(old)).status).toBe(401);
    await done('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });
    expect((await requestToken(anew)).status).toBe(401);
  },
);
