import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { USE_FLUSH_MAX } from '../../src/client-gate/constants.ts';
import { generateSecret } from '../../src/credentials/secret.ts';
import { database } from '../../src/store/database.ts';
import { flushUsage } from '../../src/store/usage.ts';
import { type Certificate, certificates, tlsOf } from '../certificates.ts';
import {
  api,
  basic,
  type Credentials,
  createClient,
  done,
  getToken,
  introspect,
  postForm,
  requestToken,
  revoke,
  world,
} from '../http.ts';
import { calls, failing, gateStorage, resetCalls } from '../instruments.ts';
import { ask, askWith, assertionOf, JWT_BEARER, keyClient } from '../machines.ts';
import { tokenOf, workloadClient } from '../oauth/client-authentication/workloads.ts';
import { publishJson } from '../remote.ts';
import { newSigner } from '../remote-keys/signers.ts';
import { admit, alarmOf, gateOf, gates, hashOf, heldRecord, identified, push } from './gate.ts';

const START = new Date('2027-08-01T00:00:00Z').getTime();
const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Creates a client with two secrets, and returns its credentials with each of them. */
async function twoSecrets(name: string): Promise<{ first: Credentials; second: Credentials }> {
  const { worker } = await world(name);
  await gates.standingOf(worker.client_id, { jti: 'loads the record', issuedAt: 0, audience: '' });
  const second = generateSecret('ems_');
  const [primary] = (await heldRecord(worker)).secrets;
  if (!primary) throw new Error('no secret');
  const secrets = [
    { ...primary, id: 'sec_first' },
    { id: 'sec_second', hash: await hashOf(second), expires_at: null },
  ];
  await push(worker, { secrets });
  return { first: worker, second: { ...worker, client_secret: second } };
}

async function lastUses({ client_id }: Credentials): Promise<Record<string, number>> {
  const { secrets } = await gates.activity({ client_id });
  return Object.fromEntries(secrets.map(({ id, last_used_at }) => [id, last_used_at]));
}

test('the last use of each secret is known, to get a token or for anything else', async () => {
  const { first, second } = await twoSecrets('uses');
  expect(await lastUses(first)).toEqual({});
  await admit(first);
  expect(await lastUses(first)).toEqual({ sec_first: START });
  vi.setSystemTime(START + MINUTE);
  await gates.authenticate(await identified(second));
  expect(await lastUses(first)).toEqual({ sec_first: START, sec_second: START + MINUTE });
  vi.setSystemTime(START + 2 * MINUTE);
  await gates.revoke({ ...(await identified(second)), jti: 'a', expires_at: START / 1000 });
  vi.setSystemTime(START + 3 * MINUTE);
  await admit(first, { scopes: ['not granted'] });
  expect(await lastUses(first)).toEqual({ sec_first: START + 3 * MINUTE, sec_second: START + 2 * MINUTE });
});

test('a secret that is wrong, expired or a disabled client’s is not used', async () => {
  const { first, second } = await twoSecrets('unused');
  await admit({ ...first, client_secret: 'wrong' });
  const { secrets } = await heldRecord(first);
  await push(first, { secrets: secrets.map((secret) => ({ ...secret, expires_at: START })) });
  await admit(second);
  await push(first, { secrets, status: 'disabled' });
  await admit(first);
  expect(await lastUses(first)).toEqual({});
});

test('where nothing else is written, a use is written to storage when that is an hour behind', async () => {
  const { first } = await twoSecrets('hourly');
  const request = await identified(first);
  await gates.authenticate(request);
  await evictDurableObject(gateOf(first));
  expect(await lastUses(first)).toEqual({ sec_first: START });

  resetCalls();
  vi.setSystemTime(START + 59 * MINUTE);
  for (let times = 0; times < 3; times++) await gates.authenticate(request);
  expect(gateStorage.rowsWritten).toBe(0);
  expect(await lastUses(first)).toEqual({ sec_first: START + 59 * MINUTE });
  await evictDurableObject(gateOf(first));
  expect(await lastUses(first)).toEqual({ sec_first: START });

  vi.setSystemTime(START + 60 * MINUTE);
  for (let times = 0; times < 3; times++) await gates.authenticate(request);
  expect(gateStorage.rowsWritten).toBe(1);
  await evictDurableObject(gateOf(first));
  expect(await lastUses(first)).toEqual({ sec_first: START + 60 * MINUTE });
});

test('a use that no reservation carried into storage survives an eviction some seconds later', async () => {
  const { first, second } = await twoSecrets('survives');
  await admit(first);
  await admit(second);
  vi.setSystemTime(START + 10_000);
  await runDurableObjectAlarm(gateOf(first));
  await evictDurableObject(gateOf(first));
  expect(await lastUses(first)).toEqual({ sec_first: START, sec_second: START });
});

test('the use of a secret that is no more is forgotten', async () => {
  const { first, second } = await twoSecrets('removed');
  await admit(first);
  await admit(second);
  const { secrets } = await heldRecord(first);
  await push(first, { secrets: secrets.filter(({ id }) => id === 'sec_first') });
  expect(await lastUses(first)).toEqual({ sec_first: START });
  await push(first, { secrets });
  expect(await lastUses(first)).toEqual({ sec_first: START });
  await push(first, null);
  expect(await lastUses(first)).toEqual({});
});

test('in a record without secrets’ ids nothing is remembered of them', async () => {
  const { first } = await twoSecrets('without-ids');
  const { secrets } = await heldRecord(first);
  await push(first, { secrets: secrets.map(({ hash, expires_at }) => ({ hash, expires_at })) });
  expect(await admit(first)).toMatchObject({ outcome: 'admitted' });
  expect(await lastUses(first)).toEqual({});
});

test('whether a client may rotate its secret is told with its authentication', async () => {
  const { first } = await twoSecrets('rotates');
  const request = await identified(first);
  await push(first, { may_rotate_secret: true });
  expect(await gates.authenticate(request)).toMatchObject({ outcome: 'authenticated', may_rotate_secret: true });
  const { may_rotate_secret: _, ...bare } = await heldRecord(first);
  await push(first, { ...bare, may_rotate_secret: false });
  expect(await gates.authenticate(request)).toMatchObject({ outcome: 'authenticated', may_rotate_secret: false });
});

interface Credential {
  readonly kind: string;
  readonly id: string;
  readonly name: string | null;
  readonly field: string | null;
  readonly auth_methods: readonly string[];
  readonly last_used_at: string | null;
}

async function credentialsOf(client_id: string): Promise<Credential[]> {
  return (await done<{ data: Credential[] }>('GET', `clients/${client_id}/credentials`)).data;
}

interface Shown {
  readonly client_id: string;
  readonly last_used_at: string | null;
  readonly updated_at: string;
}

const shown = (client_id: string) => done<Shown>('GET', `clients/${client_id}`);
const at = (milliseconds: number) => new Date(milliseconds).toISOString();

/** Returns the client's last use as the list shows it: from D1 alone. */
async function listed(organization: string, client_id: string): Promise<string | null | undefined> {
  const { data } = await done<{ data: Shown[] }>('GET', `clients?organization_id=${organization}&limit=100`);
  return data.find((client) => client.client_id === client_id)?.last_used_at;
}

/** Advances the clock, then runs the gate's alarm as often as it is due. */
async function pass(client: Pick<Credentials, 'client_id'>, milliseconds: number): Promise<void> {
  vi.setSystemTime(Date.now() + milliseconds);
  for (let set = await alarmOf(client); set !== null && set <= Date.now(); set = await alarmOf(client)) {
    await runDurableObjectAlarm(gateOf(client));
  }
}

describe('the last use of a client', () => {
  const TOKEN = { grant_type: 'client_credentials' };

  interface Machine {
    readonly client_id: string;
    readonly use: () => Promise<Response>;
    readonly fail: () => Promise<Response>;
  }
  type Here = Awaited<ReturnType<typeof world>>;

  async function withSecret(
    here: Here,
    use: (client: Credentials) => Promise<Response>,
    fields = {},
  ): Promise<Machine> {
    const client = await createClient({
      organization_id: here.organization,
      client_name: crypto.randomUUID(),
      grants: [{ resource_server: here.identifier, scopes: ['read'] }],
      introspects: [here.identifier],
      ...fields,
    });
    const wrong = { ...client, client_secret: generateSecret('ems_') };
    return { client_id: client.client_id, use: () => use(client), fail: () => use(wrong) };
  }

  async function withKey(here: Here, path: string, form: Record<string, string>): Promise<Machine> {
    const signer = await newSigner('ES256');
    const stranger = await newSigner('ES256');
    const client_id = await keyClient(here, crypto.randomUUID(), [signer.publicJwk], {
      introspects: [here.identifier],
    });
    const sent = async (by: typeof signer) =>
      ask({ ...form, client_assertion_type: JWT_BEARER, client_assertion: await assertionOf(client_id, by) }, { path });
    return { client_id, use: () => sent(signer), fail: () => sent(stranger) };
  }

  const MACHINES: Readonly<Record<string, (here: Here) => Promise<Machine>>> = {
    'a secret, for a token': (here) => withSecret(here, (client) => requestToken(client)),
    'a secret, for a scope that it is not granted': (here) =>
      withSecret(here, (client) => requestToken(client, { scope: 'admin' })),
    'a secret, to introspect and nothing else': (here) => withSecret(here, (client) => introspect(client, 'a token')),
    'a secret, to revoke': (here) => withSecret(here, (client) => revoke(client, 'a token')),
    'a secret, to rotate it': (here) =>
      withSecret(
        here,
        ({ client_id, client_secret }) =>
          postForm('/oauth2/rotate-secret', {}, { headers: { Authorization: basic(client_id, client_secret) } }),
        { may_rotate_secret: true },
      ),
    'a key, for a token': (here) => withKey(here, '/oauth2/token', TOKEN),
    'a key, to introspect and nothing else': (here) => withKey(here, '/oauth2/introspect', { token: 'a token' }),
    'a key, to revoke': (here) => withKey(here, '/oauth2/revoke', { token: 'a token' }),
    'a certificate': async ({ organization, identifier }) => {
      const { client_id } = await createClient({
        organization_id: organization,
        client_name: crypto.randomUUID(),
        grants: [{ resource_server: identifier, scopes: ['read'] }],
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_subject_dn: certificates.named.subject,
      });
      const over = (certificate: Certificate) => ask({ ...TOKEN, client_id }, { tls: tlsOf(certificate) });
      return { client_id, use: () => over(certificates.named), fail: () => over(certificates.own) };
    },
    'the token of a workload': async (here) => {
      const signer = await newSigner('ES256', { kid: 'a', use: 'sig' });
      const claims = { iss: 'https://workloads.example', sub: 'job' };
      const identity = { issuer: claims.iss, subject: claims.sub, jwks: { keys: [signer.publicJwk] } };
      const client_id = await workloadClient(here, [identity]);
      const sent = async (more: object) => askWith(await tokenOf(signer, { ...claims, ...more }), { client_id });
      return { client_id, use: () => sent({}), fail: () => sent({ sub: 'another job' }) };
    },
  };

  const kindOf = (name: string) =>
    name.startsWith('a secret')
      ? 'secret'
      : name.startsWith('a key')
        ? 'key'
        : name === 'a certificate'
          ? 'certificate_subject'
          : 'workload';

  test.each(Object.entries(MACHINES))('is shown however it authenticates: by %s', async (name, make) => {
    const kind = kindOf(name);
    const here = await world(crypto.randomUUID());
    const { client_id, use, fail } = await make(here);
    expect(await shown(client_id)).toMatchObject({ last_used_at: null });
    expect((await fail()).status).toBe(401);
    expect(await shown(client_id)).toMatchObject({ last_used_at: null });
    vi.setSystemTime(START + MINUTE);
    expect((await credentialsOf(client_id)).filter(({ last_used_at }) => last_used_at !== null)).toEqual([]);
    expect([200, 400]).toContain((await use()).status);
    expect(await shown(client_id)).toMatchObject({ last_used_at: at(START + MINUTE) });
    const used = (await credentialsOf(client_id)).filter(({ last_used_at }) => last_used_at === at(START + MINUTE));
    expect(used.map(({ kind }) => kind)).toEqual([kind]);
    vi.setSystemTime(START + 2 * MINUTE);
    await fail();
    expect(await shown(client_id)).toMatchObject({ last_used_at: at(START + MINUTE) });
    await pass({ client_id }, USE_FLUSH_MAX * 1000);
    expect(await listed(here.organization, client_id)).toBe(at(START + MINUTE));
  });

  test('an assertion that was used before is no use', async () => {
    const here = await world('replayed-use');
    const signer = await newSigner('ES256');
    const clientId = await keyClient(here, 'replays', [signer.publicJwk]);
    const assertion = await assertionOf(clientId, signer);
    expect((await askWith(assertion)).status).toBe(200);
    vi.setSystemTime(START + 10_000);
    expect((await askWith(assertion)).status).toBe(401);
    expect(await shown(clientId)).toMatchObject({ last_used_at: at(START) });
  });

  test('is told to D1 once an hour, in the background, and survives an eviction', async () => {
    const { worker, organization } = await world('told-hourly');
    await getToken(worker);
    resetCalls();
    for (let times = 0; times < 20; times++) await getToken(worker);
    expect(calls).toMatchObject({ d1: 0, kv: 0, gate: 20 });
    await pass(worker, USE_FLUSH_MAX * 1000);
    expect(await listed(organization, worker.client_id)).toBe(at(START));

    const known = async () =>
      (await env.DB.prepare('SELECT last_used_at FROM clients WHERE client_id = ?').bind(worker.client_id).first())
        ?.last_used_at;
    vi.setSystemTime(START + 59 * MINUTE);
    await getToken(worker);
    await pass(worker, USE_FLUSH_MAX * 1000);
    expect(await known()).toBe(START);
    expect(await shown(worker.client_id)).toMatchObject({ last_used_at: at(START) });

    vi.setSystemTime(START + 90 * MINUTE);
    await gates.authenticate(await identified(worker));
    await evictDurableObject(gateOf(worker));
    await pass(worker, USE_FLUSH_MAX * 1000);
    expect(await known()).toBe(START + 90 * MINUTE);
    expect(await alarmOf(worker)).toBeNull();
  });

  test('is told to D1 later if D1 is down, and shown without the gate as D1 knows it', async () => {
    const { worker, organization } = await world('told-later');
    await gates.authenticate(await identified(worker));
    await failing('d1', () => pass(worker, USE_FLUSH_MAX * 1000));
    expect(await listed(organization, worker.client_id)).toBeNull();
    await pass(worker, 2 * USE_FLUSH_MAX * 1000);
    expect(await listed(organization, worker.client_id)).toBe(at(START));
    await gates.authenticate(await identified(worker));
    const read = await failing(`gate:${worker.client_id}`, () => shown(worker.client_id));
    expect(read.last_used_at).toBe(at(START));
  });

  test('a late or repeated report never makes it earlier', async () => {
    const { worker } = await world('never-earlier');
    const told = (usedAt: number) => flushUsage(database(env.DB), worker.client_id, { counts: [], usedAt }, START);
    await told(START);
    await told(START - MINUTE);
    expect(await shown(worker.client_id)).toMatchObject({ last_used_at: at(START) });
    await told(START + MINUTE);
    expect(await shown(worker.client_id)).toMatchObject({ last_used_at: at(START + MINUTE) });
  });

  test('is no change of the client: its ETag stays, and a patch with an older value is accepted', async () => {
    const { worker } = await world('unchanged');
    const path = `clients/${worker.client_id}`;
    const before = await api('GET', path);
    const body = await before.json<Shown>();
    await getToken(worker);
    await pass(worker, USE_FLUSH_MAX * 1000);
    const after = await api('GET', path);
    expect(after.headers.get('ETag')).toBe(before.headers.get('ETag'));
    expect(await after.json()).toEqual({ ...body, last_used_at: at(START) });
    const headers = { 'If-Match': before.headers.get('ETag') ?? '' };
    const patched = await done<Shown>('PATCH', path, { body: { ...body, client_name: 'renamed' }, headers });
    expect(patched).toMatchObject({ client_name: 'renamed', last_used_at: at(START) });
  });

  test('is taken from the counted token requests when the service is upgraded', async () => {
    const { worker, api: caller, organization } = await world('upgraded');
    const hour = (count: number) => START - count * 60 * MINUTE;
    const usage = env.DB.prepare('INSERT INTO client_usage VALUES (?, ?, ?, 1)');
    await env.DB.batch([
      usage.bind(worker.client_id, hour(5), 'issued'),
      usage.bind(worker.client_id, hour(3), 'invalid_scope'),
      usage.bind(worker.client_id, hour(1), 'invalid_client'),
      usage.bind(caller.client_id, hour(1), 'invalid_client'),
    ]);
    const migration = env.TEST_MIGRATIONS.find(({ name }) => name.endsWith('client_last_use.sql'));
    const updates = migration?.queries.filter((query) => query.includes('UPDATE `')) ?? [];
    expect(updates).toHaveLength(1);
    await env.DB.batch(updates.map((query) => env.DB.prepare(query)));
    expect(await listed(organization, worker.client_id)).toBe(at(hour(3)));
    expect(await listed(organization, caller.client_id)).toBeNull();
  });

  test('ends with the client: another one of its id was never used', async () => {
    const { organization } = await world('of-the-former');
    const body = { organization_id: organization, client_name: 'former', client_id: 'former-client' };
    const former = await createClient(body);
    await introspect(former, 'a token');
    await pass(former, USE_FLUSH_MAX * 1000);
    expect(await listed(organization, 'former-client')).toBe(at(START));
    await done('DELETE', 'clients/former-client');
    await createClient(body);
    expect(await shown('former-client')).toMatchObject({ last_used_at: null });
  });
});

describe('the last use of a credential', () => {
  /** Creates a client with two keys, and returns a function that uses one of them, and one that shows their last uses by `kid`. */
  async function twoKeys(name: string) {
    const here = await world(name);
    const signers = [await newSigner('ES256', { kid: 'a' }), await newSigner('ES256', { kid: 'b' })] as const;
    const keys = signers.map(({ publicJwk }) => publicJwk);
    const client_id = await keyClient(here, name, keys);
    const use = async (index: 0 | 1) =>
      expect((await askWith(await assertionOf(client_id, signers[index]))).status).toBe(200);
    const uses = async () =>
      Object.fromEntries((await credentialsOf(client_id)).map(({ name, last_used_at }) => [name, last_used_at]));
    const change = (body: object) => done('PATCH', `clients/${client_id}`, { body });
    return { client_id, keys, use, uses, change };
  }

  test('is that of each key, and survives an eviction and a change of the rules for assertions', async () => {
    const { client_id, keys, use, uses, change } = await twoKeys('two-keys');
    await use(0);
    expect(await uses()).toEqual({ a: at(START), b: null });
    await evictDurableObject(gateOf({ client_id }));
    expect(await uses()).toEqual({ a: at(START), b: null });
    await change({ assertion_lifetime_max: 600 });
    expect(await uses()).toEqual({ a: at(START), b: null });
    vi.setSystemTime(START + 2 * MINUTE);
    await use(1);
    expect(await uses()).toEqual({ a: at(START), b: at(START + 2 * MINUTE) });
    const [first] = await credentialsOf(client_id);
    expect(first).toMatchObject({ kind: 'key', field: '/jwks/keys/0', auth_methods: ['private_key_jwt'] });
    expect(first?.id).toBe(await calculateJwkThumbprint(keys[0] as JWK));
  });

  test('is forgotten with the key, in memory and in storage', async () => {
    const { client_id, keys, use, uses, change } = await twoKeys('forgotten-key');
    await use(0);
    await use(1);
    await change({ jwks: { keys: [keys[1]] } });
    expect(await uses()).toEqual({ b: at(START) });
    vi.setSystemTime(START + MINUTE);
    await use(1);
    await evictDurableObject(gateOf({ client_id }));
    await change({ jwks: { keys } });
    expect(await uses()).toEqual({ a: null, b: at(START + MINUTE) });
  });

  test('costs a client no more rows than that of a secret', async () => {
    const { client_id, use } = await twoKeys('key-rows');
    await use(0);
    vi.setSystemTime(START + 20_000);
    resetCalls();
    await use(0);
    const withKey = gateStorage.rowsWritten;
    const { worker } = await world('secret-rows');
    await getToken(worker);
    vi.setSystemTime(START + 60_000);
    resetCalls();
    await getToken(worker);
    // The id of the assertion is a row of its own.
    expect(withKey).toBe(gateStorage.rowsWritten + 1);
    expect((await credentialsOf(client_id)).filter(({ last_used_at }) => last_used_at !== null)).toHaveLength(1);
  });

  test('of keys at a URL is that of the URL, and ends with it', async () => {
    const here = await world('published-keys');
    const signer = await newSigner('ES256', { kid: 'a' });
    const host = 'keys.published.example';
    const jwks_uri = `https://${host}/jwks.json`;
    await publishJson(host, '/jwks.json', { keys: [signer.publicJwk] });
    const client_id = await keyClient(here, 'published', [], { jwks: null, jwks_uri });
    expect((await askWith(await assertionOf(client_id, signer))).status).toBe(200);
    const used = {
      kind: 'published_keys',
      id: jwks_uri,
      field: '/jwks_uri',
      name: null,
      auth_methods: ['private_key_jwt'],
    };
    expect(await credentialsOf(client_id)).toEqual([{ ...used, last_used_at: at(START) }]);
    const other = 'https://keys.published.example/other.json';
    await done('PATCH', `clients/${client_id}`, { body: { jwks_uri: other } });
    expect(await credentialsOf(client_id)).toEqual([{ ...used, id: other, last_used_at: null }]);
  });

  test('is not known of a gate that an older version wrote', async () => {
    const { client_id, use, uses } = await twoKeys('older-gate');
    await use(0);
    await runInDurableObject(gateOf({ client_id }), (_, { storage }) => {
      const [row] = storage.sql.exec<{ activity: string }>('SELECT activity FROM meter').toArray();
      const activity = JSON.stringify({ ...JSON.parse(row?.activity ?? ''), last_used: {} });
      storage.sql.exec('UPDATE meter SET activity = ?', activity);
    });
    await evictDurableObject(gateOf({ client_id }));
    expect(await uses()).toEqual({ a: null, b: null });
    await use(1);
    expect(await uses()).toEqual({ a: null, b: at(START) });
  });
});
