import { LAST_USED_PRECISION } from '../../constants.ts';
import type { StoredSecret } from '../../store/secrets.ts';
import { SECRET_QUIET_TIME } from '../constants.ts';
import { time } from '../fields/schemas.ts';

/** Whether a secret can be deleted without breaking its client, and why. */
export interface Safety {
  readonly safe_to_delete: boolean;
  /** An explanation for people. */
  readonly reason: string;
}

/**
 * Decides whether a secret can be deleted without breaking its client. Times are milliseconds since the epoch.
 * @param lastUsedAt undefined if it was never used
 * @param noun what the explanation calls it
 */
export function safetyOf(
  secret: Pick<StoredSecret, 'rank' | 'leakedAt' | 'expiresAt' | 'rotatedAt' | 'createdAt'>,
  lastUsedAt: number | undefined,
  now: number,
  noun = 'secret',
): Safety {
  if (secret.rank === 'primary') return { safe_to_delete: false, reason: `It is the primary ${noun}.` };
  if (secret.leakedAt !== null)
    return { safe_to_delete: true, reason: 'It was reported as leaked and is no longer accepted.' };
  if (secret.expiresAt !== null && secret.expiresAt <= now) {
    return { safe_to_delete: true, reason: 'It has expired.' };
  }
  const quietSince = Math.max(secret.rotatedAt ?? secret.createdAt, lastUsedAt ?? 0);
  // The stored last use may be late by `LAST_USED_PRECISION`.
  const safeFrom = quietSince + (SECRET_QUIET_TIME + LAST_USED_PRECISION) * 1000;
  const since = time(quietSince);
  if (now >= safeFrom) return { safe_to_delete: true, reason: `It has not been used since ${since}.` };
  const event = quietSince === lastUsedAt ? 'It was last used' : `It became the secondary ${noun}`;
  return {
    safe_to_delete: false,
    reason: `${event} at ${since}. If it stays unused, it is safe to delete from ${time(safeFrom)}.`,
  };
}
