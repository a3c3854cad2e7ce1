import { expect, test } from 'vitest';
import { lifetimeWithin, statusAt } from '../../src/client-gate/client-status.ts';
import type { ClientRecord } from '../../src/gates/protocol.ts';

const END = 1_800_000_000;
const expiring = { status: 'expiring', expires_at: END } as const;

test('a client is active until the millisecond before its end', () => {
  expect(statusAt(expiring, END * 1000 - 1)).toBe('active');
  expect(statusAt(expiring, END * 1000)).toBe('disabled');
  expect(statusAt({ status: 'active', expires_at: END }, END * 1000)).toBe('disabled');
  expect(statusAt({ status: 'active' }, Number.MAX_SAFE_INTEGER)).toBe('active');
});

test.each([{ status: 'disabled' }, { status: 'disabled', expires_at: END }, { status: 'expiring' }, { status: 'new' }])(
  'the record %j is disabled',
  (record) => {
    expect(statusAt(record as ClientRecord, 0)).toBe('disabled');
  },
);

test('a token lives as long as it may, and never longer than its client', () => {
  const record = expiring as unknown as ClientRecord;
  expect(lifetimeWithin(record, 600, END - 601)).toBe(600);
  expect(lifetimeWithin(record, 600, END - 599)).toBe(599);
  expect(lifetimeWithin(record, 600, END - 1)).toBe(1);
  expect(lifetimeWithin({} as ClientRecord, 600, END)).toBe(600);
});
