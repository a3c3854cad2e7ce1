import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { OUTBOX_AGAIN, OUTBOX_RETRY_MAX } from '../../src/client-gate/constants.ts';
import { Outbox } from '../../src/client-gate/outbox.ts';
import type { Owed } from '../../src/gates/protocol.ts';

const NOW = new Date('2027-06-01T00:00:00Z').getTime();
const LATER = NOW / 1000 + 3600;
const OWED: Owed = { store: 'kv', key: 'k', value: 'one', expires_at: LATER };

let boxes = 0;

/** Runs a function with an outbox in the storage of a real gate. */
function withOutbox<T>(act: (outbox: Outbox, sql: SqlStorage) => T, name = `outbox-${++boxes}`): Promise<T> {
  const gate = env.CLIENT_GATE.getByName(name);
  return runInDurableObject(gate, (_, { storage }) => act(new Outbox(storage.sql), storage.sql));
}

const values = (outbox: Outbox, now = NOW) => outbox.due(now, 100).map(({ value }) => value);

test('what is owed is due at once, in the place of what was owed under its key, and beside what is owed to the other store', async () => {
  await withOutbox((outbox) => {
    outbox.owe(OWED, NOW);
    outbox.owe({ ...OWED, value: 'two' }, NOW);
    outbox.owe({ ...OWED, store: 'd1', value: 'an event', expires_at: null }, NOW + 1);
    expect(values(outbox, NOW - 1)).toEqual([]);
    expect(values(outbox)).toEqual(['two']);
    expect(values(outbox, NOW + 1)).toEqual(['two', 'an event']);
    expect(outbox.nextDeadline()).toBe(NOW);
  });
});

test('no more than the limit is handed out, what waited longest first', async () => {
  await withOutbox((outbox) => {
    for (const age of [1, 3, 2]) outbox.owe({ ...OWED, key: `k${age}`, value: `${age}` }, NOW - age);
    expect(outbox.due(NOW, 2).map(({ value }) => value)).toEqual(['3', '2']);
  });
});

test('a value that was overtaken is not taken for delivered, nor one that lasts longer by now', async () => {
  await withOutbox((outbox) => {
    outbox.owe(OWED, NOW);
    const [sent = { ...OWED, due_at: NOW, attempts: 0 }] = outbox.due(NOW, 1);
    outbox.owe({ ...OWED, value: 'two' }, NOW);
    outbox.delivered(sent, NOW);
    expect(values(outbox)).toEqual(['two']);
    const [second = { ...OWED, due_at: NOW, attempts: 0 }] = outbox.due(NOW, 1);
    outbox.owe({ ...OWED, value: second.value, expires_at: LATER + 1 }, NOW);
    outbox.delivered(second, NOW);
    expect(values(outbox)).toEqual(['two']);
    for (const one of outbox.due(NOW, 1)) outbox.delivered(one, NOW);
    expect(values(outbox)).toEqual([]);
    expect(outbox.nextDeadline()).toBeUndefined();
  });
});

test('what never expires is delivered as well', async () => {
  await withOutbox((outbox) => {
    outbox.owe({ ...OWED, store: 'd1', expires_at: null }, NOW);
    for (const one of outbox.due(NOW, 1)) outbox.delivered(one, NOW);
    expect(outbox.nextDeadline()).toBeUndefined();
  });
});

test('the wait after a failure doubles from half a second to a second, up to half a minute to a minute, and no two gates’ are alike', async () => {
  const waits = await withOutbox((outbox) => {
    for (let key = 0; key < 40; key++) outbox.owe({ ...OWED, store: 'd1', key: `${key}`, expires_at: null }, NOW);
    let now = NOW;
    return Array.from({ length: 70 }, () => {
      const due = outbox.due(now, 100);
      expect(due).toHaveLength(40);
      for (const one of due) outbox.failed(one, now);
      const far = now + 10 * OUTBOX_RETRY_MAX * 1000;
      const found = outbox.due(far, 100).length;
      expect(found).toBe(40);
      const wait = { first: (outbox.nextDeadline() ?? 0) - now, last: lastDeadline(outbox, now) - now };
      now += wait.last;
      return wait;
    });
  });
  waits.forEach(({ first, last }, attempt) => {
    const most = Math.min(60, 2 ** attempt) * 1000;
    expect([attempt, first >= most / 2, last <= most + 1, last - first > most / 20]).toEqual([
      attempt,
      true,
      true,
      true,
    ]);
  });
});

/** Returns the first time at which all 40 rows are due. */
function lastDeadline(outbox: Outbox, from: number): number {
  let [low, high] = [from, from + 10 * OUTBOX_RETRY_MAX * 1000];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (outbox.due(middle, 100).length === 40) high = middle;
    else low = middle + 1;
  }
  return low;
}

test('what was delivered after a failure is delivered once more, since the attempt that failed may land later', async () => {
  await withOutbox((outbox) => {
    outbox.owe(OWED, NOW);
    const attempt = (now: number, act: 'failed' | 'delivered') => {
      const due = outbox.due(now, 1);
      for (const one of due) outbox[act](one, now);
      return due.length;
    };
    expect(attempt(NOW, 'failed')).toBe(1);
    // The new value keeps the number of failed attempts.
    outbox.owe({ ...OWED, value: 'two' }, NOW);
    expect(attempt(NOW, 'delivered')).toBe(1);
    const again = outbox.nextDeadline() ?? 0;
    expect(again).toBe(NOW + OUTBOX_AGAIN * 1000);
    expect(values(outbox, again)).toEqual(['two']);
    expect(attempt(again, 'delivered')).toBe(1);
    expect(outbox.nextDeadline()).toBeUndefined();
  });
});

test('two alarms that fail at the same attempt put it off once', async () => {
  await withOutbox((outbox) => {
    outbox.owe(OWED, NOW);
    const [one = { ...OWED, due_at: NOW, attempts: 0 }] = outbox.due(NOW, 1);
    outbox.failed(one, NOW);
    const first = outbox.nextDeadline();
    outbox.failed(one, NOW + 500_000);
    expect(outbox.nextDeadline()).toBe(first);
    expect(outbox.due(first ?? 0, 1)).toMatchObject([{ attempts: 1 }]);
  });
});

test('what has expired is forgotten, and nothing else is', async () => {
  await withOutbox((outbox) => {
    outbox.owe(OWED, NOW);
    outbox.owe({ ...OWED, key: 'other', value: 'longer', expires_at: LATER + 1 }, NOW);
    outbox.owe({ ...OWED, store: 'd1', value: 'event', expires_at: null }, NOW);
    expect(values(outbox, LATER * 1000 - 1)).toHaveLength(3);
    expect(values(outbox, LATER * 1000)).toEqual(expect.arrayContaining(['longer', 'event']));
    expect(values(outbox, NOW)).toHaveLength(2);
  });
});

test('it is remembered through an eviction, and a gate that owes nothing stores nothing', async () => {
  const name = `outbox-${++boxes}`;
  const tables = (_: Outbox, sql: SqlStorage) =>
    sql.exec("SELECT 1 FROM sqlite_schema WHERE name LIKE 'outbox%'").toArray().length;
  expect(await withOutbox(tables, name)).toBe(0);
  expect(await withOutbox((outbox) => [values(outbox), outbox.nextDeadline()], name)).toEqual([[], undefined]);
  expect(await withOutbox(tables, name)).toBe(0);
  await withOutbox((outbox) => outbox.owe(OWED, NOW), name);
  await evictDurableObject(env.CLIENT_GATE.getByName(name));
  expect(await withOutbox((outbox) => values(outbox), name)).toEqual(['one']);
});
