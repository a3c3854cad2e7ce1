import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { STORE_DEADLINE_MS } from '../../src/constants.ts';
import { KEY_RING_COPY_RENEWAL_AGE } from '../../src/keys/constants.ts';
import {
  api as ask,
  create,
  createClient,
  done,
  getToken,
  introspect,
  manage,
  postForm,
  requestToken,
  revoke,
  send,
  world,
} from '../http.ts';
import { calls, type Fault, failing, hanging, resetCalls, startNewIsolate, withFault } from '../instruments.ts';
import { isActive } from '../tokens/verdict.ts';
import { GATE_FAILURES, HANGS } from './store-errors.ts';

const QUICK = { rate_limit: { per_minute: 600_000, burst: 100_000 } };
const CROWD = 200;

beforeAll(async () => {
  await send('/.well-known/jwks.json');
  await vi.waitFor(async () => expect(await env.KV.get('key-ring')).not.toBeNull());
});

afterEach(() => {
  vi.useRealTimers();
});

async function expectUnavailable(answer: Promise<Response>): Promise<void> {
  const { status, headers } = await answer;
  expect(status).toBe(503);
  expect(headers.get('Retry-After')).toBe('2');
}

const statusOf = async (answer: Promise<Response>) => (await answer).status;

/** Sends `size` requests at once and counts the answers by status. */
async function crowd(request: () => Promise<Response>, size = CROWD): Promise<Record<string, number>> {
  const statuses = await Promise.all(Array.from({ length: size }, () => statusOf(request())));
  return Object.fromEntries(
    Map.groupBy(statuses, String)
      .entries()
      .map(([status, all]) => [status, all.length]),
  );
}

/** Wraps a fault and counts the calls, by the first words of D1's SQL or by the method. Without an argument all calls go through. */
function counting(also: Fault = (call) => call()) {
  const asked = new Map<string, number>();
  const fault: Fault = (call, what, bound) => {
    const words = what.split(' ', 4).join(' ');
    asked.set(words, (asked.get(words) ?? 0) + 1);
    return also(call, what, bound);
  };
  return { fault, asked: () => Object.fromEntries(asked) };
}

const failures = GATE_FAILURES.map((failure) => [failure.name, failure] as const);

describe.each(failures)('a gate that fails once with “%s”', (_, { retryable, error }) => {
  const answered = retryable ? 'is asked once more, and nobody notices' : 'is left alone';
  const failingOnce = (): Fault => {
    let left = 1;
    return (call) => (left-- > 0 ? Promise.reject(error()) : call());
  };
  const times = retryable ? 2 : 1;

  test(answered, async () => {
    const { worker, api } = await world(`once-${crypto.randomUUID()}`);
    const { access_token: token } = await getToken(worker);
    const gate = `gate:${worker.client_id}` as const;
    const client = `clients/${worker.client_id}`;
    const requests: Record<string, () => Promise<Response>> = {
      admit: () => requestToken(worker),
      inspect: () => introspect(api, token),
      update: () => ask('PATCH', client, { body: { access_token_ttl: 120 } }),
      activity: () => ask('GET', `${client}/secrets`),
      revokeToken: () => manage('tokens/revoke', { token }),
      revoke: () => revoke(worker, token),
    };
    for (const [method, request] of Object.entries(requests)) {
      const { fault, asked } = counting(failingOnce());
      await withFault(gate, fault, async () => {
        if (retryable) expect(await statusOf(request()), method).toBe(200);
        else await expectUnavailable(request());
      });
      expect(asked()).toEqual({ [method]: times });
    }
  });
});

test('a gate that goes on failing is asked twice at most', async () => {
  const { worker } = await world('twice');
  await getToken(worker);
  const lost = Object.assign(new Error('Network connection lost.'), { retryable: true });
  const { fault, asked } = counting(() => Promise.reject(lost));
  await withFault(`gate:${worker.client_id}`, fault, () => expectUnavailable(requestToken(worker)));
  expect(asked()).toEqual({ admit: 2 });
});

describe('an incident of one client', () => {
  const incidents: [string, Fault][] = [
    ['hangs', HANGS.fault],
    ...GATE_FAILURES.map(({ name, fault }): [string, Fault] => [`fails with “${name}”`, fault]),
  ];

  test.each(incidents)('is its own alone: its gate %s', async (name, fault) => {
    const label = `incident-${incidents.findIndex(([other]) => other === name)}`;
    const { worker, api, organization, identifier } = await world(label, QUICK);
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    const roleOf = (role: string) => create('roles', { organization_id: organization, name: role, grants });
    const [shared, others] = [await roleOf('shared'), await roleOf('others')];
    const other = await createClient({
      organization_id: organization,
      client_name: 'other',
      roles: [shared.id, others.id],
      ...QUICK,
    });
    await done('PATCH', `clients/${worker.client_id}`, { body: { roles: [shared.id] } });
    const [token, revoked] = [await getToken(worker), await getToken(other)].map((got) => got.access_token);
    const { access_token: standing } = await getToken(other);
    const change = (path: string, body: unknown) => ask('PATCH', path, { body });

    await withFault(`gate:${worker.client_id}`, fault, async () => {
      let answered = 0;
      const troubled = [
        ...Array.from({ length: 20 }, () => requestToken(worker)),
        ...Array.from({ length: 20 }, () => introspect(api, token ?? '')),
        revoke(worker, token ?? ''),
        change(`clients/${worker.client_id}`, { access_token_ttl: 120 }),
      ].map((answer) => expectUnavailable(answer.finally(() => answered++)));
      const all = Promise.all(troubled);
      expect(await crowd(() => requestToken(other), 40)).toEqual({ 200: 40 });
      expect(await crowd(() => introspect(api, standing), 40)).toEqual({ 200: 40 });
      expect(await statusOf(revoke(other, revoked ?? ''))).toBe(200);
      expect(await isActive(api, revoked ?? '')).toBe(false);
      expect(await isActive(api, standing)).toBe(true);
      expect(await statusOf(change(`clients/${other.client_id}`, { access_token_ttl: 120 }))).toBe(200);
      expect(await statusOf(change(`roles/${others.id}`, { grants: [{ ...grants[0], scopes: ['write'] }] }))).toBe(200);
      expect(await statusOf(manage(`clients/${other.client_id}/secrets/rotate`, {}))).toBe(201);
      // All of these were answered while the first client's requests still wait for their gate.
      if (fault === HANGS.fault) expect(answered).toBe(0);
      await all;
      // A change that affects both clients reaches the one whose gate answers.
      await expectUnavailable(change(`roles/${shared.id}`, { grants: [{ ...grants[0], scopes: ['admin'] }] }));
      expect((await getToken(other)).scope).toBe('admin write');
    });
    expect(await statusOf(change(`roles/${shared.id}`, { grants: [{ ...grants[0], scopes: ['admin'] }] }))).toBe(200);
    expect((await getToken(worker)).scope).toBe('admin read write');
    expect((await getToken(worker)).expires_in).toBe(120);
  });
});

test('however many ask a gate that hangs, each of them waits for one deadline', async () => {
  const { worker, api } = await world('one-deadline', QUICK);
  const { access_token: token } = await getToken(worker);
  await isActive(api, token);
  const order: string[] = [];
  await hanging(`gate:${worker.client_id}`, async () => {
    const all = crowd(() => introspect(api, token)).then(() => order.push('all of them'));
    // The later request starts half a deadline later, so its own deadline would end halfway between one deadline and two.
    await scheduler.wait(STORE_DEADLINE_MS / 2);
    const later = requestToken(worker).then(() => order.push('one that came later'));
    await Promise.all([all, later]);
  });
  expect(order).toEqual(['all of them', 'one that came later']);
});

describe('a store that is back', () => {
  const ways: [string, Fault][] = [
    [
      'failed',
      async () => {
        await scheduler.wait(200);
        throw new Error('Network connection lost.');
      },
    ],
    ['hung', HANGS.fault],
  ];

  test(`${CROWD} requests in a new isolate read the ring once`, async () => {
    const { worker, api } = await world('crowded', QUICK);
    const { access_token: token } = await getToken(worker);
    await isActive(api, token);
    for (const request of [
      () => requestToken(worker),
      () => send('/.well-known/jwks.json'),
      () => introspect(api, token),
      () => revoke(worker, 'unknown'),
    ]) {
      startNewIsolate();
      const { fault, asked } = counting();
      expect(await withFault('d1', fault, () => crowd(request))).toEqual({ 200: CROWD });
      expect(asked()).toEqual({ 'select "kid", "alg", "status",': 1 });
    }
  });

  test(`${CROWD} requests of a client that was never seen load its record once`, async () => {
    const { worker } = await world('never-seen', QUICK);
    const { fault, asked } = counting();
    expect(await withFault('d1', fault, () => crowd(() => requestToken(worker)))).toEqual({ 200: CROWD });
    expect(asked()).toEqual({ 'insert into "gates" ("name",': 1 });
  });

  test.each(ways)('D1, which %s under load: the ring is read from it again within seconds, once', async (way, lost) => {
    const { worker, organization, identifier } = await world(`d1-${way}`, QUICK);
    await getToken(worker);
    const grants = [{ resource_server: identifier, scopes: ['read'] }];
    const unseen = await createClient({ organization_id: organization, client_name: 'unseen', grants, ...QUICK });
    startNewIsolate();
    const meanwhile = counting(lost);
    await withFault('d1', meanwhile.fault, async () => {
      expect(await crowd(() => requestToken(worker))).toEqual({ 200: CROWD });
      await expectUnavailable(requestToken(unseen));
    });
    expect(meanwhile.asked()).toEqual({ 'select "kid", "alg", "status",': 1, 'insert into "gates" ("name",': 1 });

    const back = counting();
    await withFault('d1', back.fault, async () => {
      // The gate may still be waiting for an earlier query.
      await vi.waitFor(async () => expect(await statusOf(requestToken(unseen))).toBe(200));
      expect(await crowd(() => requestToken(unseen))).toEqual({ 200: CROWD });
      expect(await statusOf(manage('organizations', { name: `D1 is back: it ${way}` }))).toBe(201);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + KEY_RING_COPY_RENEWAL_AGE * 1000 });
      expect(await crowd(() => send('/.well-known/jwks.json'))).toEqual({ 200: CROWD });
      await vi.waitFor(() => expect(back.asked()).toHaveProperty(['select "kid", "alg", "status",']));
    });
    expect(back.asked()).toMatchObject({ 'select "kid", "alg", "status",': 1, 'insert into "gates" ("name",': 1 });
  });

  test.each(ways)(
    'KV, which %s under load: the first question is answered, and each asks what it must',
    async (way, lost) => {
      const { organization, worker } = await world(`kv-${way}`);
      const identifier = `https://edge-${way}.example.com`;
      const server = { organization_id: organization, identifier, name: 'edge', scopes: [{ name: 'read' }] };
      await create('resource-servers', { ...server, introspection: 'edge' });
      const grants = [{ resource_server: identifier, scopes: ['read'] }];
      await done('PATCH', `clients/${worker.client_id}`, { body: { grants } });
      const caller = await createClient({
        organization_id: organization,
        client_name: 'edge',
        introspects: [identifier],
      });
      const { access_token: token } = await getToken(worker);
      await introspect(caller, token);
      await withFault('kv', lost, async () =>
        expect(await crowd(() => introspect(caller, token))).toEqual({ 503: CROWD }),
      );
      resetCalls();
      expect(await isActive(caller, token)).toBe(true);
      expect(await crowd(() => introspect(caller, token))).toEqual({ 200: CROWD });
      // One KV read for the token's entry, and one for its client's.
      expect(calls).toMatchObject({ kv: 2 * (CROWD + 1), d1: 0, gate: 0 });
    },
  );

  test.each(ways)('a gate, which %s under load: it was spared, and is asked again at once', async (way, lost) => {
    const { worker, api } = await world(`gate-${way}`, QUICK);
    const { access_token: token } = await getToken(worker);
    await isActive(api, token);
    const meanwhile = counting(lost);
    await withFault(`gate:${worker.client_id}`, meanwhile.fault, async () =>
      expect(await crowd(() => introspect(api, token))).toEqual({ 503: CROWD }),
    );
    expect(meanwhile.asked().inspect).toBeLessThanOrEqual(2);

    const back = counting();
    await withFault(`gate:${worker.client_id}`, back.fault, async () => {
      expect(await isActive(api, token)).toBe(true);
      expect(await crowd(() => introspect(api, token))).toEqual({ 200: CROWD });
      expect(await crowd(() => requestToken(worker), 50)).toEqual({ 200: 50 });
    });
    expect(back.asked().inspect).toBeLessThanOrEqual(3);
    expect(back.asked().admit).toBe(50);
  });
});

test('an API key that was checked a moment ago introspects while D1 is gone, and one that was not gets 503', async () => {
  const { worker, organization } = await world('keys-without-d1');
  const { access_token } = await getToken(worker);
  const keyed = async (name: string) => {
    const { api_key } = await create('api-keys', {
      organization_id: organization,
      name,
      scopes: ['tokens:introspect'],
    });
    const headers = { Authorization: `Bearer ${api_key}` };
    return () => postForm('/oauth2/introspect', { token: access_token }, { headers });
  };
  const active = async (answer: Promise<Response>) => (await (await answer).json<{ active: boolean }>()).active;
  const known = await keyed('known');
  const unknown = await keyed('unknown');
  expect(await active(known())).toBe(true);
  await failing('d1', async () => {
    expect(await active(known())).toBe(true);
    await expectUnavailable(unknown());
  });
});

test('an organization’s API key manages nothing while D1 is gone, not even what the root key can', async () => {
  const { worker, organization } = await world('managed-without-d1');
  const { access_token: token } = await getToken(worker);
  const scopes = ['tokens:revoke', 'clients:read'];
  const { api_key: key } = await create('api-keys', { organization_id: organization, name: 'manager', scopes });
  const managing = () => [
    ask('POST', 'tokens/revoke', { body: { token }, key: key ?? '' }),
    ask('POST', `clients/${worker.client_id}/revoke-tokens`, { key: key ?? '' }),
    ask('GET', 'clients', { key: key ?? '' }),
  ];
  await Promise.all(managing());
  await failing('d1', () => Promise.all(managing().map(expectUnavailable)));
  await hanging('d1', () => Promise.all(managing().map(expectUnavailable)));
});

test('with D1 and KV gone a warm isolate goes on until its lease ends; then nothing is signed, and nothing called active', async () => {
  const { worker, api } = await world('without-both', QUICK);
  const { access_token: token } = await getToken(worker);
  await isActive(api, token);
  await failing('d1', () =>
    failing('kv', async () => {
      expect(await crowd(() => requestToken(worker), 20)).toEqual({ 200: 20 });
      expect(await isActive(api, token)).toBe(true);
      startNewIsolate();
      const answers = [requestToken(worker), introspect(api, token), revoke(worker, token)];
      await Promise.all([...answers, send('/.well-known/jwks.json')].map(expectUnavailable));
      expect(await statusOf(send('/.well-known/oauth-authorization-server'))).toBe(200);
    }),
  );
  // The isolate asks for the key ring again after a second.
  await vi.waitFor(async () => expect(await statusOf(introspect(api, token))).toBe(200));
  expect(await isActive(api, token)).toBe(true);
});
