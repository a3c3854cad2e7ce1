import { env } from 'cloudflare:workers';
import { decodeProtectedHeader } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { failing, withFault } from '../instruments.ts';
import { Isolate, LOST_D1 } from '../keys/isolate.ts';
import { clientsByAlg, DAY, isolatePerTest, kidsOf, listKeys, MINUTE, runScheduled } from '../keys/keys.ts';
import { losingReplies } from './owed.ts';

interface Change {
  readonly id: string;
  readonly status: 'pending' | 'delivered';
  readonly settles_at: string | null;
}

const { clients, caller } = await clientsByAlg();
/** The time after the copy to KV after which no isolate has the key any more, in milliseconds. */
const SETTLES = 3 * MINUTE;

const isolate = isolatePerTest();

const listed = () => listKeys(isolate);
const emergency = (headers: Record<string, string> = {}) =>
  isolate.api('POST', 'signing-keys/rotate', { emergency: true, alg: 'ES256' }, { headers });
const changeOf = ({ id }: Change) => isolate.done<Change>('GET', `changes/${id}`);

test('with KV gone an emergency stands at once and stays pending, until the scheduled handler has told KV', async () => {
  const token = await isolate.getToken(clients.ES256);
  const made = await failing('kv', async () => (await emergency()).json<Change>());
  expect(made).toMatchObject({ status: 'pending', settles_at: null });
  expect(await isolate.isActive(caller, token)).toBe(false);

  vi.setSystemTime(Date.now() + DAY);
  await failing('kv', () => runScheduled());
  expect(await changeOf(made)).toMatchObject({ status: 'pending', settles_at: null });
  const toldAt = Date.now();
  await runScheduled();
  expect(await changeOf(made)).toMatchObject({
    status: 'pending',
    settles_at: new Date(toldAt + SETTLES).toISOString(),
  });
  // KV received the copy once; a later run of the scheduled handler does not postpone `settles_at`.
  vi.setSystemTime(toldAt + MINUTE);
  await runScheduled();
  vi.setSystemTime(toldAt + SETTLES);
  expect(await changeOf(made)).toMatchObject({ status: 'delivered' });
});

test('a copy of before that is written to KV after the emergency does not bring the key back', async () => {
  const token = await isolate.getToken(clients.ES256);
  const { kid = '' } = decodeProtectedHeader(token);
  await vi.waitFor(async () => expect(JSON.stringify(await env.KV.get('key-ring'))).toContain(kid));
  const stale = (await env.KV.get('key-ring')) ?? '';
  await emergency();
  await vi.waitFor(async () => expect(await env.KV.get(`revoked-key:${kid}`)).not.toBeNull());
  await env.KV.put('key-ring', stale);

  const late = new Isolate({ DB: LOST_D1 });
  expect((await late.jwks()).kids).not.toContain(kid);
  expect(await late.isActive(caller, token)).toBe(false);
  expect(decodeProtectedHeader(await late.getToken(clients.ES256)).kid).toBe(kidsOf(await listed(), 'active').ES256);
  await runScheduled();
  expect(await env.KV.get('key-ring')).not.toContain(kid);
});

test('where the reply to its write is lost, a repeat with the same key takes out no other, and the scheduled handler tells KV', async () => {
  const before = await listed();
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  const lost = await losingReplies('error', () => emergency(headers));
  expect(lost.status).toBe(503);
  await runScheduled();
  const repeated = await emergency(headers);
  expect(repeated.status).toBe(202);
  expect(kidsOf(await listed(), 'active').ES256).toBe(kidsOf(before, 'next').ES256);
  vi.setSystemTime(Date.now() + SETTLES);
  expect(await changeOf(await repeated.json<Change>())).toMatchObject({ status: 'delivered' });
  expect((await emergency(headers)).status).toBe(200);
});

describe('an emergency that another rotation gets ahead of', () => {
  const sooner: [string, () => Promise<unknown>][] = [
    ['by the schedule', () => runScheduled(3600)],
    ['of an administrator', () => new Isolate().done('POST', 'signing-keys/rotate', { alg: 'ES256' })],
  ];
  test.each(sooner)(
    '%s takes out the key that signed before it, and not the one that signs since',
    async (_, rotate) => {
      const before = await listed();
      const token = await isolate.getToken(clients.ES256);
      let isAhead = false;
      const answer = await withFault(
        'd1',
        async (call, sql) => {
          if (!isAhead && sql.includes('insert into "revoked_signing_keys"')) {
            isAhead = true;
            await rotate();
          }
          return call();
        },
        emergency,
      );
      expect(isAhead).toBe(true);
      expect(answer.status).toBe(202);
      expect(await isolate.isActive(caller, token)).toBe(false);
      const after = await listed();
      expect(after.map(({ kid }) => kid)).not.toContain(kidsOf(before, 'active').ES256);
      expect(kidsOf(after, 'active').ES256).toBe(kidsOf(before, 'next').ES256);
      expect((await isolate.requestToken(clients.ES256)).status).toBe(200);
    },
  );
});
