import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import { ConfigurationError, readConfig } from '../../src/platform/config.ts';
import { eventsAbout } from '../management/secrets.ts';
import { Isolate } from './isolate.ts';
import { DAY, isolatePerTest, kidsOf, listKeys, MINUTE, runScheduled, SECOND, type SigningKey, START } from './keys.ts';

/** The `SIGNING_KEY_MAX_AGE` of these tests, in seconds. */
const MAX_AGE = 7200;
const isolate = isolatePerTest();

const listed = () => listKeys(isolate);

const areThoseOf =
  (wanted: Record<string, string>) =>
  (kids: readonly string[] = []) =>
    JSON.stringify([...kids].sort()) === JSON.stringify(Object.values(wanted).sort());

test('a key signs for as long as is configured, and then the next one does, as the audit log tells', async () => {
  const before = await listed();
  vi.setSystemTime(START + MAX_AGE * SECOND - 1);
  await runScheduled(MAX_AGE);
  expect(await listed()).toEqual(before);

  vi.setSystemTime(START + MAX_AGE * SECOND);
  await runScheduled(MAX_AGE);
  const after = await listed();
  expect(kidsOf(after, 'active')).toEqual(kidsOf(before, 'next'));
  expect(kidsOf(after, 'retiring')).toEqual(kidsOf(before, 'active'));
  const [event, ...others] = await eventsAbout(kidsOf(after, 'active').ES256 ?? '', 'signing_keys.rotated');
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    actor: 'service:schedule',
    organization_id: null,
    at: new Date().toISOString(),
    changes: {
      active: expect.toSatisfy(areThoseOf(kidsOf(before, 'next'))),
      retiring: expect.toSatisfy(areThoseOf(kidsOf(before, 'active'))),
    },
  });
});

test('it counts from when the key began to sign, for each algorithm by itself', async () => {
  await runScheduled(MAX_AGE);
  const begun = Date.now();
  vi.setSystemTime(begun + 30 * MINUTE);
  const { data: before } = await isolate.done<{ data: SigningKey[] }>('POST', 'signing-keys/rotate', { alg: 'EdDSA' });
  vi.setSystemTime(begun + MAX_AGE * SECOND);
  await runScheduled(MAX_AGE);
  const { EdDSA } = kidsOf(before, 'active');
  expect(kidsOf(await listed(), 'active')).toEqual({ ...kidsOf(before, 'next'), EdDSA });
  vi.setSystemTime(begun + 30 * MINUTE + MAX_AGE * SECOND - 1);
  await runScheduled(MAX_AGE);
  expect(kidsOf(await listed(), 'active').EdDSA).toBe(EdDSA);
  vi.setSystemTime(begun + 30 * MINUTE + MAX_AGE * SECOND);
  await runScheduled(MAX_AGE);
  expect(kidsOf(await listed(), 'active')).toEqual(kidsOf(before, 'next'));
});

test('a run that comes days late rotates once, and the keys sign for their time from then on', async () => {
  const before = await listed();
  vi.setSystemTime(Date.now() + 5 * DAY);
  await runScheduled(MAX_AGE);
  const after = await listed();
  expect(kidsOf(after, 'active')).toEqual(kidsOf(before, 'next'));
  await runScheduled(MAX_AGE);
  vi.setSystemTime(Date.now() + MAX_AGE * SECOND - 1);
  await runScheduled(MAX_AGE);
  expect(kidsOf(await listed(), 'active')).toEqual(kidsOf(after, 'active'));
});

test('a key that is due keeps signing as long as the next one is too young', async () => {
  await runScheduled(MAX_AGE);
  vi.setSystemTime(Date.now() + MAX_AGE * SECOND - MINUTE);
  const { ES256: kid } = kidsOf(await listed(), 'next');
  await isolate.api('POST', 'signing-keys/rotate', { emergency: true, kid });
  const made = (await listed()).find(({ alg, status }) => alg === 'ES256' && status === 'next');
  const before = await listed();
  vi.setSystemTime(Date.now() + MINUTE);
  await runScheduled(MAX_AGE);
  const { ES256 } = kidsOf(before, 'active');
  expect(kidsOf(await listed(), 'active')).toEqual({ ...kidsOf(before, 'next'), ES256 });
  vi.setSystemTime(Date.parse(made?.signs_from ?? '') - 1);
  await runScheduled(MAX_AGE);
  expect(kidsOf(await listed(), 'active').ES256).toBe(ES256);
  vi.setSystemTime(Date.parse(made?.signs_from ?? ''));
  await runScheduled(MAX_AGE);
  expect(kidsOf(await listed(), 'active').ES256).toBe(made?.kid);
});

test.each(['', '30d', '1e6', '-1', '3600.5', ' 7200', '0', '3599', '31622401', '9999999999'])(
  'a SIGNING_KEY_MAX_AGE of %j is a configuration error',
  async (value) => {
    expect(() => readConfig({ ...env, SIGNING_KEY_MAX_AGE: value })).toThrow(ConfigurationError);
    expect(() => readConfig({ ...env, SIGNING_KEY_MAX_AGE: value })).toThrow('SIGNING_KEY_MAX_AGE is malformed');
    const answer = await new Isolate({ SIGNING_KEY_MAX_AGE: value }).send('/.well-known/jwks.json');
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({
      error: 'server_error',
      error_description: 'The service is not configured.',
    });
  },
);

test('a SIGNING_KEY_MAX_AGE from an hour to a year is taken, and 30 days where there is none', () => {
  const { SIGNING_KEY_MAX_AGE: _, ...others } = env;
  expect(readConfig(others).signingKeyMaxAge).toBe(30 * 86_400);
  for (const age of [3600, 31_622_400]) {
    expect(readConfig({ ...env, SIGNING_KEY_MAX_AGE: String(age) }).signingKeyMaxAge).toBe(age);
  }
});
