import { describe, expect, test } from 'vitest';
import { QUOTA_NOTICES_OWED_MAX } from '../../src/client-gate/constants.ts';
import { IssuedCounts } from '../../src/client-gate/issued-counts.ts';
import { enforcedQuotas, usedUp } from '../../src/client-gate/quota.ts';
import { QuotaNotices } from '../../src/client-gate/quota-notices.ts';
import type { IssuedTokens, Quota } from '../../src/gates/protocol.ts';

const at = (time: string) => Date.parse(`${time}Z`);
const DAY = at('2027-07-31T00:00');
const MONTH = at('2027-07-01T00:00');
const NOON = at('2027-07-31T12:00');

const issued = (day: number, month = day): IssuedTokens => ({
  day: { from: DAY, count: day },
  month: { from: MONTH, count: month },
});

const quotaOf = (day: number | null, month: number | null = null, action: Quota['action'] = 'enforce'): Quota => ({
  tokens_per_day: day,
  tokens_per_month: month,
  action,
});

describe('issued tokens', () => {
  const add = (counts: IssuedCounts, ...times: string[]) => {
    for (const time of times) counts.add(at(time));
    return counts;
  };

  test('are counted by day and month of UTC, from the first millisecond of each', () => {
    const counts = add(new IssuedCounts(), '2027-07-30T23:59:59.999', '2027-07-31T00:00', '2027-07-31T23:59:59.999');
    expect(counts.at(NOON)).toEqual(issued(2, 3));
    const next = { from: at('2027-08-01T00:00'), count: 0 };
    expect(counts.at(at('2027-08-01T00:00'))).toEqual({ day: next, month: next });
  });

  test('of a leap day, of December and of a year’s first day are in their own periods', () => {
    const counts = add(new IssuedCounts(), '2028-02-29T10:00');
    expect(counts.at(at('2028-03-01T00:00')).month.count).toBe(0);
    add(counts, '2028-12-31T23:00', '2029-01-01T00:00');
    const from = at('2029-01-01T00:00');
    expect(counts.at(at('2029-01-01T00:00'))).toEqual({ day: { from, count: 1 }, month: { from, count: 1 } });
  });

  test('are counted for the latest period if the clock is set back, so that no period comes twice', () => {
    const counts = add(new IssuedCounts(), '2027-07-31T10:00', '2027-07-30T10:00', '2027-06-30T10:00');
    expect(counts.at(at('2027-06-30T10:00'))).toEqual(issued(3));
    expect(counts.at(NOON)).toEqual(issued(3));
  });

  test('survive storage, and asking for a later period changes nothing', () => {
    const counts = add(new IssuedCounts(), '2027-07-31T10:00');
    counts.at(at('2027-09-01T00:00'));
    const restored = new IssuedCounts(counts.toStored());
    expect(restored.at(NOON)).toEqual(issued(1));
    expect(add(restored, '2027-07-31T11:00').toStored()).toEqual(issued(2));
  });

  test('that older code counted by hour are part of their day and month', () => {
    const hour = (time: string, count: number, outcome = 'issued') => ({ hour: at(time), outcome, count });
    const usage = [
      hour('2027-06-30T23:00', 100),
      hour('2027-07-30T23:00', 10),
      hour('2027-07-31T00:00', 2),
      hour('2027-07-31T09:00', 7, 'rate_limited'),
      hour('2027-07-31T10:00', 3),
    ];
    const counts = new IssuedCounts(undefined, usage);
    expect(counts.toStored()).toBeUndefined();
    expect(counts.at(NOON)).toEqual(issued(5, 15));
    counts.add(NOON);
    expect(counts.toStored()).toEqual(issued(6, 16));
    // A row of this code has counted them.
    expect(new IssuedCounts(issued(6, 16), usage).at(NOON)).toEqual(issued(6, 16));
  });
});

describe('an enforced quota', () => {
  const statuses = (quota: Quota, tokens: IssuedTokens, now = NOON) => enforcedQuotas(quota, tokens, now);

  test('says what is left, and when and how long its period is', () => {
    expect(statuses(quotaOf(10, 100), issued(3, 30))).toEqual([
      { period: 'day', limit: 10, remaining: 7, reset: 43_200, window: 86_400 },
      { period: 'month', limit: 100, remaining: 70, reset: 43_200, window: 31 * 86_400 },
    ]);
  });

  test('refuses at the last token of either period, until the later of the two ends', () => {
    const used = (quota: Quota, tokens: IssuedTokens, now = at('2027-07-10T12:00')) => {
      const days = { ...tokens, day: { ...tokens.day, from: at('2027-07-10T00:00') } };
      return usedUp(enforcedQuotas(quota, days, now));
    };
    expect(used(quotaOf(10, 100), issued(9, 99))).toBeUndefined();
    expect(used(quotaOf(10, 100), issued(10, 99))).toMatchObject({ period: 'day', reset: 43_200 });
    expect(used(quotaOf(10, 100), issued(9, 100))).toMatchObject({ period: 'month', reset: 21.5 * 86_400 });
    expect(used(quotaOf(10, 100), issued(11, 101))).toMatchObject({ period: 'month', remaining: 0 });
    expect(used(quotaOf(null, 100), issued(1000, 99))).toBeUndefined();
  });

  test('is reset a second later at the earliest, and at the end of the counted period if the clock was set back', () => {
    const tokens = issued(10);
    expect(statuses(quotaOf(10), tokens, at('2027-07-31T23:59:59.999'))).toMatchObject([{ reset: 1 }]);
    expect(statuses(quotaOf(10), tokens, at('2027-07-30T12:00'))).toMatchObject([{ reset: 1.5 * 86_400 }]);
  });

  test('is only one whose action is `enforce`: any other warns', () => {
    expect(statuses(quotaOf(10, 10, 'warn'), issued(10))).toEqual([]);
    expect(statuses(quotaOf(10, 10, 'later' as Quota['action']), issued(10))).toEqual([]);
  });
});

describe('a notice', () => {
  /** Notes the thresholds after each of these numbers of tokens, and returns which notices were owed when. */
  const noted = (notices: QuotaNotices, quota: Quota, counts: readonly number[], tokens = issued) => {
    const owed: string[] = [];
    for (const count of counts) {
      if (!notices.note(quota, tokens(count), NOON)) continue;
      const fresh = notices.owed.map(({ period, threshold, limit }) => `${count}: ${period} ${threshold} of ${limit}`);
      owed.push(...fresh);
      notices.delivered(notices.owed);
    }
    return owed;
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

  test('is owed at 80 % and at 100 % of each period, once', () => {
    expect(noted(new QuotaNotices(), quotaOf(10, 20), upTo(25))).toEqual([
      '8: day 80 of 10',
      '10: day 100 of 10',
      '16: month 80 of 20',
      '20: month 100 of 20',
    ]);
  });

  test('is owed for the higher threshold alone if one token reaches both', () => {
    expect(noted(new QuotaNotices(), quotaOf(1), upTo(3))).toEqual(['1: day 100 of 1']);
    expect(noted(new QuotaNotices(), quotaOf(4), upTo(5))).toEqual(['4: day 100 of 4']);
    expect(noted(new QuotaNotices(), quotaOf(6), upTo(7))).toEqual(['5: day 80 of 6', '6: day 100 of 6']);
    expect(noted(new QuotaNotices(), quotaOf(10), [500])).toEqual(['500: day 100 of 10']);
  });

  test('of a changed quota is its own, and of the next period as well', () => {
    const notices = new QuotaNotices();
    expect(noted(notices, quotaOf(10), upTo(10))).toHaveLength(2);
    expect(noted(notices, quotaOf(100), [11, 79, 80, 81])).toEqual(['80: day 80 of 100']);
    const tomorrow = (count: number) => ({ ...issued(count), day: { from: DAY + 86_400_000, count } });
    expect(noted(notices, quotaOf(100), [1, 80, 81], tomorrow)).toEqual(['80: day 80 of 100']);
  });

  test('stays owed until it is delivered, across storage, and those of many periods are bounded', () => {
    let notices = new QuotaNotices();
    notices.note(quotaOf(10), issued(8), NOON);
    notices = new QuotaNotices(JSON.parse(JSON.stringify(notices.toStored())));
    expect(notices.owed).toEqual([
      { period: 'day', from: DAY, limit: 10, threshold: 80, issued: 8, action: 'enforce', at: NOON },
    ]);
    expect(notices.note(quotaOf(10), issued(9), NOON)).toBe(false);
    for (let limit = 1; limit < 50; limit++) notices.note(quotaOf(limit), issued(50), NOON + limit);
    expect(notices.owed).toHaveLength(QUOTA_NOTICES_OWED_MAX);
    expect(notices.owed.at(-1)).toMatchObject({ limit: 49 });
    expect(JSON.stringify(notices.toStored()).length).toBeLessThan(2000);
  });
});
