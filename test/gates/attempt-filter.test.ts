import { expect, test } from 'vitest';
import { AttemptFilter } from '../../src/gates/attempt-filter.ts';

const ADDRESS = '192.0.2.7';

/** A filter, and the keys under which it counts failures. */
function newFilter() {
  const counted = new Set<string>();
  const limit = async ({ key }: RateLimitOptions) => {
    counted.add(key);
    return { success: true };
  };
  return { filter: new AttemptFilter({ limit }, () => {}), counted };
}

test('a subject that exists is counted by itself and by its address', () => {
  const { filter, counted } = newFilter();
  filter.refuse({ subject: 'client', address: ADDRESS });
  expect([...counted].sort()).toEqual([ADDRESS, `${ADDRESS} client`]);
});

// One address can invent subjects without end.
test('subjects that do not exist leave only one count at their address', () => {
  const { filter, counted } = newFilter();
  for (let index = 0; index < 10; index++) filter.refuseUnknown({ subject: `invented ${index}`, address: ADDRESS });
  expect([...counted]).toEqual([ADDRESS]);
});
