import { isWellFormedSecret } from '../../credentials/secret.ts';
import { candidateHashes, fingerprint } from '../../credentials/secret-hash.ts';
import { isRefusal, type Refusal } from '../../gates/attempt-filter.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Services } from '../../services.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { ClaimedClient, Decide, SecretCredential } from './credential.ts';

/**
 * Has a secret judged by its client's gate, unless it can be told from a real one without asking any store.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError
 */
export async function authenticateBySecret<Answer extends { readonly outcome: string }>(
  services: Services,
  { clientId, secret }: SecretCredential,
  { attempt, isOwn }: ClaimedClient,
  decide: Decide<Answer>,
): Promise<Answer> {
  // One that goes with an id from elsewhere has any form.
  if (isOwn && !isWellFormedSecret(secret.reveal(), 'ems_')) {
    services.attempts.refuse(attempt);
    throw invalidClient('mistyped_secret');
  }
  const hashes = await candidateHashes(secret, await services.acceptedKeys());
  const answer = await services.attempts.guard({ ...attempt, hashes }, () =>
    decide({ client_id: clientId, proof: { kind: 'secret', hashes } }),
  );
  if (isRefusal(answer)) throw invalidClient(whyRefused(answer, hashes));
  return answer;
}

function whyRefused({ known, fingerprints }: Refusal, hashes: readonly string[]): AuthenticationFailure {
  if (!known) return 'unknown_client';
  // Of a client that is disabled as well: what is refused though it is right is such a one's.
  return hashes.some((hash) => fingerprints.includes(fingerprint(hash))) ? 'disabled_client' : 'wrong_secret';
}
