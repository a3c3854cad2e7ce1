import type { Quota, QuotaPeriod, QuotaThreshold, QuotaThresholds } from '../gates/protocol.ts';

/** The shares of a quota of which webhooks are told, in percent. The highest comes first. */
const THRESHOLDS = [100, 80] as const;

const PERIODS: readonly QuotaPeriod[] = ['day', 'month'];

/** Returns the limits of a quota, by period. */
export function limitsOf({ tokens_per_day, tokens_per_month }: Quota): { period: QuotaPeriod; limit: number }[] {
  const limits = { day: tokens_per_day, month: tokens_per_month };
  return PERIODS.flatMap((period) => {
    const limit = limits[period];
    return limit === null ? [] : [{ period, limit }];
  });
}

/**
 * Returns the threshold of a limit that was reached, or undefined if none was, or if it was noted before. Another limit has thresholds of
 * its own.
 * @param from the period's beginning, milliseconds since the epoch
 */
export function newThreshold(
  noted: QuotaThresholds[QuotaPeriod],
  { from, limit, issued }: { readonly from: number; readonly limit: number; readonly issued: number },
): QuotaThreshold | undefined {
  const threshold = THRESHOLDS.find((percent) => issued * 100 >= limit * percent) ?? 0;
  const before = noted?.from === from && noted.limit === limit ? noted.threshold : 0;
  return threshold > before ? { from, limit, threshold } : undefined;
}
