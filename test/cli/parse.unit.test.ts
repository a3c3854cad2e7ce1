import { describe, expect, test } from 'vitest';
import { futureTime } from '../../src/cli/edgemint/parse.ts';

describe('a time on the command line', () => {
  test.each([
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31t12:00:00+05:45', '2026-01-31T06:15:00.000Z'],
    ['2026-06-30T23:59:60Z', '2026-07-01T00:00:00.000Z'],
  ])('%s is %s', (text, utc) => {
    expect(futureTime(text)).toBe(utc);
  });

  test.each(['2026-02-30', '2026-02-30T00:00:00Z', '2026-01-31T24:00:00Z', '2026-01-31T12:00:00'])(
    '%s is refused',
    (text) => {
      expect(() => futureTime(text)).toThrow('A time is RFC 3339');
    },
  );
});
