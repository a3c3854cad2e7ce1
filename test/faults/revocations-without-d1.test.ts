import { evictDurableObject } from 'cloudflare:test';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { gateOf, tablesOf } from '../client-gate/gate.ts';
import { api, type Credentials, create, getToken, ISSUER, send, world } from '../http.ts';
import { type Fault, failing, hanging, withFault } from '../instruments.ts';
import { keyWith, problemOf, type Row, rowsOf } from '../management/rows.ts';
import { isActive } from '../tokens/verdict.ts';
import { drain, owedBy, ring } from './copies.ts';
import { failingAt, losingReplies, runScheduled } from './owed.ts';

const START = new Date('2027-11-01T00:00:00.200Z').getTime();
const ADDRESS = '203.0.113.7';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

let worlds = 0;
let keys = 0;

/** Creates a world with two tokens of its client. */
async function scene() {
  const made = await world(`without-d1-${++worlds}`);
  const [{ access_token: token }, { access_token: other }] = [await getToken(made.worker), await getToken(made.worker)];
  // Introspect both, so that the caller's gate also holds its record.
  for (const one of [token, other]) expect(await isActive(made.api, one)).toBe(true);
  return { ...made, token, other };
}

type Scene = Awaited<ReturnType<typeof scene>>;

const named = (token: string) => {
  const { jti, client_id, exp = 0 } = decodeJwt<{ client_id: string }>(token);
  return { jti, client_id, expires_at: new Date(exp * 1000).toISOString() };
};

interface Way {
  readonly name: string;
  readonly action: string;
  readonly path: (made: Scene) => string;
  readonly body: (made: Scene) => object | undefined;
  /** Returns the `changes` member of the audit event. */
  readonly changes: (made: Scene) => object;
  /** Whether the action also revokes the client's other tokens. */
  readonly all: boolean;
}

const changesOf = ({ token }: Scene) => {
  const { jti, expires_at } = named(token);
  return { jti, expires_at };
};

const WAYS: Way[] = [
  {
    name: 'a token, by itself',
    action: 'token.revoked',
    path: () => 'tokens/revoke',
    body: ({ token }) => ({ token }),
    changes: changesOf,
    all: false,
  },
  {
    name: 'a token, by what names it',
    action: 'token.revoked',
    path: () => 'tokens/revoke',
    body: ({ token }) => named(token),
    changes: changesOf,
    all: false,
  },
  {
    name: 'all tokens of a client',
    action: 'client.tokens_revoked',
    path: ({ worker }) => `clients/${worker.client_id}/revoke-tokens`,
    body: () => undefined,
    changes: () => ({}),
    all: true,
  },
];

/** Returns the audit events of a client's revocations, as rows. */
function eventsOf({ client_id }: Credentials, action: string): Promise<Row[]> {
  return rowsOf('SELECT * FROM audit_events WHERE target = ? AND action = ?', client_id, action);
}

describe.each(WAYS)('of $name', ({ action, path, body, changes, all }) => {
  const revoke = (made: Scene, init: object = {}) =>
    api('POST', path(made), { body: body(made), address: ADDRESS, ...init });

  async function expectRevoked(answer: Response, { token, other, api: caller }: Scene): Promise<void> {
    expect([answer.status, await answer.json()]).toEqual([200, { revoked: true }]);
    expect(await isActive(caller, token)).toBe(false);
    expect(await isActive(caller, other)).toBe(!all);
  }

  /** Expects exactly one event in D1, with the time of the revocation. */
  async function expectOneEvent(made: Scene, version: unknown = null): Promise<void> {
    const events = await eventsOf(made.worker, action);
    expect(events).toEqual([
      {
        id: expect.stringMatching(/^evt_/),
        at: START,
        organization_id: made.organization,
        actor: 'root',
        action,
        target: made.worker.client_id,
        address: ADDRESS,
        changes: expect.any(String),
        version,
        request_id: expect.stringMatching(/^[\da-f-]{36}$/),
      },
    ]);
    expect(JSON.parse(String(events[0]?.changes))).toEqual(changes(made));
  }

  test('the root key’s revocation is done at once, and D1 has the event once it is back, as of when it was done', async () => {
    const made = await scene();
    await failing('d1', async () => {
      await expectRevoked(await revoke(made), made);
      vi.setSystemTime(START + 30_000);
      await ring(made.worker);
    });
    expect(await eventsOf(made.worker, action)).toEqual([]);
    vi.setSystemTime(START + 3_600_000);
    await drain(made.worker);
    await expectOneEvent(made);
    await drain(made.worker);
    await runScheduled();
    await expectOneEvent(made);
  });

  test('so it is while D1 hangs', async () => {
    const made = await scene();
    await hanging('d1', async () => {
      const answer = await revoke(made);
      await expectRevoked(answer, made);
    });
    await drain(made.worker);
    await expectOneEvent(made);
  });

  test('so it is with a gate that was evicted before and is evicted after', async () => {
    const made = await scene();
    await evictDurableObject(gateOf(made.worker));
    await failing('d1', async () => {
      const answer = await revoke(made);
      await evictDurableObject(gateOf(made.worker));
      await expectRevoked(answer, made);
    });
    await drain(made.worker);
    await expectOneEvent(made);
  });

  test('so it is with an Idempotency-Key', async () => {
    const made = await scene();
    const headers = { 'Idempotency-Key': `without-d1-${++keys}` };
    await failing('d1', async () => expectRevoked(await revoke(made, { headers }), made));
    await drain(made.worker);
    await expectOneEvent(made);
  });

  // D1 may have committed the cut-off. The record then has it and is pushed to the gate, so nothing else may create a second event.
  test.each(['without', 'with'])(
    'where D1 did it and its reply is lost there is no second event, %s an Idempotency-Key',
    async (given) => {
      const made = await scene();
      const headers: Record<string, string> = given === 'with' ? { 'Idempotency-Key': `lost-reply-${++keys}` } : {};
      const answer = await losingReplies('error', () => revoke(made, { headers }));
      if (all) await problemOf(answer, 503);
      else await expectRevoked(answer, made);
      await drain(made.worker);
      await runScheduled();
      await drain(made.worker);
      await expectOneEvent(made, expect.any(Number));
      expect(await isActive(made.api, made.token)).toBe(false);
      if (given === 'without') return;
      const again = await revoke(made, { headers });
      expect([again.status, again.headers.get('Idempotent-Replayed')]).toEqual([200, 'true']);
      await expectOneEvent(made, expect.any(Number));
    },
  );

  test('where D1 reads and does not write, a token is revoked; of all tokens it is said that it is not known', async () => {
    const made = await scene();
    const answer = await failingAt('d1', 'version_sequence', () => revoke(made));
    if (all) {
      await problemOf(answer, 503);
      expect(await isActive(made.api, made.token)).toBe(true);
      expect(await owedBy(made.worker)).toEqual([]);
      return;
    }
    await expectRevoked(answer, made);
    await drain(made.worker);
    await expectOneEvent(made);
  });

  test('where D1 is back in the middle it is done as well', async () => {
    const made = await scene();
    let asked = 0;
    const once: Fault = (call) => (asked++ === 0 ? Promise.reject(new Error('Network connection lost.')) : call());
    await withFault('d1', once, async () => expectRevoked(await revoke(made), made));
    await drain(made.worker);
    const [event] = await eventsOf(made.worker, action);
    await expectOneEvent(made, event?.version ?? null);
  });

  test('an event whose arrival D1 does not confirm is there once', async () => {
    const made = await scene();
    await failing('d1', () => revoke(made));
    const loses: Fault = async (call, sql) => {
      await call();
      if (sql.includes('audit_events')) throw new Error('Network connection lost.');
      return undefined;
    };
    await withFault('d1', loses, () => ring(made.worker));
    await expectOneEvent(made);
    expect((await owedBy(made.worker)).filter(({ store }) => store === 'd1')).toHaveLength(1);
    await drain(made.worker);
    await expectOneEvent(made);
  });

  test('with the gate gone too it is 503, and nothing is done', async () => {
    const made = await scene();
    await failing('d1', () =>
      failing(`gate:${made.worker.client_id}`, async () => {
        const lost = await revoke(made);
        expect(lost.headers.get('Retry-After')).toBe('2');
        await problemOf(lost, 503);
      }),
    );
    expect(await owedBy(made.worker)).toEqual([]);
    expect(await isActive(made.api, made.token)).toBe(true);
  });

  test('an organization’s key is told 503, and nothing is done', async () => {
    const made = await scene();
    const key = await keyWith(made.organization, ['tokens:revoke']);
    await failing('d1', async () => {
      const lost = await revoke(made, { key });
      expect(lost.headers.get('Retry-After')).toBe('2');
      await problemOf(lost, 503);
    });
    expect(await owedBy(made.worker)).toEqual([]);
    expect(await isActive(made.api, made.token)).toBe(true);
    await drain(made.worker);
    expect(await eventsOf(made.worker, action)).toEqual([]);
  });
});

describe.each(WAYS.filter(({ name }) => name !== 'a token, by itself'))('of $name', ({ action, path, body }) => {
  test.each([
    ['that no gate has seen', false],
    ['that does not exist', true],
  ])('of a client %s: 503, and nothing is stored', async (_, invented) => {
    const made = await scene();
    const { client_id } = invented
      ? { client_id: 'nobody-at-all' }
      : await create<Credentials>('clients', { organization_id: made.organization, client_name: 'unseen' });
    const worker = { ...made.worker, client_id };
    const unseen = { ...made, worker };
    const named = body(unseen);
    await failing('d1', async () => {
      const lost = await api('POST', path(unseen), { body: named && { ...named, client_id }, address: ADDRESS });
      expect(lost.headers.get('Retry-After')).toBe('2');
      await problemOf(lost, 503);
    });
    expect((await tablesOf(worker)).filter((table) => !table.startsWith('_cf'))).toEqual([]);
    expect(await eventsOf(worker, action)).toEqual([]);
  });
});

describe.each(WAYS.filter(({ name }) => name !== 'a token, by itself'))('of $name', ({ action, path, body }) => {
  test('an organization’s key that D1 still knew is told 503 where D1 cannot say whose client it is', async () => {
    const made = await scene();
    const stranger = await scene();
    const key = await keyWith(stranger.organization, ['tokens:revoke']);
    await failingAt('d1', 'from "clients"', async () => {
      await problemOf(await api('POST', path(made), { body: body(made), key }), 503);
    });
    expect(await owedBy(made.worker)).toEqual([]);
    expect(await isActive(made.api, made.token)).toBe(true);
    expect(await eventsOf(made.worker, action)).toEqual([]);
  });
});

test('many revocations while D1 is gone leave as many events, each of its own token', async () => {
  const { worker } = await scene();
  const tokens = await Promise.all(Array.from({ length: 40 }, async () => (await getToken(worker)).access_token));
  await failing('d1', async () => {
    for (const [index, token] of tokens.entries()) {
      vi.setSystemTime(START + 1000 * index);
      expect((await api('POST', 'tokens/revoke', { body: { token } })).status).toBe(200);
    }
    await ring(worker);
  });
  await drain(worker);
  const events = await eventsOf(worker, 'token.revoked');
  expect(new Set(events.map(({ id }) => id)).size).toBe(tokens.length);
  const told = events.map(({ at, changes }) => [at, JSON.parse(String(changes)).jti]);
  const done = tokens.map((token, index) => [START + 1000 * index, decodeJwt(token).jti]);
  expect(told.toSorted()).toEqual(done.toSorted());
});

test('events that are kept are shown by the audit log, to the organization whose client it is', async () => {
  const { worker, organization, token } = await scene();
  await failing('d1', () => api('POST', 'tokens/revoke', { body: named(token), address: ADDRESS }));
  await drain(worker);
  const key = await keyWith(organization, ['audit:read']);
  const list = await api('GET', `audit-events?${new URLSearchParams({ target: worker.client_id })}`, { key });
  const { data } = await list.json<{ data: { action: string }[] }>();
  expect(data.filter(({ action }) => action === 'token.revoked')).toMatchObject([
    { actor: 'root', address: ADDRESS, organization_id: organization, changes: { jti: decodeJwt(token).jti } },
  ]);
});

test('with D1 down no verifier takes the revocation feed for fresh, and it is fresh again some time after', async () => {
  const { identifier, token } = await scene();
  // Not by its name, because the package is checked with other types than those of the Worker.
  const library: string = '../../src/sdk/verify.ts';
  const { verifier } = await import(library);
  const ask = (url: string, init?: RequestInit) => send(url, { headers: new Headers(init?.headers) });
  const orders = verifier({ issuer: ISSUER, audience: identifier, revocations: 'feed', feedMaxAge: 60, fetch: ask });
  const outcomeAt = async (after: number) => {
    vi.setSystemTime(START + after);
    // The first call begins to fetch the feed if it is still fresh, and the second one knows what came of it.
    for (let call = 0; call < 2; call++) await orders.verify(token).catch(() => undefined);
    return orders.verify(token).then(
      () => 'accepted',
      ({ status, reason }: { readonly status: number; readonly reason: string }) => `${status} ${reason}`,
    );
  };
  expect(await outcomeAt(0)).toBe('accepted');
  await failing('d1', async () => {
    expect(await outcomeAt(15_000)).toBe('accepted');
    expect(await outcomeAt(30_000)).toBe('503 revocations_unavailable');
    expect(await outcomeAt(60_000)).toBe('503 revocations_unavailable');
  });
  // The gates may still wait to deliver what was revoked meanwhile.
  expect(await outcomeAt(70_000)).toBe('503 revocations_unavailable');
  expect(await outcomeAt(110_000)).toBe('accepted');
});
