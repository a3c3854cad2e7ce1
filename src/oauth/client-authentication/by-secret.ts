import { isWellFormedSecret } from '../../credentials/secret.ts';
import { candidateHashes, fingerprint } from '../../credentials/secret-hash.ts';
import { isRefusal, type Refusal } from '../../gates/attempt-filter.ts';
import type { Identified } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { askGate } from './ask-gate.ts';
import type { AuthenticatedClient, ClaimedClient, SecretCredential } from './credential.ts';
import type { Intent } from './intent.ts';

/**
 * Authenticates a client by its secret: refuses a mistyped one without asking any store, and has the client's gate judge the rest.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError
 */
export async function authenticateBySecret<I extends Intent>(
  services: AuthenticationServices,
  { clientId, secrets }: SecretCredential,
  { attempt, isOwn }: ClaimedClient,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  // The secret of an imported client can have any form.
  const possible = isOwn ? secrets.filter((secret) => isWellFormedSecret(secret.reveal(), 'ems_')) : secrets;
  if (possible.length === 0) {
    services.attempts.refuse(attempt);
    throw invalidClient('mistyped_secret');
  }
  const acceptedKeys = await services.acceptedKeys();
  const hashes: string[] = [];
  for (const secret of possible) hashes.push(...(await candidateHashes(secret, acceptedKeys)));
  const client: Identified = { client_id: clientId, proof: { kind: 'secret', hashes } };
  const answer = await services.attempts.guard({ ...attempt, hashes }, () => askGate(services, client, intent));
  if (isRefusal(answer)) {
    if (!answer.known) services.importedClientIds.forget(clientId);
    throw invalidClient(refusalReason(answer, hashes));
  }
  return { client, answer };
}

function refusalReason(
  { known, fingerprints, expired, cause }: Refusal,
  hashes: readonly string[],
): AuthenticationFailure {
  if (!known) return 'unknown_client';
  if (expired) return 'expired_client';
  if (cause === 'expired_secret' || cause === 'method_not_registered') return cause;
  // A gate sends the fingerprints of a disabled client as well: if the secret is right, only that can be the reason.
  return hashes.some((hash) => fingerprints.includes(fingerprint(hash))) ? 'disabled_client' : 'wrong_secret';
}
