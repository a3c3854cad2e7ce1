import type { Target } from './requests.ts';

/** A server under load. Each is a process of its own. */
export interface Subject {
  readonly name: string;
  readonly target: Target;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

export const RESOURCE = 'https://api.example.com/orders';
export const SCOPE = 'orders:read orders:write';
export const TOKEN_FORM = { grant_type: 'client_credentials', scope: SCOPE, resource: RESOURCE };

/**
 * How many clients take turns. So many that none is refused at the default rate limit of 10 requests a second, and so few that each is busy:
 * what a gate does by the clock and not by the request, such as its alarms, then has the weight that it has for a busy client.
 */
export const CLIENTS = 250;

/**
 * How many clients with assertions and proofs take turns. Their gates count them as busy after 64 uses in a minute, and are evicted while other
 * subjects are measured, so each client takes as many turns before the clock runs.
 */
export const BUSY_CLIENTS = 25;

/** A rate limit that no measurement reaches. */
export const NO_LIMIT = { rate_limit: { per_minute: 1_000_000, burst: 1_000_000 } };

export function basic({ client_id, client_secret }: Credentials): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` };
}
