import { expect, test } from 'vitest';
import { PARTS, readOptions, SUBJECTS } from './options.ts';

test('without options everything is measured, for the published page', () => {
  expect(readOptions([])).toEqual({
    isQuick: false,
    subjects: SUBJECTS,
    parts: PARTS,
    against: undefined,
    isWhole: true,
  });
});

test.each([['--quick'], ['--only', 'secret'], ['--against', '../other']])(
  '%s does not change the published page',
  (...args) => {
    expect(readOptions(args.filter((arg) => arg !== undefined)).isWhole).toBe(false);
  },
);

test('--only measures what it names, in the order of the tables', () => {
  const { subjects, parts } = readOptions(['--only', 'full-floor,secret,growth']);
  expect({ subjects, parts }).toEqual({ subjects: ['secret', 'full-floor'], parts: ['growth'] });
});

test('an unknown name is refused, and the error lists the names', () => {
  expect(() => readOptions(['--only', 'secrets'])).toThrow(/unknown name "secrets".*secret, unlimited/);
});
