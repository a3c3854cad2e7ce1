import type { IssuedTokens, Quota, QuotaStatus } from '../gates/protocol.ts';
import { periodAt } from '../lib/utc-period.ts';
import { limitsOf } from '../store/quota-thresholds.ts';

/**
 * Returns what is left of a quota if it is enforced, for each of its periods.
 * @param issued the tokens that were issued before
 * @param now milliseconds since the epoch
 */
export function enforcedQuotas(quota: Quota, issued: IssuedTokens, now: number): QuotaStatus[] {
  if (quota.action !== 'enforce') return [];
  return limitsOf(quota).map(({ period, limit }) => {
    const { count, from } = issued[period];
    // By the period that is counted, which is later than `now` if the clock was set back.
    const { until } = periodAt(period, from);
    const reset = Math.max(1, Math.ceil((until - now) / 1000));
    return { period, limit, remaining: Math.max(0, limit - count), reset, window: (until - from) / 1000 };
  });
}

/** Returns the quota that is used up, or undefined if none is. Of several it is the one that ends last, because it refuses until then. */
export function usedUp(quotas: readonly QuotaStatus[]): QuotaStatus | undefined {
  const [last] = quotas.filter(({ remaining }) => remaining === 0).sort((one, other) => other.reset - one.reset);
  return last;
}

/** Returns the quotas after one more token. */
export function afterToken(quotas: readonly QuotaStatus[]): QuotaStatus[] {
  return quotas.map((quota) => ({ ...quota, remaining: Math.max(0, quota.remaining - 1) }));
}
