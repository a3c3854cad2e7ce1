import { expect, test } from 'vitest';
import { type Report, toMarkdown } from './page.ts';
import { PIECES, PIECES_BETWEEN, PIECES_ERROR } from './pieces.ts';
import { PRICES_READ } from './prices.ts';

const NONE: Report = {
  machine: { date: '2026-11-29', cores: 2 },
  plan: { connections: 16, rounds: 7, seconds: 3.5 },
  logShare: 0.05,
  results: [],
  comparisons: [],
  costs: [],
  memory: [],
  growth: [],
};
const ONE = { median: 1, least: 1, greatest: 1 };
const measured = (name: string, cpu: number) => ({
  name,
  requestsPerSecond: 2000,
  cpu,
  p50: 6,
  p99: 20,
  errors: 0,
  generatorCpu: 0.1,
});
const WHOLE: Report = {
  ...NONE,
  results: [measured('secret', 400), measured('oidc-provider', 250)],
  comparisons: [{ of: 'secret', to: 'full-floor', cpu: { ...ONE, median: 0.9 }, requests: ONE, p99: ONE }],
  costs: [
    {
      profile: 'busy',
      tokens: 100,
      errors: 0,
      gateStarts: 0,
      total: 0.664,
      items: [{ operation: 'requests', count: 1, dollars: 0.3 }],
    },
  ],
  memory: [
    { tokens: 10_000, heap: 10e6, resident: 300e6 },
    { tokens: 100_000, heap: 10.1e6, resident: 310e6 },
  ],
};

test('the first ten lines answer who chooses a product: speed, price, duties, comparisons and memory', () => {
  const first = toMarkdown(WHOLE).split('\n').slice(0, 10).join('\n');
  for (const fact of [
    '2500 tokens a second per core',
    '$0.66 (busy)',
    '0.90 of its speed',
    '4000 tokens a second',
    '1.0 %',
  ]) {
    expect(first).toContain(fact);
  }
});

test('an aim that is missed is listed as missed', () => {
  const page = toMarkdown(WHOLE);
  expect(page).toContain('| secret / full-floor, by CPU time | at least 0.90 | 0.90 | yes |');
  expect(page).toContain('| dollars for a million tokens: busy | at most 0.65 | 0.66 | no |');
});

test('the table of prices names the date of its price list, and each operation with its count', () => {
  const page = toMarkdown(WHOLE);
  expect(page).toContain(PRICES_READ);
  expect(page).toContain('| Worker requests | 1.00: $0.300 |');
});

test('what remains is listed piece by piece, and the pieces add up to what the Worker takes beyond the full floor', () => {
  const { worker, floor } = PIECES_BETWEEN;
  const sum = PIECES.reduce((total, { micros }) => total + micros, 0);
  expect(Math.abs(sum - (worker - floor))).toBeLessThanOrEqual(PIECES_ERROR);
  expect(toMarkdown(WHOLE)).toContain(`| all pieces | ${sum} | |`);
});

test('lines of text end after 120 characters, tables are left as they are', () => {
  const lines = toMarkdown(WHOLE).split('\n');
  expect(lines.filter((line) => line.length > 120 && !line.startsWith('|'))).toEqual([]);
});

test('what was not measured is not on the page', () => {
  const page = toMarkdown(NONE);
  expect(page.match(/^## .*$/gm)).toEqual(['## How it was measured']);
});
