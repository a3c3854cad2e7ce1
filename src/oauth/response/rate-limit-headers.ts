import type { RateStatus } from '../../gates/protocol.ts';

/**
 * Returns the fields `RateLimit` and `RateLimit-Policy`
 * ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)). The quota is the burst,
 * the window is how many seconds an empty bucket takes to fill, and the reset is how many seconds remain until one more request is allowed.
 */
export function rateLimitHeaders({ limit, remaining, reset }: RateStatus): Record<string, string> {
  const window = Math.ceil((limit.burst * 60) / limit.per_minute);
  return {
    'RateLimit-Policy': `"client";q=${limit.burst};w=${window}`,
    RateLimit: `"client";r=${remaining};t=${reset}`,
  };
}
