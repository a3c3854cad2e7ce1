import { afterEach, describe, expect, test, vi } from 'vitest';
import { GRACE_MAX, LAST_USED_PRECISION } from '../../src/constants.ts';
import { SECRET_QUIET_TIME } from '../../src/management/constants.ts';
import { safetyOf } from '../../src/management/resources/secret-safety.ts';
import type { StoredSecret } from '../../src/store/secrets.ts';
import { bothRecords, failingPushes, owedTo } from '../faults/owed.ts';
import { api, type Credentials, create, done, getToken, introspect, requestToken, world } from '../http.ts';
import { calls, resetCalls } from '../instruments.ts';
import { problemOf } from './rows.ts';
import { eventsAbout, promote, removeSecret, rotate, rotated, secretsOf, tokenStatus } from './secrets.ts';

const START = new Date('2027-09-01T12:00:00Z').getTime();
const SECOND = 1000;

let counter = 0;
const fresh = (client?: Record<string, unknown>) => world(`rotation-${++counter}`, client);

function freezeClock(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a rotation', () => {
  test('makes the new secret the primary one, and the old one goes on as the secondary', async () => {
    freezeClock();
    const { worker } = await fresh();
    const [before] = await secretsOf(worker);
    expect(before).toMatchObject({ rank: 'primary', hint: worker.client_secret.slice(-4), expires_at: null });
    vi.setSystemTime(START + SECOND);
    const { client, answer } = await rotated(worker);
    expect(answer).toEqual({
      id: expect.stringMatching(/^sec_/),
      client_id: worker.client_id,
      client_secret: expect.stringMatching(/^ems_/),
      rank: 'primary',
      hint: client.client_secret.slice(-4),
      created_at: new Date(START + SECOND).toISOString(),
      expires_at: null,
      leaked_at: null,
      last_used_at: null,
      safe_to_delete: false,
      reason: 'It is the primary secret.',
    });
    const [primary, secondary, ...others] = await secretsOf(worker);
    expect(others).toEqual([]);
    const { client_id: _, client_secret, ...shown } = answer;
    expect(primary).toEqual(shown);
    expect(secondary).toMatchObject({ id: before?.id, rank: 'secondary', hint: before?.hint, expires_at: null });
    expect(await tokenStatus(client)).toBe(200);
    expect(await tokenStatus(worker)).toBe(200);
    const [event] = await eventsAbout(worker.client_id, 'client.secret_rotated');
    expect(event).toMatchObject({ actor: 'root', changes: { secret: answer.id, hint: answer.hint } });
    expect(JSON.stringify(event)).not.toContain(client_secret);
  });

  test('is refused while the secondary is still accepted, and nothing changes', async () => {
    const { worker } = await fresh();
    const { client } = await rotated(worker);
    const before = await secretsOf(worker);
    const { detail } = await problemOf(await rotate(worker), 409);
    expect(detail).toContain(before[1]?.id);
    expect(await secretsOf(worker)).toEqual(before);
    expect(await tokenStatus(worker)).toBe(200);
    expect(await tokenStatus(client)).toBe(200);
  });

  test('puts an end to the secondary where it is told to', async () => {
    const { worker } = await fresh();
    const { client: second, answer: first } = await rotated(worker);
    const [, old] = await secretsOf(worker);
    const { client: third, answer } = await rotated(worker, { replace_secondary: true });
    expect((await secretsOf(worker)).map(({ id, rank }) => [id, rank])).toEqual([
      [answer.id, 'primary'],
      [first.id, 'secondary'],
    ]);
    expect(await Promise.all([worker, second, third].map(tokenStatus))).toEqual([401, 200, 200]);
    const [event] = await eventsAbout(worker.client_id, 'client.secret_rotated');
    expect(event?.changes).toMatchObject({ secret: answer.id, replaced: old?.id });
  });

  test.each([
    ['a negative grace', { grace_seconds: -1 }, '/grace_seconds'],
    ['a grace in fractions', { grace_seconds: 1.5 }, '/grace_seconds'],
    ['a grace that is too long', { grace_seconds: GRACE_MAX + 1 }, '/grace_seconds'],
    ['a grace as text', { grace_seconds: '60' }, '/grace_seconds'],
    ['a word for replace_secondary', { replace_secondary: 'yes' }, '/replace_secondary'],
    ['an unknown field', { grace: 60 }, '/grace'],
  ])('with %s is refused', async (_, body, pointer) => {
    const { worker } = await fresh();
    expect((await problemOf(await rotate(worker, body), 422)).errors?.map((error) => error.pointer)).toEqual([pointer]);
    expect(await secretsOf(worker)).toHaveLength(1);
  });

  test('of a client that is not there is 404, of another organization’s as well', async () => {
    const { worker } = await fresh();
    const { organization } = await fresh();
    const scopes = ['clients:read', 'clients:write'];
    const { api_key } = await create('api-keys', { organization_id: organization, name: 'key', scopes });
    const [secret] = await secretsOf(worker);
    for (const [client_id, key] of [['emc_nobody'], [worker.client_id, api_key]] as const) {
      const path = `clients/${client_id}/secrets`;
      const keyed = key === undefined ? {} : { key };
      await problemOf(await api('GET', path, keyed), 404);
      await problemOf(await api('POST', `${path}/rotate`, keyed), 404);
      await problemOf(await api('POST', `${path}/${secret?.id}/promote`, keyed), 404);
      await problemOf(await api('DELETE', `${path}/${secret?.id}`, keyed), 404);
    }
    expect(await secretsOf(worker)).toEqual([secret]);
  });
});

describe('a grace', () => {
  test('lets the old secret stop by itself at its end, in the gate too, and a rotation follow', async () => {
    freezeClock();
    const { worker, api: caller } = await fresh();
    await getToken(worker);
    const { client } = await rotated(worker, { grace_seconds: 3600 });
    const end = START + 3600 * SECOND;
    const [, secondary] = await secretsOf(worker);
    expect(secondary?.expires_at).toBe(new Date(end).toISOString());

    vi.setSystemTime(end - 1);
    expect(await tokenStatus(worker)).toBe(200);
    await problemOf(await rotate(worker), 409);
    vi.setSystemTime(end);
    resetCalls();
    expect(await tokenStatus(worker)).toBe(401);
    expect(calls.d1).toBe(0);
    expect((await introspect(worker, 'any')).status).toBe(401);
    expect(await tokenStatus(client)).toBe(200);
    expect((await introspect(caller, 'any')).status).toBe(200);

    const [, stopped] = await secretsOf(worker);
    expect(stopped).toMatchObject({ safe_to_delete: true, reason: 'It has expired.' });
    await problemOf(await promote(worker, stopped?.id ?? ''), 409);
    const { client: next } = await rotated(worker);
    expect(await Promise.all([worker, client, next].map(tokenStatus))).toEqual([401, 200, 200]);
  });

  test('of no time at all ends the old secret at once', async () => {
    const { worker } = await fresh();
    await getToken(worker);
    const { client } = await rotated(worker, { grace_seconds: 0 });
    expect(await tokenStatus(worker)).toBe(401);
    expect(await tokenStatus(client)).toBe(200);
  });

  test('ends with a promotion: the promoted secret goes on', async () => {
    freezeClock();
    const { worker } = await fresh();
    const { client, answer } = await rotated(worker, { grace_seconds: 60 });
    const [, old] = await secretsOf(worker);
    expect((await promote(worker, old?.id ?? '')).status).toBe(200);
    vi.setSystemTime(START + 61 * SECOND);
    expect(await tokenStatus(worker)).toBe(200);
    expect(await tokenStatus(client)).toBe(200);
    expect((await secretsOf(worker)).map(({ id, expires_at }) => [id, expires_at])).toEqual([
      [old?.id, null],
      [answer.id, null],
    ]);
  });
});

describe('beside a leaked primary secret a rotation', () => {
  test.each([
    ['without a grace', {}, 3600],
    ['with a longer grace', { grace_seconds: 7200 }, 3600],
    ['with a shorter grace', { grace_seconds: 60 }, 60],
  ])('%s does not put off the end of the secondary one', async (_, body, end) => {
    freezeClock();
    const { worker } = await fresh();
    const { client: leaked } = await rotated(worker, { grace_seconds: 3600 });
    expect((await api('POST', 'leaked-secrets', { body: { secret: leaked.client_secret }, key: null })).status).toBe(
      200,
    );
    const { client } = await rotated(worker, body);
    expect((await secretsOf(worker))[1]?.expires_at).toBe(new Date(START + end * SECOND).toISOString());
    expect(await Promise.all([worker, leaked, client].map(tokenStatus))).toEqual([200, 401, 200]);
    vi.setSystemTime(START + end * SECOND);
    expect(await Promise.all([worker, client].map(tokenStatus))).toEqual([401, 200]);
  });
});

describe('a promotion', () => {
  test('lets the two secrets change places, there and back', async () => {
    const { worker } = await fresh();
    const { answer } = await rotated(worker);
    const [, old] = await secretsOf(worker);
    const back = await promote(worker, old?.id ?? '');
    expect(await back.json()).toMatchObject({ id: old?.id, rank: 'primary', safe_to_delete: false });
    expect((await secretsOf(worker)).map(({ id }) => id)).toEqual([old?.id, answer.id]);
    expect((await promote(worker, answer.id)).status).toBe(200);
    expect((await secretsOf(worker)).map(({ id }) => id)).toEqual([answer.id, old?.id]);
    const events = await eventsAbout(worker.client_id, 'client.secret_promoted');
    expect(events.map(({ changes }) => changes.secret).sort()).toEqual([answer.id, old?.id].sort());
  });

  test('whose pushes failed is made up for by a repeat, before that is told that it is done already', async () => {
    const { worker } = await fresh();
    await rotated(worker, { grace_seconds: 3600 });
    await getToken(worker);
    const [, old] = await secretsOf(worker);
    await failingPushes(worker, async () => {
      await problemOf(await promote(worker, old?.id ?? ''), 503);
      await problemOf(await promote(worker, old?.id ?? ''), 503);
    });
    expect(await owedTo(worker)).toBe(1);
    await problemOf(await promote(worker, old?.id ?? ''), 409);
    expect(await owedTo(worker)).toBe(0);
    const { d1, gate } = await bothRecords(worker);
    expect(gate).toEqual(d1);
  });

  test('of the primary secret, or one that is not there, is refused', async () => {
    const { worker } = await fresh();
    const { worker: other } = await fresh();
    await rotated(other);
    const [primary] = await secretsOf(worker);
    await problemOf(await promote(worker, primary?.id ?? ''), 409);
    const [, theirs] = await secretsOf(other);
    await problemOf(await promote(worker, theirs?.id ?? ''), 404);
    await problemOf(await promote(worker, 'sec_nobody'), 404);
    expect(await secretsOf(worker)).toEqual([primary]);
  });
});

describe('a deletion', () => {
  test('takes the secondary secret, at once, and never the primary one', async () => {
    const { worker } = await fresh();
    const { client, answer } = await rotated(worker);
    await getToken(worker);
    const [, old] = await secretsOf(worker);
    await problemOf(await removeSecret(worker, answer.id), 409);
    await problemOf(await removeSecret(worker, 'sec_nobody'), 404);
    expect((await removeSecret(worker, old?.id ?? '')).status).toBe(204);
    expect(await tokenStatus(worker)).toBe(401);
    expect(await tokenStatus(client)).toBe(200);
    await problemOf(await removeSecret(worker, old?.id ?? ''), 404);
    expect((await secretsOf(worker)).map(({ id }) => id)).toEqual([answer.id]);
    const [event] = await eventsAbout(worker.client_id, 'client.secret_deleted');
    expect(event?.changes).toEqual({ secret: old?.id, hint: old?.hint });
  });
});

test('with the ETag of a rotation a secret is deleted as long as nobody has changed the client since', async () => {
  const { worker } = await fresh();
  const path = `clients/${worker.client_id}`;
  const rotation = await api('POST', `${path}/secrets/rotate`, { body: {} });
  const headers = { 'If-Match': rotation.headers.get('ETag') ?? '' };
  expect(headers['If-Match']).toBe((await api('GET', path)).headers.get('ETag'));
  const [, old] = await secretsOf(worker);
  await done('PATCH', path, { body: { metadata: { by: 'another' } } });
  await problemOf(await api('DELETE', `${path}/secrets/${old?.id}`, { headers }), 412);
  const current = { 'If-Match': (await api('GET', path)).headers.get('ETag') ?? '' };
  expect((await api('DELETE', `${path}/secrets/${old?.id}`, { headers: current })).status).toBe(204);
});

describe('safe to delete', () => {
  const HOUR = 3_600_000;
  const QUIET = (SECRET_QUIET_TIME + LAST_USED_PRECISION) * SECOND;
  const secondary: StoredSecret = {
    id: 'sec_1',
    clientId: 'c',
    rank: 'secondary',
    hash: '',
    hint: '',
    createdAt: START - 1000 * HOUR,
    rotatedAt: START,
    expiresAt: null,
    leakedAt: null,
    selfMade: false,
  };
  const iso = (at: number) => new Date(at).toISOString();

  test('is never the primary one, however old', () => {
    const primary = { ...secondary, rank: 'primary' as const, rotatedAt: null };
    expect(safetyOf(primary, undefined, START + 1000 * HOUR).safe_to_delete).toBe(false);
    expect(safetyOf({ ...primary, leakedAt: START }, undefined, START + 1000 * HOUR).safe_to_delete).toBe(false);
  });

  test('is a secondary one that nobody has used since the rotation, for a day and what may not be known', () => {
    expect(safetyOf(secondary, undefined, START + QUIET - 1)).toEqual({
      safe_to_delete: false,
      reason: `It became the secondary secret at ${iso(START)}. If it stays unused, it is safe to delete from ${iso(START + QUIET)}.`,
    });
    expect(safetyOf(secondary, START - HOUR, START + QUIET - 1).reason).toContain('It became the secondary secret');
    const reason = `It has not been used since ${iso(START)}.`;
    expect(safetyOf(secondary, START - HOUR, START + QUIET)).toEqual({ safe_to_delete: true, reason });
  });

  test('each use makes it wait anew', () => {
    const usedAt = START + 20 * HOUR;
    expect(safetyOf(secondary, usedAt, START + QUIET)).toEqual({
      safe_to_delete: false,
      reason: `It was last used at ${iso(usedAt)}. If it stays unused, it is safe to delete from ${iso(usedAt + QUIET)}.`,
    });
    expect(safetyOf(secondary, usedAt, usedAt + QUIET).safe_to_delete).toBe(true);
  });

  test('is one that is dead, at once', () => {
    expect(safetyOf({ ...secondary, expiresAt: START + 1 }, START, START).safe_to_delete).toBe(false);
    expect(safetyOf({ ...secondary, expiresAt: START }, START, START).safe_to_delete).toBe(true);
    expect(safetyOf({ ...secondary, leakedAt: START }, START, START).safe_to_delete).toBe(true);
  });

  test('a gate tells when each secret was last used, and so when one can go', async () => {
    freezeClock();
    const { worker } = await fresh();
    expect((await secretsOf(worker))[0]?.last_used_at).toBeNull();
    await getToken(worker);
    const { client } = await rotated(worker);
    vi.setSystemTime(START + HOUR);
    await getToken(worker);
    await getToken(client);
    const [primary, old] = await secretsOf(worker);
    expect(primary?.last_used_at).toBe(iso(START + HOUR));
    expect(old).toMatchObject({ last_used_at: iso(START + HOUR), safe_to_delete: false });
    expect(old?.reason).toContain(`safe to delete from ${iso(START + HOUR + QUIET)}`);
    vi.setSystemTime(START + HOUR + QUIET - 1);
    expect((await secretsOf(worker))[1]?.safe_to_delete).toBe(false);
    vi.setSystemTime(START + HOUR + QUIET);
    expect((await secretsOf(worker))[1]).toMatchObject({
      safe_to_delete: true,
      reason: `It has not been used since ${iso(START + HOUR)}.`,
    });
  });

  test('a client that never asked for a token has no gate to be woken', async () => {
    const { worker } = await fresh();
    resetCalls();
    await secretsOf(worker);
    expect(calls.gate).toBe(0);
  });
});

describe('at the same time', () => {
  test('20 workers without pause while a secret is rotated, each switches, the old one is deleted: no request fails', async () => {
    const { worker } = await fresh({ rate_limit: { per_minute: 1_000_000, burst: 100_000 } });
    const credentials = Array.from({ length: 20 }, () => worker);
    const statuses: number[] = [];
    let isOver = false;
    const work = async (index: number): Promise<void> => {
      while (!isOver) {
        const { status } = await requestToken(credentials[index] ?? worker, {}, { address: `192.0.2.${index}` });
        statuses.push(status);
        // Both sides share one thread. Without a pause the runtime never gets to its timers and sockets.
        await scheduler.wait(1);
      }
    };
    const workers = credentials.map((_, index) => work(index));
    const asked = async (more: number) => {
      for (const wanted = statuses.length + more; statuses.length < wanted; ) await scheduler.wait(5);
    };

    try {
      await asked(40);
      const { client } = await rotated(worker);
      await asked(40);
      for (const index of credentials.keys()) {
        credentials[index] = client;
        await asked(4);
      }
      await asked(40);
      const [, old] = await secretsOf(worker);
      expect((await removeSecret(worker, old?.id ?? '')).status).toBe(204);
      await asked(40);
    } finally {
      isOver = true;
      await Promise.all(workers);
    }
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await tokenStatus(worker)).toBe(401);
  });

  test.each([
    ['', {}],
    [' that replace the secondary', { replace_secondary: true }],
  ])(
    '50 rotations%s leave at most two live secrets, and the log tells of each that was acknowledged',
    async (_, body) => {
      const { worker } = await fresh();
      await getToken(worker);
      const answers = await Promise.all(Array.from({ length: 50 }, () => rotate(worker, body)));
      const made: { id: string; client_secret: string }[] = [];
      for (const answer of answers) {
        expect([201, 409]).toContain(answer.status);
        if (answer.status === 201) made.push(await answer.json());
      }
      expect(made.length).toBeGreaterThan(0);
      if (!('replace_secondary' in body)) expect(made).toHaveLength(1);
      const logged = await eventsAbout(worker.client_id, 'client.secret_rotated');
      expect(logged.map(({ changes }) => changes.secret).sort()).toEqual(made.map(({ id }) => id).sort());

      const secrets = await secretsOf(worker);
      expect(secrets.map(({ rank }) => rank)).toEqual(['primary', 'secondary']);
      const candidates: [string | undefined, Credentials][] = [
        [secrets.find(({ hint }) => hint === worker.client_secret.slice(-4))?.id, worker],
        ...made.map(({ id, client_secret }) => [id, { ...worker, client_secret }] as [string, Credentials]),
      ];
      const live = new Set(secrets.map(({ id }) => id));
      for (const [id, client] of candidates) {
        const isLive = id !== undefined && live.has(id);
        expect((await requestToken(client, {}, { address: `198.51.100.${counter}` })).status, id).toBe(
          isLive ? 200 : 401,
        );
      }
      expect(made.map(({ id }) => id)).toContain(secrets[0]?.id);
    },
  );
});
