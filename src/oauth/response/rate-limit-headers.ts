import type { RateStatus } from '../../gates/protocol.ts';

/**
 * `RateLimit` and `RateLimit-Policy` ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)):
 * the quota is the burst, its window the seconds in which an empty bucket fills, and the reset the seconds until one request more.
 */
export function rateLimitHeaders({ limit, remaining, reset }: RateStatus): Record<string, string> {
  const window = Math.ceil((limit.burst * 60) / limit.per_minute);
  return {
    'RateLimit-Policy': `"client";q=${limit.burst};w=${window}`,
    RateLimit: `"client";r=${remaining};t=${reset}`,
  };
}
