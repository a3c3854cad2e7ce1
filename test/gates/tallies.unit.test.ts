import { describe, expect, test } from 'vitest';
import { isExhausted, newTally, Tallies, type Tally } from '../../src/gates/tallies.ts';

const WINDOW_MS = 60_000;

function tallies(capacity: number) {
  return new Tallies<Tally>(() => newTally(3), isExhausted, WINDOW_MS, capacity);
}

describe('tallies', () => {
  test('a flood of names evicts no tally that holds somebody back, before its window ends', () => {
    const all = tallies(10);
    for (const name of ['one', 'two']) all.get(name, 0).failures = 3;
    for (let name = 0; name < 10_000; name++) all.get(`invented ${name}`, 1000).failures++;
    for (const name of ['one', 'two']) expect(all.get(name, WINDOW_MS - 1).failures).toBe(3);
    expect(all.get('one', WINDOW_MS).failures).toBe(0);
  });

  test('a flood evicts the oldest of the others', () => {
    const all = tallies(10);
    all.get('old', 0).failures = 2;
    for (let name = 0; name < 9; name++) all.get(`new ${name}`, 1000);
    expect(all.get('old', 1000).failures).toBe(2);
    all.get('newest', 1000);
    expect(all.get('old', 1000).failures).toBe(0);
  });

  test('each counts for one window', () => {
    const all = tallies(10);
    all.get('name', 0).failures = 3;
    expect(all.get('name', WINDOW_MS).failures).toBe(0);
  });
});
