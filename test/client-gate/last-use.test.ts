import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { generateSecret } from '../../src/credentials/secret.ts';
import { type Credentials, world } from '../http.ts';
import { gateStorage, resetCalls } from '../instruments.ts';
import { admit, gateOf, gates, hashOf, heldRecord, identified, push } from './gate.ts';

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
  await gates.isActive(worker.client_id, { jti: 'loads the record', issuedAt: 0 });
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
