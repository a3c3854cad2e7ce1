import type { OwnClientIds } from '../../credentials/client-id.ts';
import { isImportableId } from '../../credentials/importable-id.ts';
import type { ImportedClientIds } from '../../gates/imported-client-ids.ts';
import { readUnverified } from '../../jwt/compact.ts';
import { readBasic } from '../client-authentication/client-secret-basic.ts';
import { CLAIMED_LOOK_UP_INTERVAL, CLAIMED_LOOK_UPS_AT_ONCE } from '../constants.ts';
import type { Parameters } from '../request/parameters.ts';
import { ReportAllowance } from './report-allowance.ts';

/** Finds the client that a refused request claims to come from, without creating anything for an invented one. */
export class ClaimedClients {
  readonly #ownClientIds: OwnClientIds;
  readonly #importedClientIds: ImportedClientIds;
  readonly #lookUps = new ReportAllowance({
    atOnce: CLAIMED_LOOK_UPS_AT_ONCE,
    intervalMs: CLAIMED_LOOK_UP_INTERVAL * 1000,
  });

  constructor(ownClientIds: OwnClientIds, importedClientIds: ImportedClientIds) {
    this.#ownClientIds = ownClientIds;
    this.#importedClientIds = importedClientIds;
  }

  /** Returns the first of the claimed ids that a client may have, or undefined. */
  async find(request: Request, parameters: Parameters | undefined): Promise<string | undefined> {
    for (const { clientId, isNamed } of claimsOf(request, parameters)) {
      if ((await this.#ownClientIds.has(clientId)) || (isNamed && (await this.#isImported(clientId)))) return clientId;
    }
    return undefined;
  }

  async #isImported(clientId: string): Promise<boolean> {
    if (!isImportableId(clientId)) return false;
    const known = this.#importedClientIds.recall(clientId);
    if (known !== undefined || this.#importedClientIds.isExhausted()) return known === true;
    return this.#lookUps.take(Date.now()) && this.#importedClientIds.lookUp(clientId);
  }
}

/** An id in a request that may be its client's. */
interface Claim {
  readonly clientId: string;
  /** Whether the request names it as the client's. The subject of another issuer's token is rarely a client. */
  readonly isNamed: boolean;
}

/** Returns the ids in every place that a credential has. Nothing is verified. */
function claimsOf(request: Request, parameters: Parameters | undefined): Claim[] {
  const authorization = request.headers.get('Authorization');
  const basic = authorization === null ? undefined : readBasic(authorization);
  const assertion = parameters?.secret('client_assertion') ?? parameters?.secret('assertion');
  const { sub, iss } = (assertion && readUnverified(assertion.reveal())?.claims) ?? {};
  const named = [basic?.clientId, parameters?.get('client_id')].map((id) => ({ id, isNamed: true }));
  const subjects = [sub, iss].map((id) => ({ id, isNamed: sub === iss }));
  return [...named, ...subjects].flatMap(({ id, isNamed }) =>
    typeof id === 'string' ? [{ clientId: id, isNamed }] : [],
  );
}
