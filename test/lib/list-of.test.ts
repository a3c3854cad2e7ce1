import { expect, test } from 'vitest';
import { listOf } from '../../src/lib/list-of.ts';

type Letter = 'a' | 'b' | 'c';

// The compiler makes these checks: `npm run check` fails if a marked line compiles.
test('a list of a union does not compile unless it has exactly the members', () => {
  const letters: readonly ['a', 'b', 'c'] = listOf<Letter>()(['a', 'b', 'c']);
  expect(letters).toEqual(['a', 'b', 'c']);
  // @ts-expect-error: `c` is missing.
  listOf<Letter>()(['a', 'b']);
  // @ts-expect-error: `d` is not a member.
  listOf<Letter>()(['a', 'b', 'c', 'd']);
});
