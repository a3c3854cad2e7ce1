import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { AsyncLocalStorage } from 'node:async_hooks';
import { decodeJwt } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { api, basic, type Credentials, create, done, getToken, ISSUER, introspect, revoke, world } from '../http.ts';
import { type Fault, failing, startNewIsolate, withFault } from '../instruments.ts';
import { keyWith } from '../management/rows.ts';
import { sized } from '../size.ts';
import { INACTIVE, isActive } from '../tokens/verdict.ts';
import worker from '../worker.ts';
import { awaitDelivery, clientKey, drain, revokedKey } from './copies.ts';

const REVOCATIONS = sized({ small: 200, soak: 1000 });
const CONCURRENCY = 50;
const ALL = sized({ small: 10, soak: 30 });

const LIVELY = { rate_limit: { per_minute: 60_000, burst: 5000 } };
const STALE_MS = 300_000;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

let worlds = 0;

/** Creates a world whose resource server chose this introspection strength. */
async function fresh(strength: 'strong' | 'edge' = 'strong', client: object = {}) {
  const made = await world(`revoked-at-once-${++worlds}`, { ...LIVELY, ...client });
  await done('PATCH', `resource-servers/${made.server.id}`, { body: { introspection: strength } });
  return made;
}

type Made = Awaited<ReturnType<typeof fresh>>;

/** One revocation: an active token, the caller that introspects it, and the request that revokes it. */
interface Revocation {
  readonly token: string;
  readonly caller: Credentials;
  readonly make: () => Promise<Response>;
}

const named = (token: string) => {
  const { jti, client_id, exp = 0 } = decodeJwt<{ client_id: string }>(token);
  return { jti, client_id, expires_at: new Date(exp * 1000).toISOString() };
};
const revokeToken = (body: unknown, key?: string) => api('POST', 'tokens/revoke', { body, ...(key && { key }) });
const revokeAll = (path: string, key?: string) => api('POST', `${path}/revoke-tokens`, key ? { key } : {});

async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const queue = items.entries();
  const results: R[] = [];
  const one = async () => {
    for (const [index, item] of queue) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, one));
  return results;
}

/** Prepares all revocations, in every possible way, for tokens of resource servers that chose this strength. */
async function prepare(strength: 'strong' | 'edge' = 'strong'): Promise<Revocation[]> {
  const shared = await fresh(strength);
  const organizations = await inTurns([...Array(ALL).keys()], () => fresh(strength));
  const key = await keyWith(shared.organization, ['tokens:revoke']);
  const clients = await inTurns([...Array(ALL).keys()], () => clientIn(shared));
  const ways: ((token: string) => Promise<Response>)[] = [
    (token) => revoke(shared.worker, token),
    (token) => revokeToken({ token }),
    (token) => revokeToken(named(token)),
    (token) => revokeToken({ token }, key),
    (token) => revokeToken(named(token), key),
  ];
  const ofAll: Revocation[] = await Promise.all([
    ...clients.map(async (client, index) => ({
      token: (await getToken(client)).access_token,
      caller: shared.api,
      make: () => revokeAll(`clients/${client.client_id}`, index % 2 ? key : undefined),
    })),
    ...organizations.map(async ({ organization, worker: client, api: caller }) => ({
      token: (await getToken(client)).access_token,
      caller,
      make: () => revokeAll(`organizations/${organization}`),
    })),
  ]);
  const ofOne = await inTurns([...Array(REVOCATIONS - ofAll.length).keys()], async (index): Promise<Revocation> => {
    const { access_token: token } = await getToken(shared.worker);
    return { token, caller: shared.api, make: () => ways[index % ways.length]?.(token) ?? expect.unreachable() };
  });
  // Spread the revocations of all tokens evenly among those of one token.
  const step = Math.floor(ofOne.length / ofAll.length);
  return ofAll.reduce((mixed, one, index) => mixed.toSpliced(index * step, 0, one), ofOne);
}

function clientIn({ organization, identifier }: Made): Promise<Credentials> {
  const grants = [{ resource_server: identifier, scopes: ['read'] }];
  return create('clients', { organization_id: organization, client_name: crypto.randomUUID(), grants });
}

/** Introspects, revokes, and introspects strongly, for callers whose records the gates already hold. */
async function revokeAndIntrospect(revocations: readonly Revocation[]) {
  const byCaller = new Map(revocations.map((one) => [one.caller, one]));
  for (const { token, caller } of byCaller.values()) await introspect(caller, token, { introspection: 'strong' });
  const answers = await inTurns(revocations, async ({ token, caller, make }) => {
    const before = await isActive(caller, token);
    const { status } = await make();
    const verdict = await (await introspect(caller, token, { introspection: 'strong' })).text();
    return { before, status, verdict };
  });
  return {
    active: answers.filter(({ before }) => before).length,
    acknowledged: answers.filter(({ status }) => status === 200).length,
    inactive: answers.filter(({ verdict }) => verdict === INACTIVE).length,
  };
}

const EVERY_ONE = { active: REVOCATIONS, acknowledged: REVOCATIONS, inactive: REVOCATIONS };

/** Counts the active tokens, by the strength that their resource servers chose. */
async function countActive(revocations: readonly Revocation[]): Promise<number> {
  return (await inTurns(revocations, ({ token, caller }) => isActive(caller, token))).filter((active) => active).length;
}

/** Imitates KV far from the writer: it caches each answer, also a missing entry, for `STALE_MS` milliseconds. */
function staleKv() {
  const cached = new Map<string, { readonly at: number; readonly answer: unknown }>();
  let ahead = 0;
  const now = () => performance.now() + ahead;
  const fault: Fault = async (call, method, [key]) => {
    if (method !== 'get') return call();
    const known = cached.get(String(key));
    if (known && now() - known.at < STALE_MS) return known.answer;
    const answer = await call();
    cached.set(String(key), { at: now(), answer });
    return answer;
  };
  return {
    during: <T>(act: () => Promise<T>) => withFault('kv', fault, act),
    passes: (milliseconds: number) => {
      ahead += milliseconds;
    },
  };
}

test(`a token that was revoked is inactive on the very next introspection: ${REVOCATIONS} of ${REVOCATIONS}, ${CONCURRENCY} at once, in every way`, async () => {
  const revocations = await prepare();
  expect(await revokeAndIntrospect(revocations)).toEqual(EVERY_ONE);
  startNewIsolate();
  expect(await countActive(revocations)).toBe(0);
}, 300_000);

test(`so it is with a KV that answers what was so up to 300 seconds ago: ${REVOCATIONS} of ${REVOCATIONS}; at the edge its answers are believed for as long`, async () => {
  const kv = staleKv();
  const revocations = await prepare('edge');
  await kv.during(async () => {
    expect(await revokeAndIntrospect(revocations)).toEqual(EVERY_ONE);
    const clients = new Set(revocations.map(({ token }) => decodeJwt<Credentials>(token).client_id));
    for (const client_id of clients) await awaitDelivery({ client_id });
    expect(await countActive(revocations)).toBe(REVOCATIONS);
    kv.passes(STALE_MS);
    expect(await countActive(revocations)).toBe(0);
  });
}, 300_000);

test('how long introspection at the edge says active after KV was told', async () => {
  const MEASURED = sized({ small: 60, soak: 200 });
  const shared = await fresh('edge');
  const clients = await inTurns([...Array(20).keys()], () => clientIn(shared));
  await introspect(shared.api, (await getToken(shared.worker)).access_token);
  const delivered = new Map<string, number>();
  const watch: Fault = async (call, method, [key]) => {
    const answer = await call();
    if (method === 'put') delivered.set(String(key), performance.now());
    return answer;
  };
  const follow = async ({ token, key, act }: { token: string; key: string; act: () => Promise<Response> }) => {
    expect(await isActive(shared.api, token)).toBe(true);
    expect((await act()).status).toBe(200);
    let asked = performance.now();
    const patience = asked + 30_000;
    while (asked < patience && (await isActive(shared.api, token))) {
      // Give the gates' alarms a chance to run.
      await scheduler.wait(5);
      asked = performance.now();
    }
    // A reader may see the entry before the writer of the put has its answer.
    await vi.waitUntil(() => delivered.has(key));
    return Math.max(0, asked - (delivered.get(key) ?? 0));
  };
  const tokens = await inTurns([...Array(MEASURED - clients.length).keys()], () => getToken(shared.worker));
  const lags = await withFault('kv', watch, async () =>
    inTurns(
      [
        ...tokens.map(({ access_token: token }) => ({
          token,
          key: revokedKey(token),
          act: () => revoke(shared.worker, token),
        })),
        ...(await inTurns(clients, async (client) => ({
          token: (await getToken(client)).access_token,
          key: clientKey(client),
          act: () => revokeAll(`clients/${client.client_id}`),
        }))),
      ],
      follow,
    ),
  );
  expect(lags).toHaveLength(MEASURED);
  expect(delivered.size).toBe(MEASURED);
  console.log(
    `${MEASURED} revocations, ${CONCURRENCY} at once: introspection at the edge was inactive at worst ${Math.max(...lags).toFixed(1)} ms after KV was told`,
  );
}, 120_000);

describe('a cut-off', () => {
  const START = new Date('2027-10-01T00:00:00.200Z').getTime();
  const SECOND = Math.floor(START / 1000);

  const CUT_OFFS: [string, (made: Made) => readonly [path: string, d1Gone: boolean]][] = [
    ['of a client', ({ worker: { client_id } }) => [`clients/${client_id}/revoke-tokens`, false]],
    ['of an organization', ({ organization }) => [`organizations/${organization}/revoke-tokens`, false]],
    ['of a client with D1 gone', ({ worker: { client_id } }) => [`clients/${client_id}/revoke-tokens`, true]],
  ];

  /** The difference between the edge's clock and the gates' clocks, in seconds. */
  const skew = new AsyncLocalStorage<number>();

  /** Sends a request to an edge whose clock is off by so many seconds. The gates run in other contexts and keep their own clock. */
  async function sendTo(seconds: number, method: string, path: string, headers: Record<string, string>, form?: object) {
    const context = createExecutionContext();
    const body = form && new URLSearchParams({ ...form }).toString();
    const request = new Request(new URL(path, ISSUER), {
      method,
      headers: { ...headers, ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }) },
      ...(body !== undefined && { body }),
    });
    const answer = await skew.run(seconds, () =>
      worker.fetch(request as Parameters<typeof worker.fetch>[0], env, context),
    );
    await waitOnExecutionContext(context);
    return answer;
  }

  function skewClock(): void {
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + (skew.getStore() ?? 0) * 1000);
  }

  const root = { Authorization: `Bearer ${env.ROOT_API_KEY}` };

  const tokenFrom = async (seconds: number, { client_id, client_secret }: Credentials) => {
    const headers = { Authorization: basic(client_id, client_secret) };
    const answer = await sendTo(seconds, 'POST', '/oauth2/token', headers, { grant_type: 'client_credentials' });
    if (answer.status !== 200) throw new Error(await answer.text());
    return (await answer.json<{ access_token: string }>()).access_token;
  };

  const verdictFrom = async (seconds: number, token: string, introspection?: 'strong') => {
    const form = { token, ...(introspection && { introspection }) };
    const answer = await sendTo(seconds, 'POST', '/oauth2/introspect', root, form);
    expect(answer.status).toBe(200);
    return (await answer.json<{ active: boolean }>()).active;
  };

  describe.each(CUT_OFFS)('%s', (_, where) => {
    test.each([
      ['right', 0],
      ['45 seconds ahead', 45],
      ['an hour ahead', 3600],
      ['45 seconds behind', -45],
    ])(
      'kills what was admitted just before it and spares what is admitted just after it, in the same second, with the edge’s clock %s',
      async (_clock, seconds) => {
        skewClock();
        startNewIsolate();
        const made = await fresh('edge', { access_token_ttl: 86_400 });
        const [path, d1Gone] = where(made);
        const before = await tokenFrom(seconds, made.worker);
        expect(decodeJwt(before).iat).toBe(SECOND);
        const cutOff = () => sendTo(seconds, 'POST', `/v1/${path}`, root);
        expect((await (d1Gone ? failing('d1', cutOff) : cutOff())).status).toBe(200);

        const pending = tokenFrom(seconds, made.worker);
        await scheduler.wait(100);
        vi.setSystemTime(START + 1000);
        const after = await pending;
        expect(decodeJwt(after).iat).toBe(SECOND + 1);
        for (const clock of [seconds, 0]) {
          expect(await verdictFrom(clock, before, 'strong')).toBe(false);
          expect(await verdictFrom(clock, after, 'strong')).toBe(true);
        }
        await drain(made.worker);
        for (const clock of [seconds, 0]) {
          expect(await verdictFrom(clock, before)).toBe(false);
          expect(await verdictFrom(clock, after)).toBe(true);
        }
      },
    );
  });

  test('by the real clock: what was admitted before is dead and what is admitted after lives, for twenty clients at once', async () => {
    const shared = await fresh();
    const clients = await inTurns([...Array(20).keys()], () => clientIn(shared));
    const pairs = await inTurns(clients, async (client) => {
      const { access_token: before } = await getToken(client);
      await done('POST', `clients/${client.client_id}/revoke-tokens`);
      const { access_token: after } = await getToken(client);
      return [await isActive(shared.api, before), await isActive(shared.api, after)];
    });
    expect(pairs).toEqual(clients.map(() => [false, true]));
  });
});
