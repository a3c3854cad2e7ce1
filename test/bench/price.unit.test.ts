import { expect, test } from 'vitest';
import { type Operations, perToken, plus } from './operations.ts';
import { priceOfMillion } from './price.ts';
import { PRICES } from './prices.ts';

const NONE: Operations = {
  requests: 0,
  cpuMs: 0,
  gateRequests: 0,
  gateMs: 0,
  gateRowsRead: 0,
  gateRowsWritten: 0,
  alarmsSet: 0,
  d1RowsRead: 0,
  d1RowsWritten: 0,
  kvReads: 0,
  kvWrites: 0,
  logLines: 0,
};

test('a million requests, each with a gate call, half a millisecond and a log line, cost their list prices', () => {
  const price = priceOfMillion({ ...NONE, requests: 1, gateRequests: 1, cpuMs: 0.5, logLines: 1 });
  expect(price.total).toBeCloseTo(0.3 + 0.15 + 0.01 + 0.6);
  expect(price.items.map(({ operation }) => operation)).toEqual(['logLines', 'requests', 'gateRequests', 'cpuMs']);
});

test('an alarm that is set costs as much as a row written', () => {
  expect(PRICES.alarmsSet).toBe(PRICES.gateRowsWritten);
});

test('a second of a gate costs 0.128 GB-seconds', () => {
  expect(priceOfMillion({ ...NONE, gateMs: 1000 }).total).toBeCloseTo(0.128 * 12.5);
});

test('counts are divided among the tokens, and a share of a flush is added', () => {
  const counted = perToken({ ...NONE, requests: 40, gateRowsWritten: 10 }, 40);
  expect(plus(counted, { ...NONE, d1RowsWritten: 2, gateRowsWritten: 1 }, 1 / 4)).toEqual({
    ...NONE,
    requests: 1,
    gateRowsWritten: 0.5,
    d1RowsWritten: 0.5,
  });
});
