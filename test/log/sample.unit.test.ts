import { expect, test } from 'vitest';
import { isInSample } from '../../src/log/sample.ts';
import { ConfigurationError, readConfig } from '../../src/platform/config.ts';
import { seeded } from '../random.ts';

/** Returns version 4 UUIDs, always the same ones. */
function ids(count: number): string[] {
  const random = seeded(13);
  return Array.from({ length: count }, () => {
    const hex = Array.from(random.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  });
}

test('a sample has its share of the requests, so that a count divided by the share is the count of all', () => {
  const counted = (share: number, all = ids(2000)) => all.filter((id) => isInSample(id, share)).length;
  expect(counted(0)).toBe(0);
  expect(counted(1)).toBe(2000);
  // Three standard deviations.
  for (const share of [0.05, 0.25, 0.9]) {
    expect(Math.abs(counted(share) / share - 2000)).toBeLessThan(3 * Math.sqrt(2000 * (1 / share - 1)));
  }
});

test('the id alone decides, by its first eight digits; a larger share keeps what a smaller one has', () => {
  expect(isInSample('3fffffff-0000-4000-8000-000000000000', 0.25)).toBe(true);
  expect(isInSample('40000000-0000-4000-8000-000000000000', 0.25)).toBe(false);
  expect(isInSample('00000000-0000-4000-8000-000000000000', 0)).toBe(false);
  expect(isInSample('ffffffff-ffff-4fff-bfff-ffffffffffff', 1)).toBe(true);
  for (const id of ids(200)) if (isInSample(id, 0.05)) expect(isInSample(id, 0.25)).toBe(true);
});

const required = {
  ISSUER: 'https://auth.example.com',
  MASTER_KEY: 'q'.repeat(43),
  ROOT_API_KEY: 'r'.repeat(40),
};

test.each([
  ['0', 0],
  ['1', 1],
  ['1.0', 1],
  ['0.05', 0.05],
  ['.05', 0.05],
  // A number in wrangler.toml reaches the Worker as one.
  [0.05, 0.05],
  [undefined, 1],
])('a LOG_SUCCESS_SHARE of %j is the share %d', (value, share) => {
  const given = value === undefined ? {} : { LOG_SUCCESS_SHARE: value as string };
  expect(readConfig({ ...required, ...given }).logSuccessShare).toBe(share);
});

test.each(['', '5%', '-0.1', '1.1', '2', '0,05', ' 0.05', '1e-2', 'NaN', 'all', '.', '0x1'])(
  'a LOG_SUCCESS_SHARE of %j is a configuration error that says what it must be',
  (value) => {
    const read = () => readConfig({ ...required, LOG_SUCCESS_SHARE: value });
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow('LOG_SUCCESS_SHARE is malformed: it must be a number from 0 to 1, such as 0.05.');
  },
);
