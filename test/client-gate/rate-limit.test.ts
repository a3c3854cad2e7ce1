import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, expect, test, vi } from 'vitest';
import { requestToken, world } from '../http.ts';

const START = new Date('2027-01-01T00:00:00Z');

/** Stops the clock of the gate and the edge; timers go on. */
function holdClock(at: Date): void {
  vi.useFakeTimers({ toFake: ['Date'], now: at });
}

afterEach(() => {
  vi.useRealTimers();
});

const LIMIT = { rate_limit: { per_minute: 60, burst: 100 } };

async function count(requests: Promise<Response>[]): Promise<Record<number, number>> {
  const counted: Record<number, number> = {};
  for (const response of await Promise.all(requests)) {
    counted[response.status] = (counted[response.status] ?? 0) + 1;
    await response.body?.cancel();
  }
  return counted;
}

test('1,000 concurrent requests on a burst of 100: 100 tokens, 900 refusals, and another client is served meanwhile', async () => {
  const { worker } = await world('burst', LIMIT);
  const { worker: other } = await world('bystander', LIMIT);
  holdClock(START);
  const crowd = Array.from({ length: 1000 }, () => requestToken(worker));
  const bystander = await requestToken(other);
  expect(bystander.status).toBe(200);
  expect(await count(crowd)).toEqual({ 200: 100, 429: 900 });

  holdClock(new Date(START.getTime() + 30_000));
  expect(await count(Array.from({ length: 200 }, () => requestToken(worker)))).toEqual({ 200: 30, 429: 170 });
});

test('with the gate evicted half-way: never more than the burst, and at least nine tenths of it', async () => {
  const { worker } = await world('evicted', LIMIT);
  holdClock(START);
  const before = await count(Array.from({ length: 55 }, () => requestToken(worker)));
  expect(before).toEqual({ 200: 55 });
  await evictDurableObject(env.CLIENT_GATE.getByName(worker.client_id));
  const { 200: after = 0 } = await count(Array.from({ length: 500 }, () => requestToken(worker)));
  expect(55 + after).toBeLessThanOrEqual(100);
  expect(55 + after).toBeGreaterThanOrEqual(90);

  holdClock(new Date(START.getTime() + 30_000));
  expect(await count(Array.from({ length: 200 }, () => requestToken(worker)))).toEqual({ 200: 30, 429: 170 });
});

test('an eviction loses nothing else: the gate answers from its own storage', async () => {
  const { worker } = await world('remembering', LIMIT);
  expect((await requestToken(worker)).status).toBe(200);
  await env.DB.prepare('UPDATE clients SET access_token_ttl = 61 WHERE client_id = ?').bind(worker.client_id).run();
  await evictDurableObject(env.CLIENT_GATE.getByName(worker.client_id));
  const { expires_in } = await (await requestToken(worker)).json<{ expires_in: number }>();
  expect(expires_in).toBe(3600);
});
