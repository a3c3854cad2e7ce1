import type { DescribedClient } from '../../store/clients.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { type HeldRole, rolesHeldBy } from '../../store/held-roles.ts';
import { GATES_ASKED_AT_ONCE } from '../constants.ts';
import type { ManagementServices } from '../services.ts';
import { type Judgement, judge, type Observation } from './judge.ts';

/** A client with the judgement of its scopes. */
export interface JudgedClient {
  readonly client: DescribedClient;
  readonly judgement: Judgement;
  readonly observation: Observation;
}

/**
 * Judges which scopes of some clients are used. Asks the gate of each client; of a gate that does not answer nothing is known.
 * @param unusedSince milliseconds since the epoch
 * @throws StoreUnavailableError if D1 does not answer
 */
export async function judgeClients(
  services: Pick<ManagementServices, 'db' | 'gates'>,
  clients: readonly DescribedClient[],
  unusedSince: number,
): Promise<JudgedClient[]> {
  const rolesOf = await rolesHeldBy(
    services.db,
    clients.map(({ clientId }) => clientId),
  );
  const judged: JudgedClient[] = [];
  for (let begin = 0; begin < clients.length; begin += GATES_ASKED_AT_ONCE) {
    const some = clients.slice(begin, begin + GATES_ASKED_AT_ONCE).map(async (client) => {
      const roles = rolesOf(client.clientId);
      const observation = await observe(services, client, roles);
      return { client, observation, judgement: judge(client.grants, roles, observation, unusedSince) };
    });
    judged.push(...(await Promise.all(some)));
  }
  return judged;
}

/**
 * Asks a client's gate for the use of its scopes. The gate is asked even if D1 has not registered it: D1 may have been restored from a time
 * before. A gate that was never used stays as it is.
 */
async function observe(
  { gates }: Pick<ManagementServices, 'gates'>,
  { clientId, version, updatedAt }: DescribedClient,
  roles: readonly HeldRole[],
): Promise<Observation> {
  try {
    const { scopes } = await gates.activity({ client_id: clientId, scopes: true });
    if (!scopes) return { kind: 'unknown', reason: 'gate_older' };
    // Each change of its grants is one of the client or of a role.
    if (scopes.version === 0) {
      return { kind: 'never_used', since: Math.max(updatedAt, ...roles.map((role) => role.updatedAt)) };
    }
    const needed = Math.max(version, ...roles.map((role) => role.version));
    return scopes.version < needed
      ? { kind: 'unknown', reason: 'gate_behind' }
      : { kind: 'observed', uses: scopes.uses };
  } catch (error) {
    if (error instanceof StoreUnavailableError) return { kind: 'unknown', reason: 'gate_unavailable' };
    throw error;
  }
}
