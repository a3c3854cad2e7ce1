import type { Activity } from '../../gates/protocol.ts';
import { hasGate } from '../../store/gates.ts';
import type { ManagementServices } from '../services.ts';

/** What a client's gate alone knows as of now. A client that never asked for a token has no gate to be woken. @throws StoreUnavailableError */
export async function activityOf(
  { db, gates }: Pick<ManagementServices, 'db' | 'gates'>,
  clientId: string,
): Promise<Pick<Activity, 'secrets' | 'usage'>> {
  return (await hasGate(db, clientId)) ? gates.activity({ client_id: clientId }) : { secrets: [], usage: [] };
}
