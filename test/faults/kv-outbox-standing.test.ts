import { evictDurableObject } from 'cloudflare:test';
import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../../src/constants.ts';
import { gateOf } from '../client-gate/gate.ts';
import { done, getToken, revoke, world } from '../http.ts';
import { type Fault, failing, startNewIsolate, withFault } from '../instruments.ts';
import { introspectAsRoot, isActive } from '../tokens/verdict.ts';
import { drain, owedBy, ring, standingOf } from './copies.ts';

const START = new Date('2027-08-01T00:00:00.200Z').getTime();
const SECOND = Math.floor(START / 1000);

afterEach(() => {
  vi.useRealTimers();
});

const holdClock = () => vi.useFakeTimers({ toFake: ['Date'], now: START });

let worlds = 0;

/** Creates a world with a token, whose resource server chose `edge` introspection. */
async function atEdge() {
  holdClock();
  const made = await world(`standing-${++worlds}`);
  await done('PATCH', `resource-servers/${made.server.id}`, { body: { introspection: 'edge' } });
  const { access_token: token } = await getToken(made.worker);
  return { ...made, token, client: `clients/${made.worker.client_id}` };
}

type Made = Awaited<ReturnType<typeof atEdge>>;

const disable = ({ client }: Made) => done('PATCH', client, { body: { status: 'disabled' } });
const enable = ({ client }: Made) => done('PATCH', client, { body: { status: 'active' } });

describe.each<[string, (made: Made) => Promise<unknown>, object]>([
  ['a cut-off', ({ client }) => done('POST', `${client}/revoke-tokens`), { status: 'active', cut_off: SECOND }],
  ['its disabling', disable, { status: 'disabled', cut_off: SECOND }],
  ['its deletion', ({ client }) => done('DELETE', client), { status: 'active', cut_off: SECOND }],
  [
    'a cut-off of its organization',
    ({ organization }) => done('POST', `organizations/${organization}/revoke-tokens`),
    { status: 'active', cut_off: SECOND },
  ],
  [
    'the disabling of its organization',
    ({ organization }) => done('PATCH', `organizations/${organization}`, { body: { status: 'disabled' } }),
    { status: 'disabled', cut_off: SECOND },
  ],
  [
    'the deletion of its organization',
    ({ organization }) => done('DELETE', `organizations/${organization}?cascade=true`),
    { status: 'active', cut_off: SECOND },
  ],
])('of a client, %s', (_, act, standing) => {
  test('arrives in KV, through KV’s failures and an eviction, and introspection at the edge then says inactive', async () => {
    const made = await atEdge();
    const { worker, token } = made;
    expect(await isActive('root', token)).toBe(true);
    await act(made);
    await failing('kv', () => ring(worker));
    await evictDurableObject(gateOf(worker));
    expect(await standingOf(worker)).toBeNull();
    expect(await isActive('root', token)).toBe(true);
    await drain(worker);
    expect(await standingOf(worker)).toEqual(standing);
    expect(await isActive('root', token)).toBe(false);
  });
});

test('of a client that is enabled again, its former tokens stay inactive at the edge', async () => {
  const made = await atEdge();
  await disable(made);
  await drain(made.worker);
  expect(await isActive('root', made.token)).toBe(false);
  await enable(made);
  await drain(made.worker);
  expect(await standingOf(made.worker)).toEqual({ status: 'active', cut_off: SECOND });
  expect(await isActive('root', made.token)).toBe(false);
});

test('an organization that is enabled again does not bring back its clients’ tokens at the edge', async () => {
  const made = await atEdge();
  const set = (status: string) => done('PATCH', `organizations/${made.organization}`, { body: { status } });
  await set('disabled');
  await drain(made.worker);
  await set('active');
  await drain(made.worker);
  expect(await standingOf(made.worker)).toEqual({ status: 'active', cut_off: SECOND });
  expect(await isActive('root', made.token)).toBe(false);
});

test('a token that is issued after the cut-off is active at the edge, in whose copy it stands for as long as any older one can', async () => {
  const made = await atEdge();
  await done('POST', `${made.client}/revoke-tokens`);
  let ttl = 0;
  const watch: Fault = (call, method, [, , options]) => {
    if (method === 'put') ttl = (options as KVNamespacePutOptions).expirationTtl ?? 0;
    return call();
  };
  await withFault('kv', watch, () => drain(made.worker));
  const next = getToken(made.worker);
  await scheduler.wait(100);
  vi.setSystemTime(START + 1000);
  const { access_token } = await next;
  expect(decodeJwt(access_token).iat).toBe(SECOND + 1);
  expect(await isActive('root', access_token)).toBe(true);
  expect(await isActive('root', made.token)).toBe(false);
  expect(ttl).toBeGreaterThanOrEqual(ACCESS_TOKEN_TTL_MAX);
  expect(ttl).toBeLessThanOrEqual(ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW + 1);
});

test('a cut-off stays in the copy when the client is disabled, and enabled again', async () => {
  const made = await atEdge();
  await done('POST', `${made.client}/revoke-tokens`);
  await drain(made.worker);
  await disable(made);
  await drain(made.worker);
  expect(await standingOf(made.worker)).toEqual({ status: 'disabled', cut_off: SECOND });
  await enable(made);
  await drain(made.worker);
  expect(await standingOf(made.worker)).toEqual({ status: 'active', cut_off: SECOND });
});

test('changes that are no concern of its tokens are not told', async () => {
  const made = await atEdge();
  await done('PATCH', made.client, { body: { access_token_ttl: 120, client_name: 'renamed' } });
  expect(await owedBy(made.worker)).toEqual([]);
});

/** Holds each put to KV until a call of `letGo` releases it. */
async function holdingPuts(during: (puts: { held: () => number; letGo: () => void }) => Promise<void>): Promise<void> {
  let held = 0;
  let free = 0;
  const fault: Fault = async (call, method) => {
    if (method !== 'put') return call();
    const turn = held++;
    while (free <= turn) await scheduler.wait(5);
    return call();
  };
  await withFault('kv', fault, () => during({ held: () => held, letGo: () => void free++ }));
}

test.each([
  ['disabled, enabled', [disable, enable], 'active'],
  ['disabled, enabled, disabled', [disable, enable, disable], 'disabled'],
  ['disabled, enabled, disabled, enabled', [disable, enable, disable, enable], 'active'],
] as const)('%s while the first put is under way: KV ends with the last', async (_, steps, last) => {
  const made = await atEdge();
  const [first, ...others] = steps;
  await first(made);
  await holdingPuts(async ({ held, letGo }) => {
    const ringing = ring(made.worker);
    await vi.waitUntil(() => held() === 1);
    for (const step of others) await step(made);
    letGo();
    await ringing;
    letGo();
    await drain(made.worker);
  });
  expect(await standingOf(made.worker)).toEqual({ status: last, cut_off: SECOND });
  expect(await owedBy(made.worker)).toEqual([]);
});

test('a put that was given up, and lands after a later one, does not have the last word', async () => {
  const made = await atEdge();
  await disable(made);
  await holdingPuts(async ({ held, letGo }) => {
    // The gate gives up the put after its deadline, by the real clock.
    await ring(made.worker);
    expect(held()).toBe(1);
    await enable(made);
    await withFault(
      'kv',
      (call) => call(),
      () => ring(made.worker),
    );
    expect(await standingOf(made.worker)).toEqual({ status: 'active', cut_off: SECOND });
    letGo();
    await vi.waitUntil(async () => (await standingOf(made.worker))?.status === 'disabled');
  });
  await drain(made.worker);
  expect(await standingOf(made.worker)).toEqual({ status: 'active', cut_off: SECOND });
});

test('with the gate gone introspection says inactive where the copy says that a token is revoked for good, and else that it cannot tell', async () => {
  const [cut, revoked, deleted, disabled, standing] = [
    await atEdge(),
    await atEdge(),
    await atEdge(),
    await atEdge(),
    await atEdge(),
  ];
  for (const { server } of [cut, revoked, deleted, disabled, standing]) {
    await done('PATCH', `resource-servers/${server.id}`, { body: { introspection: 'strong' } });
  }
  await done('POST', `${cut.client}/revoke-tokens`);
  await revoke(revoked.worker, revoked.token);
  await done('DELETE', deleted.client);
  await disable(disabled);
  for (const { worker } of [cut, revoked, deleted, disabled]) await drain(worker);
  startNewIsolate();
  await failing('gate', async () => {
    for (const { token } of [cut, revoked, deleted, disabled]) expect(await isActive('root', token)).toBe(false);
    const answer = await introspectAsRoot(standing.token);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('Retry-After')).toBe('2');
  });
});
