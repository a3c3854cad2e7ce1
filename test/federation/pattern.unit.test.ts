import { describe, expect, test } from 'vitest';
import { literalPrefix, matchesPattern } from '../../src/federation/pattern.ts';
import { seeded } from '../random.ts';

describe('a pattern', () => {
  test.each([
    ['main', 'main'],
    ['*', ''],
    ['*', 'anything: at all'],
    ['repo:octo/*', 'repo:octo/'],
    ['repo:octo/*', 'repo:octo/cat:ref:refs/heads/main'],
    ['*:ref:refs/heads/main', 'repo:octo/cat:ref:refs/heads/main'],
    ['a*b*c', 'abc'],
    ['a*b*c', 'a-b-b-c'],
    ['a**c', 'ac'],
    ['a*a', 'aa'],
    ['*ab*', 'aab'],
  ])('%j takes %j', (pattern, text) => {
    expect(matchesPattern(pattern, text)).toBe(true);
  });

  test.each([
    ['main', 'mainline'],
    ['main', 'Main'],
    ['main', ''],
    ['repo:octo/*', 'repo:octopus/cat'],
    ['repo:octo/*', ' repo:octo/cat'],
    ['*:ref:refs/heads/main', 'repo:octo/cat:ref:refs/heads/main2'],
    // The prefix and the suffix must not overlap in the text.
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*bc*c', 'abc'],
    ['a*b*c', 'acb'],
    // Every character except `*` is literal.
    ['a.c', 'abc'],
    ['a?c', 'abc'],
    ['[a-z]*', 'abc'],
    ['^a*', 'abc'],
    ['a\\*c', 'abc'],
  ])('%j does not take %j', (pattern, text) => {
    expect(matchesPattern(pattern, text)).toBe(false);
  });

  test('takes what it takes by its meaning, character by character', () => {
    const { below, pick } = seeded(7);
    const write = (alphabet: readonly [string, ...string[]], length: number) =>
      Array.from({ length: below(length) }, () => pick(alphabet)).join('');
    let taken = 0;
    for (let round = 0; round < 20_000; round++) {
      const [pattern, text] = [write(['a', 'b', '*'], 8), write(['a', 'b'], 10)];
      const means = byMeaning(pattern, text);
      taken += Number(means);
      if (matchesPattern(pattern, text) !== means) expect([pattern, text]).toEqual(['matched', means]);
    }
    expect(taken).toBeGreaterThan(1000);
  });

  // A backtracking matcher would take exponential time for these.
  test.each([
    ['*a'.repeat(250), `${'a'.repeat(16_000)}b`],
    [`${'a*'.repeat(249)}b`, 'a'.repeat(16_000)],
    ['*'.repeat(500), 'a'.repeat(16_000)],
    [`*${'a'.repeat(250)}b*${'a'.repeat(247)}`, 'a'.repeat(16_000)],
  ])('of any length is judged: %#', (pattern, text) => {
    expect(matchesPattern(pattern, text)).toBe(!/[ab]/.test(pattern));
  });
});

test('what a pattern begins with is all before its first wildcard', () => {
  expect(['repo:octo/*', '*a', 'whole', 'a*b*'].map(literalPrefix)).toEqual(['repo:octo/', '', 'whole', 'a']);
});

function byMeaning(pattern: string, text: string): boolean {
  const [first, rest] = [pattern[0], pattern.slice(1)];
  if (first === undefined) return text === '';
  if (first === '*') return byMeaning(rest, text) || (text !== '' && byMeaning(pattern, text.slice(1)));
  return text[0] === first && byMeaning(rest, text.slice(1));
}
