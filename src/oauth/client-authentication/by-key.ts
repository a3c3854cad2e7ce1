import {
  type Attempt,
  type AttemptFilter,
  isRefusal,
  type Refusal,
  TooManyAttemptsError,
} from '../../gates/attempt-filter.ts';
import type { ClientAuthentication, Identified, KeyProof } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { RemoteError, returnRemoteError } from '../../remote-keys/remote-error.ts';
import type { KeyFinder } from '../../remote-keys/remote-keys.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { askGate } from './ask-gate.ts';
import type { AuthenticatedClient, ClaimedClient, KeyCredential } from './credential.ts';
import { verifyFederated } from './federated-jwt.ts';
import type { GateAnswer, Intent } from './intent.ts';
import { verifyMutualTls } from './mutual-tls.ts';
import { verifyAssertion } from './private-key-jwt.ts';

/**
 * Authenticates a client by a credential other than a secret: verifies it against the cached copy of the client's authentication, and
 * has the gate confirm in its one call that what it was verified against is still registered. If nothing is cached, or the credential
 * fails against the copy, asks the gate for the current authentication and tries once more: the key may have been registered a moment ago.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateByKey<I extends Intent>(
  services: AuthenticationServices,
  credential: KeyCredential,
  claimed: ClaimedClient,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  const { authentications, attempts } = services;
  const keys = services.remoteKeys.forRequest(() => authentications.ownerOf(credential.clientId));
  const cached = authentications.get(credential.clientId);
  const first = cached && (await judge(services, credential, cached, keys, intent));
  if (first?.outcome === 'accepted') return first;
  const current = await currentAuthentication(services, credential.clientId, claimed, cached !== undefined);
  // Same data, same result.
  const verdict = first && current === cached ? first : await judge(services, credential, current, keys, intent);
  switch (verdict.outcome) {
    case 'accepted':
      return verdict;
    case 'keys_unavailable':
      chargeSilently(attempts, claimed.attempt);
      throw verdict.error;
    case 'failed':
      attempts.refuse(claimed.attempt);
      throw invalidClient(verdict.failure);
  }
}

/** What came of a credential, judged by one copy of the client's authentication. */
export type Verdict<I extends Intent> =
  | { readonly outcome: 'accepted'; readonly client: Identified; readonly answer: GateAnswer<I> }
  | { readonly outcome: 'failed'; readonly failure: AuthenticationFailure }
  /** The client's keys are published elsewhere and could not be fetched. */
  | { readonly outcome: 'keys_unavailable'; readonly error: RemoteError };

/**
 * Verifies a credential, and asks the client's gate if it is right.
 * @throws OAuthError if the credential was used before: a newer copy of the authentication would not change that; StoreUnavailableError
 */
async function judge<I extends Intent>(
  services: AuthenticationServices,
  credential: KeyCredential,
  authentication: ClientAuthentication,
  remoteKeys: KeyFinder,
  intent: I,
): Promise<Verdict<I>> {
  const proof = await verify(credential, authentication, remoteKeys).catch(returnRemoteError);
  if (typeof proof === 'string') return { outcome: 'failed', failure: proof };
  if (proof instanceof RemoteError) return { outcome: 'keys_unavailable', error: proof };
  const { authentications } = services;
  const { clientId } = credential;
  if (authentications.isReplayed(clientId, proof)) throw invalidClient('replayed');
  const client: Identified = { client_id: clientId, proof };
  const answer = await askGate(services, client, intent);
  if (!isRefusal(answer)) return { outcome: 'accepted', client, answer };
  if (!('replayed' in answer)) return { outcome: 'failed', failure: refusedByGate(answer) };
  authentications.noteReplay(clientId, proof);
  throw invalidClient('replayed');
}

/** Returns why the gate refused a credential that the edge had verified. */
export function refusedByGate({ expired, cause }: Refusal): AuthenticationFailure {
  if (expired) return 'expired_client';
  return cause === 'disabled_client' ? cause : 'refused_by_gate';
}

/**
 * Verifies a credential against one copy of the client's authentication.
 * @returns the proof for the client's gate, or why there is none
 * @throws RemoteError if the client's keys are published elsewhere and could not be fetched
 */
function verify(
  credential: KeyCredential,
  authentication: ClientAuthentication,
  remoteKeys: KeyFinder,
): Promise<KeyProof | AuthenticationFailure> {
  switch (credential.kind) {
    case 'private_key_jwt': {
      const { assertion, checked, checkedAt } = credential;
      return verifyAssertion(assertion, checked, authentication, remoteKeys, checkedAt);
    }
    case 'federated_jwt':
      return verifyFederated(credential.token, authentication, remoteKeys);
    case 'certificate':
      return verifyMutualTls(credential.certificate, authentication, remoteKeys);
  }
}

/** Counts a failed attempt of a request that is told another cause. If keys keep failing to load, later requests are held back. */
export function chargeSilently(attempts: AttemptFilter, attempt: Attempt): void {
  try {
    attempts.refuse(attempt);
  } catch (error) {
    if (!(error instanceof TooManyAttemptsError)) throw error;
  }
}

/**
 * Asks the client's gate how the client authenticates now.
 * @throws OAuthError if there is no such client; TooManyAttemptsError if too many credentials failed lately; StoreUnavailableError
 */
async function currentAuthentication(
  { authentications, attempts, importedClientIds }: AuthenticationServices,
  clientId: string,
  { attempt }: ClaimedClient,
  isCached: boolean,
): Promise<ClientAuthentication> {
  if (isCached && !authentications.isStale(clientId)) attempts.requireCalm(attempt);
  const authentication = await authentications.refresh(clientId);
  if (authentication) return authentication;
  importedClientIds.forget(clientId);
  attempts.refuseUnknown(attempt);
  throw invalidClient('unknown_client');
}
