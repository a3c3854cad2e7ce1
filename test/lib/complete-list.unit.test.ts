import { expect, test } from 'vitest';
import { completeList } from '../../src/lib/complete-list.ts';

type Letter = 'a' | 'b' | 'c';

// The compiler makes these checks: `npm run check` fails if a marked line compiles.
test('a list of a union does not compile unless it has exactly the members', () => {
  const letters: readonly ['a', 'b', 'c'] = completeList<Letter>()(['a', 'b', 'c']);
  expect(letters).toEqual(['a', 'b', 'c']);
  // @ts-expect-error: `c` is missing.
  completeList<Letter>()(['a', 'b']);
  // @ts-expect-error: `d` is not a member.
  completeList<Letter>()(['a', 'b', 'c', 'd']);
});
