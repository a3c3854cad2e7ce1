import { invalid } from '../http/problem.ts';
import type { ClientBody } from './client-fields.ts';

/**
 * Requires that a client ends in the future, unless its end stays as it was.
 * @param before the end before the change; null for a new client
 * @param now milliseconds since the epoch
 * @throws ProblemError `invalid`
 */
export function requireFutureExpiry(
  { expires_at }: Pick<ClientBody, 'expires_at'>,
  before: string | null,
  now: number,
) {
  if (expires_at === null || expires_at === before || Date.parse(expires_at) > now) return;
  const detail =
    '`expires_at` must be at least a second in the future. To end the client at once, set `status` to `disabled`.';
  throw invalid({ pointer: '/expires_at', detail });
}
