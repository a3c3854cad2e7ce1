import { EXPIRY_WARNING_MS } from '../constants.ts';
import { time } from './output.ts';
import type { Me } from './representations.ts';

const DAY = 86_400_000;

/**
 * Returns a warning if the key of the command will stop working soon, or was replaced.
 * @param now milliseconds since the epoch
 */
export function expiryWarning({ rank, expires_at }: Pick<Me, 'rank' | 'expires_at'>, now: number): string | undefined {
  const left = expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at) - now;
  const days = Math.floor(left / DAY);
  const when = expires_at === null ? '' : ` (${time(expires_at)})`;
  const end = days < 1 ? `in less than a day${when}` : `in ${days} day${days === 1 ? '' : 's'}${when}`;
  if (rank === 'secondary') {
    return `A rotation replaced this API key. ${Number.isFinite(left) ? `It expires ${end}.` : 'It works until it is deleted.'} Log in with the new one.`;
  }
  if (left > EXPIRY_WARNING_MS) return undefined;
  return `This API key expires ${end}. Another key or the root key can give it a later end: edgemint api-keys rotate <id> --expires <time>.`;
}
