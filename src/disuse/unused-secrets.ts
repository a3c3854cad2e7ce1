import type { Gates } from '../gates/gates.ts';
import type { Database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { listQuietSecrets, type QuietSecret, recordQuietSecrets } from '../store/unused-secrets.ts';
import type { Notice } from '../store/webhook-outbox.ts';
import {
  GATES_ASKED_AT_ONCE,
  QUIET_SECRETS_PER_RUN,
  SECRET_DISUSE_NOTICE,
  SECRET_RETRY,
  USE_PRECISION,
} from './constants.ts';

interface Stores {
  readonly db: Database;
  readonly gates: Gates;
}

/**
 * Owes `secret.unused_secondary` to webhooks for each secondary secret that is accepted and was not used for `SECRET_DISUSE_NOTICE`, once
 * after each rotation. Its gate is asked, because D1 does not know the last uses of secrets. Safe to run twice.
 * @param now milliseconds since the epoch
 * @returns for how many secrets
 * @throws StoreUnavailableError
 */
export async function noticeUnusedSecrets({ db, gates }: Stores, now: number): Promise<number> {
  const quietAge = (SECRET_DISUSE_NOTICE + USE_PRECISION) * 1000;
  const found = await listQuietSecrets(db, { upTo: now - quietAge, limit: QUIET_SECRETS_PER_RUN }, now);
  if (found.length === 0) return 0;
  const noticed: Notice[] = [];
  const looks: { id: string; before: number; quietFrom: number; isDone: boolean }[] = [];
  for (let begin = 0; begin < found.length; begin += GATES_ASKED_AT_ONCE) {
    const asked = found.slice(begin, begin + GATES_ASKED_AT_ONCE).map(async (secret) => {
      const usedAt = await lastUse(gates, secret);
      // A gate that does not answer is asked again later, so that it does not stand in the way of others.
      if (usedAt === undefined) return { secret, quietFrom: now - quietAge + SECRET_RETRY * 1000 };
      return { secret, quietFrom: Math.max(secret.quietSince, usedAt) };
    });
    for (const { secret, quietFrom } of await Promise.all(asked)) {
      const isUnused = quietFrom <= now - quietAge;
      looks.push({ id: secret.id, before: secret.quietSince, quietFrom, isDone: isUnused });
      if (isUnused && secret.isAccepted) noticed.push(noticeOf(secret, quietFrom, now));
    }
  }
  await recordQuietSecrets(db, { looks, notices: noticed }, now);
  return noticed.length;
}

/** Returns when a secret was last used, 0 for never, or undefined if its gate does not answer. Milliseconds since the epoch. */
async function lastUse(gates: Gates, { id, clientId, hasGate }: QuietSecret): Promise<number | undefined> {
  if (!hasGate) return 0;
  try {
    const { secrets } = await gates.activity({ client_id: clientId });
    return secrets.find((secret) => secret.id === id)?.last_used_at ?? 0;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return undefined;
    throw error;
  }
}

function noticeOf({ id, clientId, organizationId, hint }: QuietSecret, quietFrom: number, now: number): Notice {
  return {
    // Another run builds the same id. A secret that becomes the secondary one again is noticed again.
    id: `evt_unused_${quietFrom}_${id}`,
    at: now,
    organizationId,
    type: 'secret.unused_secondary',
    target: clientId,
    data: { secret: id, hint, unused_since: new Date(quietFrom).toISOString() },
  };
}
