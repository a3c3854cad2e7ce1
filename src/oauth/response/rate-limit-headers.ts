import type { RateStatus } from '../../gates/protocol.ts';

/**
 * Returns the fields `RateLimit` and `RateLimit-Policy`
 * ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)). The quota is the burst,
 * the window is how many seconds an empty bucket takes to fill, and the reset is how many seconds remain until one more request is allowed.
 * Each enforced quota of tokens is a policy of its own, and is reset at the end of its period.
 */
export function rateLimitHeaders({ limit, remaining, reset, quotas = [] }: RateStatus): Record<string, string> {
  const window = Math.ceil((limit.burst * 60) / limit.per_minute);
  const policies = [`"client";q=${limit.burst};w=${window}`];
  const states = [`"client";r=${remaining};t=${reset}`];
  for (const quota of quotas) {
    const name = `"tokens_per_${quota.period}"`;
    policies.push(`${name};q=${quota.limit};w=${quota.window}`);
    states.push(`${name};r=${quota.remaining};t=${quota.reset}`);
  }
  return { 'RateLimit-Policy': policies.join(', '), RateLimit: states.join(', ') };
}
