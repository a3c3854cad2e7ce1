import { describe, expect, test } from 'vitest';
import { parseTime } from '../../src/lib/rfc3339.ts';

const shown = (text: string) => {
  const time = parseTime(text);
  return time === undefined ? undefined : new Date(time).toISOString();
};

describe('a date-time of RFC 3339', () => {
  test.each([
    // The examples of RFC 3339 section 5.8
    ['1985-04-12T23:20:50.52Z', '1985-04-12T23:20:50.520Z'],
    ['1996-12-19T16:39:57-08:00', '1996-12-20T00:39:57.000Z'],
    ['1990-12-31T23:59:60Z', '1991-01-01T00:00:00.000Z'],
    ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
    ['1937-01-01T12:00:27.87+00:20', '1937-01-01T11:40:27.870Z'],
    ['2026-01-31t12:00:00z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00+14:00', '2026-01-30T22:00:00.000Z'],
    ['2026-01-31T12:00:00-00:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.1239999999999Z', '2026-01-31T12:00:00.123Z'],
    ['2026-12-31T23:59:60.5Z', '2027-01-01T00:00:00.500Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, utc) => {
    expect(shown(text)).toBe(utc);
  });

  test.each([
    ['a day that the month does not have', '2026-02-29T00:00:00Z'],
    ['day 0', '2026-01-00T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['hour 24', '2026-01-01T24:00:00Z'],
    ['minute 60', '2026-01-01T00:60:00Z'],
    ['a leap second within a day in UTC', '2026-12-31T23:59:60+01:00'],
    ['second 61', '2026-12-31T23:59:61Z'],
    ['offset hour 24', '2026-01-01T00:00:00+24:00'],
    ['offset minute 60', '2026-01-01T00:00:00+01:60'],
    ['no offset', '2026-01-01T00:00:00'],
    ['an offset without a colon', '2026-01-01T00:00:00+0100'],
    ['no seconds', '2026-01-01T00:00Z'],
    ['a decimal comma', '2026-01-01T00:00:00,5Z'],
    ['a point without decimals', '2026-01-01T00:00:00.Z'],
    ['a space in place of T', '2026-01-01 00:00:00Z'],
    ['a day alone', '2026-01-01'],
    ['seconds since the epoch', '1767225600'],
    ['a year of five digits', '+010000-01-01T00:00:00Z'],
    ['a time before the year 0000 in UTC', '0000-01-01T00:00:00+14:00'],
    ['a time after the year 9999 in UTC', '9999-12-31T23:59:59-14:00'],
    ['spaces around it', ' 2026-01-01T00:00:00Z '],
  ])('does not have %s: %s', (_, text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});
