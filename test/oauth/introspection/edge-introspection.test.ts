import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { clientKey, drain, revokedKey } from '../../faults/copies.ts';
import { api, type Credentials, create, done, getToken, introspect, postForm, revoke, world } from '../../http.ts';
import { calls, failing, hanging, resetCalls, startNewIsolate, withFault } from '../../instruments.ts';
import { keyWith } from '../../management/rows.ts';
import { INACTIVE, isActive } from '../../tokens/verdict.ts';

const START = new Date('2027-09-01T00:00:00.200Z').getTime();

afterEach(() => {
  vi.useRealTimers();
});

const holdClock = () => vi.useFakeTimers({ toFake: ['Date'], now: START });
const later = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

let worlds = 0;

/** A world with a resource server of this strength, a token for it, and an API key that may introspect. */
async function scene(introspection: 'edge' | 'strong' = 'edge') {
  const made = await world(`edge-${++worlds}`);
  const choose = (strength: string) =>
    done('PATCH', `resource-servers/${made.server.id}`, { body: { introspection: strength } });
  await choose(introspection);
  const key = await keyWith(made.organization, ['tokens:introspect', 'tokens:revoke']);
  const { access_token: token } = await getToken(made.worker);
  return { ...made, choose, key, token };
}

type Scene = Awaited<ReturnType<typeof scene>>;

const byKey = (key: string, token: string, form: Record<string, string> = {}) =>
  postForm('/oauth2/introspect', { token, ...form }, { headers: { Authorization: `Bearer ${key}` } });

const CALLERS: [string, (scene: Scene, form?: Record<string, string>) => Promise<Response>][] = [
  ['a client', ({ api: caller, token }, form) => introspect(caller, token, form)],
  ['an API key', ({ key, token }, form) => byKey(key, token, form)],
  ['the root key', ({ token }, form) => byKey(env.ROOT_API_KEY, token, form)],
];

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get('Retry-After')).toBe('2');
  expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
}

test.each([
  ['active', true],
  ['disabled', false],
  ['suspended by a newer version', false],
])('a client whose copy says that it is %s: its tokens are active: %s', async (status, expected) => {
  const { worker, token } = await scene();
  await env.KV.put(clientKey(worker), JSON.stringify({ status, cut_off: null }));
  expect(await isActive('root', token)).toBe(expected);
});

describe.each(CALLERS)('at the edge, %s', (_, ask) => {
  test('that is known asks KV for the token and for its client, and nobody else', async () => {
    const made = await scene();
    await ask(made);
    resetCalls();
    const answer = await ask(made);
    expect(calls).toEqual({ kv: 2, gate: 0, d1: 0, rateLimit: 0 });
    expect(await answer.json()).toEqual({ active: true, token_type: 'Bearer', ...decodeJwt(made.token) });
  });

  test('asks the gate alone where the request wants a strong answer, with KV gone as well', async () => {
    const made = await scene();
    await ask(made);
    expect((await revoke(made.worker, made.token)).status).toBe(200);
    resetCalls();
    const form = { introspection: 'strong' };
    await failing('kv', async () => expect(await (await ask(made, form)).text()).toBe(INACTIVE));
    expect(calls).toMatchObject({ gate: 1, d1: 0 });
    const { access_token: token } = await getToken(made.worker);
    await failing('kv', async () =>
      expect(await (await ask({ ...made, token }, form)).json()).toMatchObject({ active: true }),
    );
  });

  test('is told 503 with KV failing, and the gate is not asked', async () => {
    const made = await scene();
    await ask(made);
    resetCalls();
    await failing('kv', async () => expectUnavailable(await ask(made)));
    expect(calls.gate).toBe(0);
    expect((await ask(made)).status).toBe(200);
  });

  test('is told so as well where KV fails at the client’s entry alone, or at the token’s', async () => {
    const made = await scene();
    for (const entry of [revokedKey(made.token), `client:${made.worker.client_id}`]) {
      const fails = (call: () => Promise<unknown>, _method: string, [key]: readonly unknown[]) =>
        key === entry ? Promise.reject(new Error('KV GET failed: 500')) : call();
      await withFault('kv', fails, async () => expectUnavailable(await ask(made)));
    }
  });

  test('gets an answer with the gate gone, and with D1 gone', async () => {
    const made = await scene();
    await ask(made);
    for (const store of ['gate', 'd1'] as const) {
      await failing(store, async () => expect(await (await ask(made)).json()).toMatchObject({ active: true }));
    }
  });

  test('gets a strong answer from a strong resource server, though the request asks for edge', async () => {
    const made = await scene('strong');
    await ask(made);
    expect((await revoke(made.worker, made.token)).status).toBe(200);
    for (const form of [{}, { introspection: 'edge' }, { introspection: 'strong' }]) {
      resetCalls();
      expect(await (await ask(made, form)).text()).toBe(INACTIVE);
      expect(calls).toMatchObject({ gate: 1, kv: 0 });
    }
  });

  test('is told of a strength that is none', async () => {
    const made = await scene();
    for (const introspection of ['weak', 'STRONG', 'strong edge', 'none']) {
      const answer = await ask(made, { introspection });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
    }
    // A parameter with an empty value counts as omitted.
    expect((await ask(made, { introspection: '' })).status).toBe(200);
  });
});

test('with KV hanging it is 503, and the gate is not asked', async () => {
  const made = await scene();
  await introspect(made.api, made.token);
  resetCalls();
  await hanging('kv', async () => expectUnavailable(await introspect(made.api, made.token)));
  expect(calls.gate).toBe(0);
});

test('what is no token, and what the caller may not know, is told without KV', async () => {
  const made = await scene();
  const stranger = await scene();
  await introspect(made.api, made.token);
  await introspect(stranger.api, stranger.token);
  await failing('kv', async () => {
    resetCalls();
    expect(await (await introspect(made.api, 'x')).text()).toBe(INACTIVE);
    expect(await (await introspect(stranger.api, made.token)).text()).toBe(INACTIVE);
    expect(await (await introspect(made.api, made.token, { scope: 'admin' })).text()).toBe(INACTIVE);
    expect(calls).toMatchObject({ kv: 0, gate: 0 });
  });
});

test.each<[string, (made: Scene) => Promise<unknown>]>([
  ['revoked by its client', ({ worker, token }) => revoke(worker, token)],
  ['revoked by the root key', ({ token }) => done('POST', 'tokens/revoke', { body: { token } })],
  ['revoked by an organization’s key', ({ key, token }) => done('POST', 'tokens/revoke', { body: { token }, key })],
  ['cut off', ({ worker }) => done('POST', `clients/${worker.client_id}/revoke-tokens`)],
  ['disabled', ({ worker }) => done('PATCH', `clients/${worker.client_id}`, { body: { status: 'disabled' } })],
  ['deleted', ({ worker }) => done('DELETE', `clients/${worker.client_id}`)],
])('a token that was %s is inactive at the edge from the delivery on, and strongly from the start', async (_, act) => {
  holdClock();
  const made = await scene();
  await introspect(made.api, made.token);
  await act(made);
  expect(await isActive(made.api, made.token)).toBe(true);
  const strong = await introspect(made.api, made.token, { introspection: 'strong' });
  expect(await strong.text()).toBe(INACTIVE);
  await drain(made.worker);
  expect(await (await introspect(made.api, made.token)).text()).toBe(INACTIVE);
});

test('a sibling of a token that was revoked, and a sibling client’s, stay active at the edge', async () => {
  holdClock();
  const made = await scene();
  const grants = [{ resource_server: made.identifier, scopes: ['read'] }];
  const sibling = await create<Credentials>('clients', {
    organization_id: made.organization,
    client_name: 'sibling',
    grants,
  });
  const [{ access_token: other }, { access_token: siblings }] = [await getToken(made.worker), await getToken(sibling)];
  await revoke(made.worker, made.token);
  await drain(made.worker);
  expect(await isActive(made.api, made.token)).toBe(false);
  expect(await isActive(made.api, other)).toBe(true);
  await done('POST', `clients/${made.worker.client_id}/revoke-tokens`);
  await drain(made.worker);
  expect(await isActive(made.api, other)).toBe(false);
  expect(await isActive(made.api, siblings)).toBe(true);
});

test('whoever revokes the jti of another organization’s token, as one of its own client, changes nothing about it', async () => {
  holdClock();
  const victim = await scene();
  const attacker = await scene();
  const { jti, exp = 0 } = decodeJwt(victim.token);
  const body = { jti, client_id: attacker.worker.client_id, expires_at: new Date(exp * 1000).toISOString() };
  expect((await api('POST', 'tokens/revoke', { body, key: attacker.key })).status).toBe(200);
  await drain(attacker.worker);
  expect(await env.KV.get(`revoked:${attacker.worker.client_id}:${jti}`)).toBe('');
  expect(await isActive(victim.api, victim.token)).toBe(true);
  expect(await isActive(victim.api, attacker.token)).toBe(false);
  const others = { ...body, client_id: victim.worker.client_id };
  expect((await api('POST', 'tokens/revoke', { body: others, key: attacker.key })).status).toBe(404);
  await drain(victim.worker);
  expect(await isActive(victim.api, victim.token)).toBe(true);
});

test('the strength that a resource server changes to is seen at once by a client that is not remembered, and by one that is after 10 seconds', async () => {
  holdClock();
  const made = await scene('strong');
  // The copy never reaches KV: with the clock held, the gate's alarm does not fire.
  await revoke(made.worker, made.token);
  const isStrong = async () => !(await isActive(made.api, made.token));
  expect(await isStrong()).toBe(true);
  for (const [strength, strong] of [
    ['edge', false],
    ['strong', true],
  ] as const) {
    await made.choose(strength);
    later(9_999);
    expect(await isStrong()).toBe(!strong);
    later(1);
    expect(await isStrong()).toBe(strong);
    await made.choose(strong ? 'edge' : 'strong');
    startNewIsolate();
    expect(await isStrong()).toBe(!strong);
    await made.choose(strength);
    startNewIsolate();
    expect(await isStrong()).toBe(strong);
  }
});

test('API keys see the strength that a resource server changes to within 10 seconds', async () => {
  holdClock();
  const made = await scene('strong');
  await revoke(made.worker, made.token);
  const isStrong = async (key: string) => (await (await byKey(key, made.token)).text()) === INACTIVE;
  for (const key of [made.key, env.ROOT_API_KEY]) expect(await isStrong(key)).toBe(true);
  for (const [strength, strong] of [
    ['edge', false],
    ['strong', true],
  ] as const) {
    await made.choose(strength);
    later(10_000);
    for (const key of [made.key, env.ROOT_API_KEY]) expect(await isStrong(key)).toBe(strong);
  }
});

test('with D1 gone, an API key that does not know how the resource server chose gets the strong answer', async () => {
  holdClock();
  const made = await scene();
  const other = await scene();
  await byKey(made.key, made.token);
  await revoke(other.worker, other.token);
  startNewIsolate();
  await failing('d1', async () => {
    resetCalls();
    expect(await (await byKey(env.ROOT_API_KEY, other.token)).text()).toBe(INACTIVE);
    expect(await (await byKey(env.ROOT_API_KEY, made.token)).json()).toMatchObject({ active: true });
    expect(calls.gate).toBe(2);
  });
  // Until the cached strength has expired.
  later(9_999);
  expect(await isActive('root', other.token)).toBe(false);
  later(1);
  expect(await isActive('root', other.token)).toBe(true);
});

test('a client that introspects for a resource server of each strength gets from each what it chose', async () => {
  const made = await scene();
  const identifier = `https://strong-${worlds}.example.com`;
  const organization_id = made.organization;
  await create('resource-servers', { organization_id, identifier, name: 'strong', scopes: [{ name: 'read' }] });
  const grants = [
    { resource_server: made.identifier, scopes: ['read'] },
    { resource_server: identifier, scopes: ['read'] },
  ];
  const both = await create<Credentials>('clients', { organization_id, client_name: 'both', grants });
  const caller = await create<Credentials>('clients', {
    organization_id,
    client_name: 'introspects for both',
    introspects: [made.identifier, identifier],
  });
  for (const [resource, kv] of [
    [made.identifier, 2],
    [identifier, 0],
  ] as const) {
    const { access_token } = await getToken(both, { resource });
    await introspect(caller, access_token);
    resetCalls();
    expect(await isActive(caller, access_token)).toBe(true);
    expect(calls).toMatchObject({ kv, gate: kv === 0 ? 1 : 0 });
  }
});
