/** How long before its end a key is marked. The event `api_key.expiring` is sent at the same time. */
const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

export type Expiry = 'never' | 'later' | 'soon' | 'expired';

/** Returns how near the end of a key is. @param now milliseconds since the epoch */
export function expiryOf(expiresAt: string | null | undefined, now: number): Expiry {
  if (!expiresAt) return 'never';
  const left = Date.parse(expiresAt) - now;
  if (left <= 0) return 'expired';
  return left <= SOON_DAYS * DAY_MS ? 'soon' : 'later';
}

/** Returns the time after so many days, as RFC 3339. */
export function inDays(days: number, now: number): string {
  return new Date(now + days * DAY_MS).toISOString();
}
