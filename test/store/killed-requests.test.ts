import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { STORE_DEADLINE_MS } from '../../src/constants.ts';
import { AttemptFilter, TooManyAttemptsError } from '../../src/gates/attempt-filter.ts';
import {
  ATTEMPTS_PER_ADDRESS,
  LOOK_UP_DEADLINE_MS,
  LOOK_UP_INTERVAL_MS,
  LOOK_UPS_PER_QUERY,
} from '../../src/gates/constants.ts';
import type { Gates } from '../../src/gates/gates.ts';
import { ImportedClientIds } from '../../src/gates/imported-client-ids.ts';
import { InspectionQueue } from '../../src/gates/inspection-queue.ts';
import { ClientAuthenticationCache } from '../../src/oauth/client-authentication/authentication-cache.ts';
import { WorkloadDirectory } from '../../src/oauth/client-authentication/workload-directory.ts';
import {
  WORKLOAD_KEYS_LENGTH_MAX,
  WORKLOAD_QUERIES_AT_ONCE,
  WORKLOAD_QUERY_INTERVAL_MS,
} from '../../src/oauth/constants.ts';

// A request can be killed at any await, and whatever it left in its isolate stays there. test/e2e/shared-work.test.ts really kills some.

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Starts something in a request that is killed when it first waits. */
async function kill(start: () => Promise<unknown>): Promise<void> {
  const wait = vi.spyOn(scheduler, 'wait').mockReturnValue(new Promise(() => {}));
  start().catch(() => undefined);
  await settled();
  wait.mockRestore();
}

/** Waits until nothing goes on without a timer or a store. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function pass(milliseconds: number): void {
  vi.advanceTimersByTime(milliseconds);
}

/** A store whose first calls are lost. */
function losing<Args extends unknown[], Answer>(lost: number, answer: (...args: Args) => Answer) {
  let calls = 0;
  return (...args: Args): Promise<Answer> =>
    ++calls <= lost ? new Promise(() => {}) : Promise.resolve(answer(...args));
}

const none = () => ({ found: [], hasImported: true });

test('an id is looked up although all requests that filled the next query were killed', async () => {
  const ids = new ImportedClientIds(losing(0, none), undefined);
  await ids.lookUp('first');
  for (let index = 0; index < LOOK_UPS_PER_QUERY; index++) await kill(() => ids.lookUp(`killed-${index}`));
  expect(ids.isExhausted()).toBe(true);
  pass(LOOK_UP_INTERVAL_MS);
  expect(ids.isExhausted()).toBe(false);
  const later = ids.lookUp('later');
  await settled();
  pass(LOOK_UP_INTERVAL_MS);
  expect(await later).toBe(false);
});

test('an id is looked up although the query before was lost, with all that waited for the next one', async () => {
  const ids = new ImportedClientIds(losing(1, none), undefined);
  await kill(() => ids.lookUp('lost'));
  for (let index = 0; index < LOOK_UPS_PER_QUERY; index++) await kill(() => ids.lookUp(`killed-${index}`));
  pass(LOOK_UP_DEADLINE_MS + LOOK_UP_INTERVAL_MS);
  const later = ids.lookUp('later');
  await settled();
  pass(LOOK_UP_INTERVAL_MS);
  expect(await later).toBe(false);
});

test('an id whose query was lost is looked up again by another request that waits for it', async () => {
  let queries = 0;
  const lost = new Promise<never>(() => {});
  const ids = new ImportedClientIds(() => (++queries === 2 ? lost : Promise.resolve(none())), undefined);
  await ids.lookUp('first');
  const waiting = [ids.lookUp('one'), ids.lookUp('other')];
  pass(LOOK_UP_INTERVAL_MS);
  await vi.waitUntil(() => queries === 2);
  pass(LOOK_UP_DEADLINE_MS + LOOK_UP_INTERVAL_MS);
  expect(await Promise.race(waiting)).toBe(false);
  void Promise.allSettled(waiting);
});

test('a token is inspected at once although the call before was lost', async () => {
  const queue = new InspectionQueue(losing(1, () => [{ isActive: true, isGranted: true }]));
  const token = { jti: 'jti', issuedAt: 0, audience: 'https://api.example' };
  await kill(() => queue.ask('client', token));
  await kill(() => queue.ask('client', token));
  pass(STORE_DEADLINE_MS);
  expect(await queue.ask('client', token)).toMatchObject({ isActive: true });
});

test('a client’s keys are asked for at once although the call before was lost', async () => {
  const authentication = { methods: ['private_key_jwt'] };
  const credentials = losing(1, () => ({ outcome: 'credentials', authentication, organization_id: 'org' }));
  const cache = new ClientAuthenticationCache({ credentials } as unknown as Gates);
  await kill(() => cache.refresh('client'));
  pass(STORE_DEADLINE_MS);
  expect(await cache.refresh('client')).toEqual(authentication);
});

test('a workload is looked up although all requests that filled the next query were killed', async () => {
  const directory = new WorkloadDirectory(losing(0, () => []));
  const claims = (name: string) => ({ iss: `https://${name.padEnd(400, 'x')}`, sub: 'x'.repeat(400) });
  for (let index = 0; index < WORKLOAD_QUERIES_AT_ONCE; index++) await directory.refresh(claims(`first-${index}`));
  for (let length = 0; length < WORKLOAD_KEYS_LENGTH_MAX; length += 1200) {
    await kill(() => directory.refresh(claims(`killed-${length}`)));
  }
  await expect(directory.refresh(claims('later'))).rejects.toThrow(TooManyAttemptsError);
  pass(2 * WORKLOAD_QUERY_INTERVAL_MS);
  expect(await directory.refresh(claims('later'))).toEqual([]);
});

const attempt = { subject: 'client', address: '192.0.2.7' };
const newFilter = () => new AttemptFilter({ limit: async () => ({ success: true }) }, () => {});

test('a secret is checked although all checks before were lost', async () => {
  const filter = newFilter();
  const guard = (hash: string, check: () => Promise<{ outcome: string }>) =>
    filter.guard({ ...attempt, hashes: [hash] }, check);
  for (let index = 0; index < ATTEMPTS_PER_ADDRESS; index++)
    await kill(() =>
      guard(
        `${index}`,
        losing(1, () => ({ outcome: 'lost' })),
      ),
    );
  pass(STORE_DEADLINE_MS);
  expect(await guard('right', async () => ({ outcome: 'admitted' }))).toEqual({ outcome: 'admitted' });
});

test('a subject is looked up although all look-ups before were lost', async () => {
  const filter = newFilter();
  const lookUp = (look: () => Promise<boolean>) => filter.lookUp(attempt, look, (found) => found);
  for (let index = 0; index < ATTEMPTS_PER_ADDRESS; index++) await kill(() => lookUp(losing(1, () => true)));
  pass(STORE_DEADLINE_MS);
  expect(await lookUp(async () => true)).toBe(true);
});
