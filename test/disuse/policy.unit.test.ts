import { describe, expect, test } from 'vitest';
import { DISABLING_NOTICE, USE_PRECISION } from '../../src/disuse/constants.ts';
import {
  disablingTime,
  type JudgedClient,
  judge,
  latestDueUse,
  type UnusedClientsPolicy,
  unusedSince,
} from '../../src/disuse/policy.ts';

const DAY = 86_400_000;
const LATE = USE_PRECISION * 1000;
const NOTICE = DISABLING_NOTICE * 1000;
const START = Date.UTC(2027, 0, 1);

const policy = (
  reportAfterDays: number | null,
  disableAfterDays: number | null,
  more: Partial<UnusedClientsPolicy> = {},
): UnusedClientsPolicy => ({ reportAfterDays, disableAfterDays, since: 0, organizationEnabledAt: null, ...more });

const client = (more: Partial<JudgedClient> = {}): JudgedClient => ({
  createdAt: START,
  lastUsedAt: null,
  enabledAt: null,
  reportedAt: null,
  expiresAt: null,
  ...more,
});

describe('disuse begins', () => {
  test.each([
    ['at the creation of a client that was never used', {}, {}, START],
    ['at the last use', { lastUsedAt: START + DAY }, {}, START + DAY],
    ['when the client was enabled', { lastUsedAt: START, enabledAt: START + 2 * DAY }, {}, START + 2 * DAY],
    ['at a use after it was enabled', { lastUsedAt: START + 3 * DAY, enabledAt: START }, {}, START + 3 * DAY],
    ['when the organization was enabled', {}, { organizationEnabledAt: START + 5 * DAY }, START + 5 * DAY],
  ])('%s', (_, is, of, begin) => {
    expect(unusedSince(client(is), policy(1, 2, of))).toBe(begin);
  });
});

test('a client is reported after the days, and the hour by which its last use may be late', () => {
  const due = START + 60 * DAY + LATE;
  expect(judge(client(), policy(60, null), due - 1)).toBe('keep');
  expect(judge(client(), policy(60, null), due)).toBe('report');
  expect(judge(client(), policy(60, 90), due + 400 * DAY)).toBe('report');
});

test('a client is reported once in each disuse', () => {
  const reported = client({ reportedAt: START + 61 * DAY });
  expect(judge(reported, policy(60, null), START + 400 * DAY)).toBe('keep');
  const usedAfterwards = { ...reported, lastUsedAt: START + 62 * DAY };
  expect(judge(usedAfterwards, policy(60, null), START + 100 * DAY)).toBe('keep');
  expect(judge(usedAfterwards, policy(60, null), START + 123 * DAY)).toBe('report');
});

test('a client is disabled after the days', () => {
  const due = START + 90 * DAY + LATE;
  const reported = client({ reportedAt: START + 61 * DAY });
  for (const [one, of] of [
    [reported, policy(60, 90)],
    [client(), policy(null, 90)],
  ] as const) {
    expect(judge(one, of, due - 1)).toBe('keep');
    expect(judge(one, of, due)).toBe('disable');
    expect(disablingTime(one, of)).toBe(due);
  }
});

test('no client is disabled within seven days after the policy was set or its days were changed', () => {
  const since = START + 1000 * DAY;
  const old = client({ reportedAt: since });
  expect(judge(old, policy(60, 90, { since }), since + NOTICE - 1)).toBe('keep');
  expect(judge(old, policy(60, 90, { since }), since + NOTICE)).toBe('disable');
  expect(judge(client(), policy(null, 90, { since }), since + NOTICE - 1)).toBe('keep');
  expect(judge(client(), policy(null, 90, { since }), since + NOTICE)).toBe('disable');
});

test('a client that was reported late is disabled seven days after that, or sooner if the days are closer together', () => {
  const reportedAt = START + 500 * DAY;
  const late = client({ reportedAt });
  expect(disablingTime(late, policy(60, 90))).toBe(reportedAt + NOTICE);
  expect(disablingTime(late, policy(88, 90))).toBe(reportedAt + 2 * DAY);
  expect(disablingTime(late, policy(90, 90))).toBe(reportedAt);
});

test('a client is reported before it is disabled, and after a new use again', () => {
  expect(disablingTime(client(), policy(60, 90))).toBeUndefined();
  const usedSince = client({ reportedAt: START + 61 * DAY, lastUsedAt: START + 62 * DAY });
  expect(judge(usedSince, policy(60, 90), START + 400 * DAY)).toBe('report');
});

test('a client that has expired is left alone', () => {
  const now = START + 400 * DAY;
  expect(judge(client({ expiresAt: now }), policy(60, null), now)).toBe('keep');
  expect(judge(client({ expiresAt: now + 1 }), policy(60, null), now)).toBe('report');
});

test('what is read from D1 includes each client that is due, and none that was used later', () => {
  const now = START + 1000 * DAY;
  for (const of of [policy(60, 90), policy(null, 90), policy(60, null), policy(5, 5)]) {
    const lastUsedAt = latestDueUse(of, now);
    expect(judge(client({ createdAt: 0, lastUsedAt }), of, now)).not.toBe('keep');
    expect(judge(client({ createdAt: 0, lastUsedAt: lastUsedAt + 1 }), of, now)).toBe('keep');
  }
});
