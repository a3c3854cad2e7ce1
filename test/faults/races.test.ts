import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { PUSHES_PER_RUN } from '../../src/gates/constants.ts';
import type { ScheduledEvent } from '../../src/log/log.ts';
import { gateOf, isTokenActive } from '../client-gate/gate.ts';
import { api, type Credentials, create, done, getToken, requestToken, world } from '../http.ts';
import { type Fault, failing, withFault } from '../instruments.ts';
import { seeded } from '../random.ts';
import { bothRecords, failingPushes, losingReplies, owedTo, runScheduled } from './owed.ts';

const disable = ({ client_id }: Credentials) => api('PATCH', `clients/${client_id}`, { body: { status: 'disabled' } });

/** Returns the versions of the records that a client's gate stores from now on, in their order. */
function versionsStored({ client_id }: Credentials): Promise<number[]> {
  const versions: number[] = [];
  return runInDurableObject(gateOf({ client_id }), (_, { storage }) => {
    // Patches the prototype that all gates share, because a gate cannot be given a wrapped storage.
    const shared = Object.getPrototypeOf(storage.sql) as Pick<SqlStorage, 'exec'>;
    const { exec } = shared;
    shared.exec = function (this: SqlStorage, ...args) {
      const [sql, json] = args;
      if (sql.startsWith('INSERT OR REPLACE INTO record') && String(json).includes(client_id)) {
        versions.push(JSON.parse(String(json)).version);
      }
      return Reflect.apply(exec, this, args) as SqlStorageCursor<never>;
    };
    return versions;
  });
}

test('100 changes of one client during token requests: its gate ends with the record of D1, and never goes back', async () => {
  const { worker, identifier, organization, server } = await world('storm', {
    rate_limit: { per_minute: 100_000, burst: 10_000 },
  });
  const { below, pick } = seeded(7);
  await getToken(worker);
  const grants = [{ resource_server: identifier, scopes: ['admin'] }];
  const role = await create('roles', { organization_id: organization, name: 'storm', grants });
  const client = `clients/${worker.client_id}`;
  const change = (): Promise<Response> => {
    const scopes = ['read', 'write', 'admin'].filter(() => below(2) === 0);
    const patch = pick<object | 'role' | 'server' | 'revoke'>([
      { access_token_ttl: 60 + below(1000) },
      { grants: [{ resource_server: identifier, scopes }] },
      { roles: below(2) === 0 ? ['storm'] : [] },
      { claims: { n: below(1000) } },
      { metadata: { [`k${below(10)}`]: String(below(1000)) } },
      { rate_limit: { per_minute: 100_000 + below(1000), burst: 10_000 } },
      'role',
      'server',
      'revoke',
    ]);
    if (patch === 'revoke') return api('POST', `${client}/revoke-tokens`, { body: {} });
    if (patch === 'server') {
      return api('PATCH', `resource-servers/${server.id}`, { body: { access_token_ttl: 60 + below(1000) } });
    }
    if (patch === 'role') {
      const narrower = [{ resource_server: identifier, scopes: scopes.slice(0, 1) }];
      return api('PATCH', `roles/${role.id}`, { body: { grants: narrower } });
    }
    return api('PATCH', client, { body: patch });
  };

  let isOver = false;
  const versions = await versionsStored(worker);
  const ask = async () => {
    const statuses = new Set<number>();
    while (!isOver) {
      statuses.add((await requestToken(worker)).status);
      await scheduler.wait(5);
    }
    return statuses;
  };
  const asked = Promise.all([ask(), ask()]);
  const statuses: number[] = [];
  for (let wave = 0; wave < 10; wave++) {
    statuses.push(...(await Promise.all(Array.from({ length: 10 }, change))).map(({ status }) => status));
    if (wave % 3 === 0) await runScheduled();
  }
  isOver = true;
  const seen = await asked;

  // A change that kept conflicting with others is answered 409, and was not applied.
  expect(statuses.filter((status) => status !== 200 && status !== 409)).toEqual([]);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(20);
  expect(await owedTo(worker)).toBe(0);
  const { d1, gate } = await bothRecords(worker);
  expect(gate).toEqual(d1);
  expect(versions.length).toBeGreaterThan(20);
  expect(versions).toEqual([...new Set(versions)].sort((one, other) => one - other));
  // With any of these grants the client was never unknown and never rate limited. (On a busy machine a deadline can cause a 503.)
  const met = seen.flatMap((each) => [...each]);
  expect(met).toContain(200);
  expect(met.filter((status) => ![200, 400, 503].includes(status))).toEqual([]);
});

test('a change is pushed to its gate even if a hundred other writes about the client come in between', async () => {
  const { worker } = await world('crowded');
  await getToken(worker);
  let isHeld = true;
  // The delivery of the change waits until the other writes are done.
  const fault: Fault = async (call, sql) => {
    const answer = await call();
    const isChange = sql.includes('update "clients"') && sql.includes('version_sequence');
    while (isChange && isHeld) await scheduler.wait(5);
    return answer;
  };
  await withFault('d1', fault, async () => {
    const answer = disable(worker);
    await vi.waitFor(async () => expect(await owedTo(worker)).toBe(1));
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    for (let begin = 0; begin < 110; begin += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          done('POST', 'tokens/revoke', {
            body: { jti: `t${begin + index}`, client_id: worker.client_id, expires_at },
          }),
        ),
      );
    }
    isHeld = false;
    expect((await answer).status).toBe(200);
    expect((await requestToken(worker)).status).toBe(401);
  });
});

describe('the scheduled handler', () => {
  test('can run twice at the same time, and during a write', async () => {
    const { worker } = await world('twice');
    await getToken(worker);
    await losingReplies('error', () => disable(worker));
    await Promise.all([runScheduled(), runScheduled()]);
    expect((await requestToken(worker)).status).toBe(401);
    expect(await owedTo(worker)).toBe(0);

    const client = `clients/${worker.client_id}`;
    await losingReplies('error', () => done('PATCH', client, { body: { access_token_ttl: 100 } }).catch(() => null));
    const [changed] = await Promise.all([
      api('PATCH', client, { body: { status: 'active', access_token_ttl: 200 } }),
      runScheduled(),
      runScheduled(),
    ]);
    expect(changed.status).toBe(200);
    expect((await getToken(worker)).expires_in).toBe(200);
    expect(await owedTo(worker)).toBe(0);
  });

  test('pushes to all gates except one that always fails, whose push stays owed', async () => {
    const poisoned = (await world('poisoned')).worker;
    const others = [(await world('fine-1')).worker, (await world('fine-2')).worker];
    for (const client of [poisoned, ...others]) await getToken(client);
    await losingReplies('error', async () => {
      for (const client of [poisoned, ...others]) await disable(client);
    });
    await failingPushes(poisoned, runScheduled);
    for (const client of others) expect((await requestToken(client)).status).toBe(401);
    expect((await requestToken(poisoned)).status).toBe(200);
    expect(await owedTo()).toBe(1);
    await runScheduled();
    expect((await requestToken(poisoned)).status).toBe(401);
  });

  test('pushes to the gate of a deleted client', async () => {
    const { worker } = await world('no-more');
    const { access_token } = await getToken(worker);
    const { iat, jti } = JSON.parse(atob(access_token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? ''));
    await losingReplies('error', () => api('DELETE', `clients/${worker.client_id}`));
    expect(await isTokenActive(worker, iat, jti)).toBe(true);
    await runScheduled();
    expect((await requestToken(worker)).status).toBe(401);
    expect(await isTokenActive(worker, iat, jti)).toBe(false);
    expect(await owedTo()).toBe(0);
  });

  test(`makes at most ${PUSHES_PER_RUN} pushes per run, and reaches every gate in turn`, async () => {
    const { worker } = await world('among-many');
    await getToken(worker);
    // Invalid gate ids: each push to them fails.
    await env.DB.prepare(
      `INSERT INTO gate_pushes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       SELECT lower(hex(randomblob(8))), 0, 'lost' FROM n`,
    )
      .bind(2 * PUSHES_PER_RUN)
      .run();
    await losingReplies('error', () => disable(worker));
    const log = vi.spyOn(console, 'log').mockReturnValue();
    // A run reaches half of the gates, from a random one on.
    for (let run = 0; run < 40 && (await owedTo(worker)) > 0; run++) {
      await runScheduled();
      const events = log.mock.calls.map(([line]) => JSON.parse(String(line)) as Partial<ScheduledEvent>);
      const { counts } = events.findLast(({ task }) => task === 'resume_pushes') ?? {};
      expect((counts?.delivered ?? 0) + (counts?.failed ?? 0)).toBe(PUSHES_PER_RUN);
    }
    log.mockRestore();
    expect((await requestToken(worker)).status).toBe(401);
    await env.DB.prepare("DELETE FROM gate_pushes WHERE client_id = 'lost'").run();
  });
});

describe('with one store unavailable', () => {
  test('D1: nothing can be changed or read, and the client continues with its gate’s record', async () => {
    const { worker, organization } = await world('no-d1');
    await getToken(worker);
    const client = `clients/${worker.client_id}`;
    await failing('d1', async () => {
      const answers = [
        await disable(worker),
        await api('GET', client),
        await api('DELETE', client),
        await api('POST', `${client}/secrets/rotate`, { body: {} }),
        await api('POST', `organizations/${organization}/revoke-tokens`, { body: {} }),
        await api('POST', 'leaked-secrets', { body: { secret: worker.client_secret }, key: null }),
        await api('GET', 'changes/1'),
        await api('POST', 'organizations', { body: { name: 'x' }, headers: { 'Idempotency-Key': 'x' } }),
      ];
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
      for (const { headers } of answers) expect(headers.get('Retry-After')).toBe('2');
      expect((await requestToken(worker)).status).toBe(200);
      // The scheduled handler can do nothing, and must not throw.
      await runScheduled();
    });
    expect((await disable(worker)).status).toBe(200);
    expect((await requestToken(worker)).status).toBe(401);
  });

  test('KV: everything can be changed, and the changes are seen', async () => {
    const { worker } = await world('no-kv');
    const client = `clients/${worker.client_id}`;
    await failing('kv', async () => {
      const { access_token: token } = await getToken(worker);
      await done('POST', 'tokens/revoke', { body: { token } });
      await done('POST', `${client}/revoke-tokens`, { body: {} });
      const rotated = await done<Credentials>('POST', `${client}/secrets/rotate`, { body: {} });
      expect((await requestToken({ ...worker, client_secret: rotated.client_secret })).status).toBe(200);
      expect((await disable(worker)).status).toBe(200);
      expect((await requestToken(worker)).status).toBe(401);
      await done('DELETE', client);
    });
  });

  test('a gate: changes of other clients are not delayed, and changes of its client are answered 503', async () => {
    const { worker } = await world('no-gate');
    const { worker: other } = await world('another-gate');
    await getToken(worker);
    await getToken(other);
    await failing(`gate:${worker.client_id}`, async () => {
      expect((await disable(worker)).status).toBe(503);
      expect((await disable(other)).status).toBe(200);
      expect((await requestToken(other)).status).toBe(401);
    });
    await runScheduled();
    expect((await requestToken(worker)).status).toBe(401);
  });
});
