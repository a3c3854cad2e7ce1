import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { afterEach, expect, test, vi } from 'vitest';
import { type Credentials, done, getToken, introspect, revoke, world } from '../http.ts';

afterEach(() => {
  vi.useRealTimers();
});

const gateOf = ({ client_id }: Credentials) => env.CLIENT_GATE.getByName(client_id);

function held(client: Credentials): Promise<unknown> {
  return runInDurableObject(gateOf(client), (_, { storage }) =>
    storage.sql.exec('SELECT COUNT(*) AS count FROM revocations').one(),
  );
}

test('a revocation is kept while its token could be used, and forgotten soon after', async () => {
  const start = new Date('2027-04-01T00:00:00Z');
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  const { worker, api } = await world('forgetful', { access_token_ttl: 600 });
  const { access_token } = await getToken(worker);
  expect((await revoke(worker, access_token)).status).toBe(200);
  await runDurableObjectAlarm(gateOf(worker));
  expect(await held(worker)).toEqual({ count: 1 });

  vi.setSystemTime(start.getTime() + 599_000);
  await runDurableObjectAlarm(gateOf(worker));
  expect(await (await introspect(api, access_token)).json()).toEqual({ active: false });
  expect(await held(worker)).toEqual({ count: 1 });

  vi.setSystemTime(start.getTime() + 600_000 + 60_000 + 600_000);
  await runInDurableObject(gateOf(worker), (gate) => gate.alarm());
  expect(await held(worker)).toEqual({ count: 0 });
  expect(await (await introspect(api, access_token)).json()).toEqual({ active: false });
});

test('a token that was said to end too early stays revoked once the right time is told', async () => {
  const start = new Date('2027-04-02T00:00:00Z');
  vi.useFakeTimers({ toFake: ['Date'], now: start });
  const { worker, api } = await world('misjudged', { access_token_ttl: 3600 });
  const { access_token } = await getToken(worker);
  const { jti, exp } = decodeJwt(access_token);
  const revokeUntil = (seconds: number) =>
    done('POST', 'tokens/revoke', {
      body: { jti, client_id: worker.client_id, expires_at: new Date(seconds * 1000).toISOString() },
    });
  await revokeUntil(start.getTime() / 1000 + 60);
  await revokeUntil(exp ?? 0);
  vi.setSystemTime(start.getTime() + 3_000_000);
  await runInDurableObject(gateOf(worker), (gate) => gate.alarm());
  expect(await (await introspect(api, access_token)).json()).toEqual({ active: false });
  // KV also keeps the copy until then, by its own clock.
  vi.useRealTimers();
  const [copy] = (await env.KV.list({ prefix: `revoked:${worker.client_id}:${jti}` })).keys;
  expect((copy?.expiration ?? 0) - Date.now() / 1000).toBeGreaterThan(400);
});
