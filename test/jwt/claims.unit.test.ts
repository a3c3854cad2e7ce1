import { describe, expect, test } from 'vitest';
import { findTimeFault, isNumericDate } from '../../src/jwt/claims.ts';

const NOW = 1_800_000_000;
const RULES = { maxLifetime: 300, skew: 30 };

/** Returns the time fault of claims this many seconds after `NOW`. */
const faultAt = (claims: Record<string, unknown>, after = 0) => findTimeFault(claims, (NOW + after) * 1000, RULES);

describe('RFC 7519 section 2: a time is a number of seconds', () => {
  test.each([0, 1, NOW, NOW + 0.5, Number.MAX_SAFE_INTEGER])('%s is one', (value) => {
    expect(isNumericDate(value)).toBe(true);
  });

  test.each([
    ['a text', String(NOW)],
    ['an ISO date', '2027-01-15T08:00:00Z'],
    ['a number of more than all', JSON.parse('1e400')],
    ['no number', Number.NaN],
    ['a negative number', -1],
    ['minus infinity', Number.NEGATIVE_INFINITY],
    ['a number that is not exact', Number.MAX_SAFE_INTEGER + 1],
    ['null', null],
    ['a boolean', true],
    ['a list', [NOW]],
    ['an object', {}],
    ['nothing', undefined],
  ])('%s is none', (_, value) => {
    expect(isNumericDate(value)).toBe(false);
    expect(faultAt({ exp: value })).toBe('malformed');
    const rest = value === undefined ? [] : ['nbf', 'iat'];
    for (const name of rest) expect(faultAt({ exp: NOW + 60, [name]: value })).toBe('malformed');
  });
});

test.each([
  ['exp', 10, undefined],
  ['exp', -10, undefined],
  ['exp', -29.5, undefined],
  ['exp', -30, 'expired'],
  ['exp', -61, 'expired'],
  ['nbf', -61, undefined],
  ['nbf', 10, undefined],
  ['nbf', 30, undefined],
  ['nbf', 30.5, 'not_yet_valid'],
  ['nbf', 61, 'not_yet_valid'],
  ['iat', -61, undefined],
  ['iat', 10, undefined],
  ['iat', 30, undefined],
  ['iat', 31, 'not_yet_valid'],
  ['iat', 61, 'not_yet_valid'],
])('a %s %d s from now: %s', (name, offset, fault) => {
  expect(faultAt({ exp: NOW + 100, [name]: NOW + offset })).toBe(fault);
});

test('the later one of nbf and iat counts', () => {
  expect(faultAt({ exp: NOW + 100, nbf: NOW - 50, iat: NOW + 61 })).toBe('not_yet_valid');
  expect(faultAt({ exp: NOW + 100, nbf: NOW + 61, iat: NOW })).toBe('not_yet_valid');
});

test('an iat may be asked for', () => {
  expect(findTimeFault({ exp: NOW + 60 }, NOW * 1000, { ...RULES, needsIat: true })).toBe('malformed');
  expect(findTimeFault({ exp: NOW + 60, iat: NOW }, NOW * 1000, { ...RULES, needsIat: true })).toBeUndefined();
});

describe('no JWT outlives the cap', () => {
  const ENDS = [1, 60, 299, 300, 301, 360, 1000, 86_400, 1e9, Number.MAX_SAFE_INTEGER - NOW];
  const AGES = Array.from({ length: 2200 }, (_, index) => index - 100);

  test.each(ENDS)('one that says when it was issued, whatever its exp says: %d s later', (end) => {
    const takenAt = AGES.filter((age) => faultAt({ iat: NOW, exp: NOW + end }, age) === undefined);
    expect(takenAt.every((age) => age < RULES.maxLifetime + RULES.skew)).toBe(true);
    expect(takenAt.length > 0).toBe(end <= RULES.maxLifetime);
  });

  test.each(ENDS)('one that does not is never taken for longer than the cap and the skew: %d s later', (end) => {
    const takenAt = AGES.filter((age) => faultAt({ exp: NOW + end }, age) === undefined);
    const left = takenAt.map((age) => end - age);
    expect(left.every((seconds) => seconds <= RULES.maxLifetime + RULES.skew && seconds > -RULES.skew)).toBe(true);
  });

  test('one that was issued long ago and ends soon has lived too long', () => {
    expect(faultAt({ iat: NOW - 271, exp: NOW + 30 })).toBe('lives_too_long');
    expect(faultAt({ iat: NOW - 270, exp: NOW + 30 })).toBeUndefined();
    expect(faultAt({ iat: 0, exp: NOW + 30 })).toBe('lives_too_long');
  });
});
