import { isRefusal } from '../../gates/attempt-filter.ts';
import type { Identified } from '../../gates/protocol.ts';
import { loggable } from '../../log/log.ts';
import { addLogDetails } from '../../log/trace.ts';
import { RemoteError, returnRemoteError } from '../../remote-keys/remote-error.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import { WORKLOAD_CLIENTS_MAX } from '../constants.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { askGate } from './ask-gate.ts';
import { chargeSilently, refusedByGate, type Verdict } from './by-key.ts';
import type { AuthenticatedClient, WorkloadCredential } from './credential.ts';
import {
  type CheckedToken,
  type FederatedAuthentication,
  matchingIdentities,
  verifyFederated,
} from './federated-jwt.ts';
import type { Intent } from './intent.ts';
import type { WorkloadClient } from './workload-directory.ts';

/**
 * Authenticates the client of a workload's token without a `client_id`
 * ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)): exactly one client must trust the token. The signature is
 * verified before any gate is asked, and the client's gate confirms that it still trusts what was verified. If the token fits none of the
 * cached clients, they are looked up and it is tried once more.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateByWorkload<I extends Intent>(
  services: AuthenticationServices,
  { token }: WorkloadCredential,
  address: string,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  const { workloads, attempts } = services;
  const { claims } = token.assertion;
  // All failures from one address count together, because issuers and subjects can be invented. No client has an id of this form.
  const attempt = { subject: 'workload token', address };
  const cached = workloads.get(claims);
  const keys = keysForRequest(services);
  let verdict = cached && (await judge(services, token, cached, keys, intent));
  if (verdict?.outcome !== 'accepted') {
    const refresh = () => workloads.refresh(claims);
    const current = await attempts.lookUp(attempt, refresh, (found) => matchingClients(found, token).length > 0);
    verdict = await judge(services, token, current, keys, intent);
  }
  switch (verdict.outcome) {
    case 'accepted':
      workloads.confirm(claims);
      return verdict;
    case 'keys_unavailable':
      chargeSilently(attempts, attempt);
      throw verdict.error;
    case 'failed':
      attempts.refuseUnknown(attempt);
      throw invalidClient(verdict.failure);
  }
}

/** The issuers' keys, as one request sees them. */
interface KeysForRequest {
  readonly finder: KeyFinder;
  /** The organization of the client for which they are searched. */
  owner: string;
}

function keysForRequest({ remoteKeys }: Pick<AuthenticationServices, 'remoteKeys'>): KeysForRequest {
  const keys: KeysForRequest = { finder: remoteKeys.forRequest(() => keys.owner), owner: '' };
  return keys;
}

/** Verifies a token for the clients that may trust it, and asks the gate of the one that does. @throws StoreUnavailableError */
async function judge<I extends Intent>(
  services: AuthenticationServices,
  token: CheckedToken,
  candidates: readonly WorkloadClient[],
  keys: KeysForRequest,
  intent: I,
): Promise<Verdict<I>> {
  const matching = matchingClients(candidates, token);
  if (matching.length === 0) return { outcome: 'failed', failure: 'no_such_identity' };
  if (matching.length > WORKLOAD_CLIENTS_MAX) return { outcome: 'failed', failure: 'ambiguous_identity' };
  const [only, ...otherMatches] = matching;
  if (only && otherMatches.length === 0) addLogDetails({ client_id: loggable(only.clientId) });
  const verified: Identified[] = [];
  let unavailable: RemoteError | undefined;
  for (const { clientId, organizationId, identities } of matching) {
    keys.owner = organizationId;
    const proof = await verifyFederated(token, authenticationBy(identities), keys.finder).catch(returnRemoteError);
    if (proof instanceof RemoteError) unavailable = proof;
    else if (typeof proof !== 'string') verified.push({ client_id: clientId, proof });
  }
  const [client, ...others] = verified;
  if (others.length > 0) return { outcome: 'failed', failure: 'ambiguous_identity' };
  // A client whose keys are missing may trust the token as well. The workload must not become the client of another organization then.
  if (unavailable) return { outcome: 'keys_unavailable', error: unavailable };
  if (!client) return { outcome: 'failed', failure: 'no_such_key' };
  const answer = await askGate(services, client, intent);
  return isRefusal(answer)
    ? { outcome: 'failed', failure: refusedByGate(answer) }
    : { outcome: 'accepted', client, answer };
}

function matchingClients(candidates: readonly WorkloadClient[], token: CheckedToken): WorkloadClient[] {
  return candidates.filter(({ identities }) => matchingIdentities(token, identities).length > 0);
}

// The directory has only clients that use this method, and none of the strict profile.
function authenticationBy(federated_identities: WorkloadClient['identities']): FederatedAuthentication {
  return { methods: ['federated_jwt'], federated_identities, is_strict: false };
}
