import { expect, test } from 'vitest';
import { countOf } from '../../src/console/pages/overview/count-of.ts';
import { tokensPerMinute } from '../../src/console/pages/overview/tokens-per-minute.ts';
import { labelStep, pathOf, ticksUpTo } from '../../src/console/ui/chart-scale.ts';

const HOUR_MS = 3_600_000;
const START = Date.parse('2026-11-29T12:00:00Z');
const hour = (at: number, issued: number) => ({ hour: new Date(at).toISOString(), issued, refused: {} });

test('tokens per minute are those of the hour so far, and at its start with those of the hour before', () => {
  const hours = [hour(START, 300), hour(START - HOUR_MS, 6000)];
  expect(tokensPerMinute(hours, START + HOUR_MS / 2)).toBe('10');
  expect(tokensPerMinute([hour(START, 0), hour(START - HOUR_MS, 6000)], START)).toBe('100');
  expect(tokensPerMinute([hour(START, 3)], START + HOUR_MS / 2)).toBe('0.1');
  expect(tokensPerMinute([hour(START, 1)], START + HOUR_MS / 2)).toBe('less than 0.1');
  expect(tokensPerMinute([], START)).toBe('0');
});

test('an axis has at most six lines at round whole numbers, and ends above the maximum', () => {
  expect(ticksUpTo(0)).toEqual([0, 1]);
  expect(ticksUpTo(3)).toEqual([0, 1, 2, 3]);
  expect(ticksUpTo(1640)).toEqual([0, 500, 1000, 1500, 2000]);
  for (let max = 1; max < 100_000; max = Math.ceil(max * 1.3)) {
    const ticks = ticksUpTo(max);
    expect(ticks.length).toBeLessThanOrEqual(6);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    expect(ticks.every(Number.isInteger)).toBe(true);
  }
});

test('a gap in the values is a gap in the line, and a lone value is a dot', () => {
  const same = (value: number) => value;
  expect(pathOf([1, 2, null, 4, null], same, same)).toBe('M0.0 1.0L1.0 2.0M3.0 4.0h.01');
});

test('labels of the time do not overlap', () => {
  expect(labelStep(24, 12)).toBe(2);
  expect(labelStep(5, 12)).toBe(1);
  expect(24 / labelStep(24, 5)).toBeLessThanOrEqual(5);
  expect(168 / labelStep(168, 7)).toBeLessThanOrEqual(7);
});

test('what was not counted to the end is not said to be nothing', () => {
  expect(countOf(50, 'client', true)).toBe('50 or more clients');
  expect(countOf(0, 'client', true)).toBe('Perhaps some clients');
  expect([countOf(1, 'scope'), countOf(1, 'scope', true)]).toEqual(['1 scope', '1 or more scopes']);
});
