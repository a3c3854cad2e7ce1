import type { Activity } from '../../gates/protocol.ts';
import { hasGate } from '../../store/gates.ts';
import type { ManagementServices } from '../services.ts';

/**
 * Returns the last use of a client's secrets and its usage that the gate has not flushed to D1 yet. A client that never requested a token
 * has no gate, and none is woken.
 * @throws StoreUnavailableError
 */
export async function activityOf(
  { db, gates }: Pick<ManagementServices, 'db' | 'gates'>,
  clientId: string,
): Promise<Pick<Activity, 'secrets' | 'usage'>> {
  return (await hasGate(db, clientId)) ? gates.activity({ client_id: clientId }) : { secrets: [], usage: [] };
}
