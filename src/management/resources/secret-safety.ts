import { LAST_USED_PRECISION } from '../../constants.ts';
import type { StoredSecret } from '../../store/secrets.ts';
import { SECRET_QUIET_TIME } from '../constants.ts';
import { time } from '../fields/schemas.ts';

export interface Safety {
  readonly safe_to_delete: boolean;
  /** For people. */
  readonly reason: string;
}

/**
 * Whether a secret can be deleted without anybody missing it. Times are milliseconds since the epoch.
 * @param lastUsedAt undefined where nobody used it yet
 */
export function safetyOf(secret: StoredSecret, lastUsedAt: number | undefined, now: number): Safety {
  if (secret.rank === 'primary') return { safe_to_delete: false, reason: 'It is the primary secret.' };
  if (secret.leakedAt !== null) return { safe_to_delete: true, reason: 'It was reported as leaked, and is dead.' };
  if (secret.expiresAt !== null && secret.expiresAt <= now) {
    return { safe_to_delete: true, reason: 'It has stopped by itself.' };
  }
  const quietSince = Math.max(secret.rotatedAt ?? secret.createdAt, lastUsedAt ?? 0);
  // What is known of the last use may be this much behind.
  const safeFrom = quietSince + (SECRET_QUIET_TIME + LAST_USED_PRECISION) * 1000;
  const since = time(quietSince);
  if (now >= safeFrom) return { safe_to_delete: true, reason: `Nobody has used it since ${since}.` };
  const what = quietSince === lastUsedAt ? 'It was last used' : 'It became the secondary secret';
  return {
    safe_to_delete: false,
    reason: `${what} at ${since}: unused, it is safe to delete from ${time(safeFrom)} on.`,
  };
}
