import { describe, expect, test } from 'vitest';
import type { DeliveryState } from '../../src/store/webhook-deliveries.ts';
import { FairQueue } from '../../src/webhooks/fair-queue.ts';
import { payloadOf } from '../../src/webhooks/payload.ts';
import { afterAttempt, disabledReason, healthAfter, type Outcome } from '../../src/webhooks/retry.ts';
import { Slots } from '../../src/webhooks/slots.ts';

const HOUR = 3_600_000;
const DAYS_3 = 72 * HOUR;
const OK: Outcome = { status: 204, fault: null };
const REFUSED: Outcome = { status: 500, fault: 'status' };
const SILENT: Outcome = { status: null, fault: 'deadline' };

describe('a delivery', () => {
  /** Lets every attempt fail from time 0 on, and returns when they were. */
  function failures(outcome: Outcome, random: number): { times: number[]; last: DeliveryState } {
    const times: number[] = [];
    for (let now = 0, attempts = 0; ; attempts++) {
      times.push(now);
      const last = afterAttempt({ eventId: 'e', attempts, queuedAt: 0 }, outcome, now, random);
      if (last.dueAt === null) return { times, last };
      now = last.dueAt;
    }
  }

  test.each([0, 0.5, 1])(
    'that always fails is tried for exactly three days, with waits that grow (random part %d)',
    (random) => {
      const { times, last } = failures(REFUSED, random);
      expect(times.at(-1)).toBe(DAYS_3);
      expect(times.length).toBeGreaterThan(10);
      expect(times.length).toBeLessThan(20);
      expect(times[1]).toBeLessThanOrEqual(12_000);
      const waits = times.slice(1, -1).map((time, index) => time - (times[index] ?? 0));
      expect(waits).toEqual([...waits].sort((one, other) => one - other));
      expect(last).toMatchObject({ status: 'failed', dueAt: null, lastStatus: 500, lastFault: 'status' });
    },
  );

  test('that succeeds is delivered, and never due again', () => {
    expect(afterAttempt({ eventId: 'e', attempts: 4, queuedAt: 0 }, OK, 5, 0.3)).toEqual({
      eventId: 'e',
      status: 'delivered',
      attempts: 5,
      dueAt: null,
      lastAttemptAt: 5,
      lastStatus: 204,
      lastFault: null,
    });
  });

  test('waits as long as the receiver asks, up to an hour', () => {
    const due = (retryAfter: number) =>
      afterAttempt({ eventId: 'e', attempts: 0, queuedAt: 0 }, { ...REFUSED, retryAfter }, 0, 0).dueAt;
    expect([due(5), due(120), due(999_999_999)]).toEqual([10_000, 120_000, HOUR]);
  });

  test.each([
    ['gone', { status: 410, fault: 'status' }],
    ['without its event', { status: null, fault: 'event_purged' }],
  ] satisfies [string, Outcome][])('%s is given up at once', (_, outcome) => {
    expect(afterAttempt({ eventId: 'e', attempts: 0, queuedAt: 0 }, outcome, 1, 0).status).toBe('failed');
  });
});

describe('a webhook', () => {
  const fresh = { failures: 0, failingSince: null };

  test('is left alone for longer and longer while it fails, and at most for ten minutes', () => {
    const waits: number[] = [];
    let webhook: { failures: number; failingSince: number | null } = fresh;
    for (let attempt = 0; attempt < 12; attempt++) {
      const health = healthAfter(webhook, [SILENT], 1000);
      waits.push(health.heldUntil === 0 ? 0 : (health.heldUntil - 1000) / 1000);
      webhook = health;
    }
    expect(waits).toEqual([0, 0, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
    expect(webhook.failingSince).toBe(1000);
  });

  test('is well again after one success, and what is pending is then due if it was left alone', () => {
    const well = { failures: 0, failingSince: null, heldUntil: 0 };
    expect(healthAfter({ failures: 2, failingSince: 5 }, [REFUSED, OK], 9)).toEqual({ ...well, isBack: false });
    expect(healthAfter({ failures: 3, failingSince: 5 }, [OK], 9)).toEqual({ ...well, isBack: true });
  });

  test('is not blamed for an event that is not kept any more', () => {
    expect(healthAfter(fresh, [{ status: null, fault: 'event_purged' }], 9)).toMatchObject({
      failures: 0,
      heldUntil: 0,
    });
  });

  test('is disabled if an event was given up and nothing has arrived for two days', () => {
    const state = (status: 'failed' | 'pending', lastStatus: number | null = 500): DeliveryState => ({
      ...{ eventId: 'e', status, attempts: 9, dueAt: null, lastAttemptAt: 0, lastStatus, lastFault: 'status' },
    });
    const health = (failingSince: number | null) => ({ failures: 9, failingSince, heldUntil: 0, isBack: false });
    const now = 100 * HOUR;
    expect(disabledReason(health(now - 49 * HOUR), [state('failed')], now)).toBe('failing');
    expect(disabledReason(health(now - 47 * HOUR), [state('failed')], now)).toBeUndefined();
    expect(disabledReason(health(now - 49 * HOUR), [state('pending')], now)).toBeUndefined();
    expect(disabledReason(health(null), [state('failed')], now)).toBeUndefined();
    expect(disabledReason(health(now), [state('failed', 410)], now)).toBe('gone');
  });
});

test('owners take turns in a queue, however many items each has', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3']) queue.add('a', item);
  queue.add('b', 'b1');
  const taken = [queue.take(), queue.take()];
  queue.add('c', 'c1');
  queue.add('b', 'b2');
  expect([...taken, ...Array.from({ length: 5 }, () => queue.take())]).toEqual([
    'a1',
    'b1',
    'a2',
    'c1',
    'b2',
    'a3',
    undefined,
  ]);
});

test('no more work runs at once than there are slots, and work that fails gives its slot back', async () => {
  const slots = new Slots(2);
  let [running, most] = [0, 0];
  const work = (index: number) =>
    slots.use(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if (index % 2 === 0) throw new Error('failed');
    });
  await Promise.allSettled(Array.from({ length: 9 }, (_, index) => work(index)));
  expect([most, running]).toEqual([2, 0]);
});

test('a payload keeps its changes up to the limit of its size', () => {
  const event = (length: number) => ({
    id: 'e',
    type: 't',
    at: 0,
    data: { id: 'e', changes: { text: 'ä'.repeat(length) } },
  });
  expect(payloadOf(event(32_000)).data).toMatchObject({ changes: { text: expect.any(String) } });
  expect(payloadOf(event(33_000)).data).toEqual({ id: 'e', changes: null, changes_omitted: true });
});
