import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type Fault, withFault } from '../instruments.ts';
import { Isolate } from '../keys/isolate.ts';
import { DAY, isolatePerTest, kidsOf, listKeys, MINUTE, runScheduled, type SigningKey } from '../keys/keys.ts';
import { consoleOf } from '../log/lines.ts';
import { failingAt, losingReplies } from './owed.ts';

/** The minimum of `SIGNING_KEY_MAX_AGE`, in seconds. */
const MAX_AGE = 3600;
const ACTIVE_ALGS = ['ES256', 'EdDSA', 'RS256'];

const isolate = isolatePerTest();
let startedAt: number;

// Every key is due for rotation one day after the isolate created or read it.
beforeEach(async () => {
  startedAt = Date.now();
  await isolate.jwks();
  vi.setSystemTime(startedAt + DAY);
});

const listed = () => listKeys(isolate);

/** Returns the signing key rotations that the audit log recorded during the test. */
async function rotations(): Promise<readonly { readonly actor: string; readonly active: readonly string[] }[]> {
  const { results } = await env.DB.prepare(
    "SELECT actor, changes FROM audit_events WHERE action = 'signing_keys.rotated' AND at >= ? ORDER BY at",
  )
    .bind(startedAt)
    .all<{ actor: string; changes: string }>();
  return results.map(({ actor, changes }) => ({ actor, active: JSON.parse(changes).active as string[] }));
}

/** Returns the log lines of failed runs while a function runs. */
async function failuresOf(during: () => Promise<unknown>): Promise<string[]> {
  const lines = await consoleOf(during);
  return lines.map(({ text }) => text).filter((text) => (JSON.parse(text) as { ok?: boolean }).ok === false);
}

/** Expects that each algorithm was rotated exactly once since `before`. */
async function expectRotatedOnce(before: readonly SigningKey[]): Promise<void> {
  const after = await listed();
  expect(kidsOf(after, 'active')).toEqual(kidsOf(before, 'next'));
  const places = after.filter(({ status }) => status !== 'retiring').map(({ alg, status }) => `${alg} ${status}`);
  expect(places.sort()).toEqual(ACTIVE_ALGS.flatMap((alg) => [`${alg} active`, `${alg} next`]).sort());
}

test('D1 failing before the schedule’s write leaves everything as it was, and the next run rotates', async () => {
  const before = await listed();
  const run = () => failingAt('d1', 'insert into "audit_events"', () => runScheduled(MAX_AGE));
  expect(await failuresOf(run)).toEqual([expect.stringContaining('"rotate_signing_keys"')]);
  expect(await listed()).toEqual(before);
  expect(await rotations()).toEqual([]);
  await runScheduled(MAX_AGE);
  await expectRotatedOnce(before);
  expect(await rotations()).toHaveLength(1);
});

test.each(['error', 'silence'] as const)(
  'where the reply to the schedule’s write is lost (%s), the next run rotates no more',
  async (how) => {
    const before = await listed();
    await losingReplies(how, () => runScheduled(MAX_AGE));
    await runScheduled(MAX_AGE);
    await expectRotatedOnce(before);
    expect(await rotations()).toHaveLength(1);
  },
);

test('a run that D1 does not hand the keys out to ends, and the next rotates', async () => {
  const before = await listed();
  const hang: Fault = (call, sql) => (sql.includes('from "signing_keys"') ? new Promise(() => {}) : call());
  await withFault('d1', hang, () => runScheduled(MAX_AGE));
  expect(await listed()).toEqual(before);
  await runScheduled(MAX_AGE);
  await expectRotatedOnce(before);
});

describe('of two who rotate at the same time', () => {
  test('both of them the schedule, one does, and neither fails', async () => {
    const before = await listed();
    const runs = () => Promise.all([runScheduled(MAX_AGE), runScheduled(MAX_AGE), runScheduled(MAX_AGE)]);
    expect(await failuresOf(runs)).toEqual([]);
    await expectRotatedOnce(before);
    expect(await rotations()).toHaveLength(1);
  });

  test.each([
    ['the schedule comes in between', async () => runScheduled(MAX_AGE), 409],
    ['the schedule comes too late', async () => undefined, 200],
  ])('one an administrator, where %s, the other finds it done', async (_, inBetween, status) => {
    const before = await listed();
    let isFirst = true;
    const answer = await withFault(
      'd1',
      async (call, sql) => {
        if (isFirst && sql.includes('update "signing_keys"')) {
          isFirst = false;
          await inBetween();
        }
        return call();
      },
      () => isolate.api('POST', 'signing-keys/rotate', {}),
    );
    expect(answer.status).toBe(status);
    await runScheduled(MAX_AGE);
    await expectRotatedOnce(before);
    expect(await rotations()).toHaveLength(1);
  });

  test('the schedule finding an administrator’s rotation before its own write leaves it at that', async () => {
    const before = await listed();
    let isFirst = true;
    const run = withFault(
      'd1',
      async (call, sql) => {
        if (isFirst && sql.includes('update "signing_keys"')) {
          isFirst = false;
          await new Isolate().done('POST', 'signing-keys/rotate', { alg: 'RS256' });
        }
        return call();
      },
      () => failuresOf(() => runScheduled(MAX_AGE)),
    );
    expect(await run).toEqual([]);
    expect(isFirst).toBe(false);
    expect(await rotations()).toMatchObject([{ actor: 'root', active: [kidsOf(before, 'next').RS256] }]);
    vi.setSystemTime(Date.now() + MINUTE);
    await runScheduled(MAX_AGE);
    await expectRotatedOnce(before);
    expect(await rotations()).toMatchObject([{ actor: 'root' }, { actor: 'service:schedule', active: { length: 2 } }]);
  });
});
