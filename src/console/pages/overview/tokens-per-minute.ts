import type { HourOfUsage } from '../client/usage-series.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MINUTES_PER_HOUR = 60;
/** A rate over less time says little, in minutes. */
const MINUTES_MIN = 10;

/**
 * Returns how many tokens are issued in a minute, as a text: in the hour so far, with the hour before while that is short.
 * @param now milliseconds since the epoch
 */
export function tokensPerMinute(hours: readonly HourOfUsage[], now: number): string {
  const start = Math.floor(now / HOUR_MS) * HOUR_MS;
  const issuedIn = (at: number) => hours.find(({ hour }) => Date.parse(hour) === at)?.issued ?? 0;
  const minutes = (now - start) / MINUTE_MS;
  const isShort = minutes < MINUTES_MIN;
  const issued = issuedIn(start) + (isShort ? issuedIn(start - HOUR_MS) : 0);
  const rate = issued / (minutes + (isShort ? MINUTES_PER_HOUR : 0));
  if (rate === 0) return '0';
  if (rate < 0.1) return 'less than 0.1';
  return rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString('en');
}
