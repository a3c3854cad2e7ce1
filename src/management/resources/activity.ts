import type { Activity } from '../../gates/protocol.ts';
import type { DescribedClient } from '../../store/clients.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { hasGate } from '../../store/gates.ts';
import type { ManagementServices } from '../services.ts';

/**
 * Returns the last use of a client's credentials and its usage that the gate has not flushed to D1 yet. A client that never requested a
 * token has no gate, and none is woken.
 * @throws StoreUnavailableError
 */
export async function activityOf(
  { db, gates }: Pick<ManagementServices, 'db' | 'gates'>,
  clientId: string,
): Promise<Pick<Activity, 'secrets' | 'usage' | 'credentials'>> {
  return (await hasGate(db, clientId)) ? gates.activity({ client_id: clientId }) : { secrets: [], usage: [] };
}

/**
 * Returns when a client last authenticated, in milliseconds since the epoch and to the hour; null if it never did. Without an answer of
 * the gate it is what D1 knows, which is some minutes older.
 */
export async function lastUse(
  { gates }: Pick<ManagementServices, 'gates'>,
  { clientId, lastUsedAt, hasGate }: Pick<DescribedClient, 'clientId' | 'lastUsedAt' | 'hasGate'>,
): Promise<number | null> {
  if (!hasGate) return lastUsedAt;
  try {
    const { last_used_at = 0 } = await gates.activity({ client_id: clientId });
    return Math.max(last_used_at, lastUsedAt ?? 0) || null;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return lastUsedAt;
    throw error;
  }
}
