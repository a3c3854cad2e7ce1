import { isRefusal, type Refusal } from '../../credentials/attempt-filter.ts';
import type { NotAuthenticated } from '../../gate/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Services } from '../../services.ts';
import type { ClientAuthentication } from '../../store/client-authentication.ts';
import { invalidClient } from '../errors.ts';
import type { KeyCredential } from './credential.ts';
import type { Claimed, Decide } from './index.ts';

/**
 * Verifies a credential other than a secret by what the isolate knows of its client, and has the client's gate confirm in the one call
 * that what it was verified against still holds. Only where the isolate knows nothing, or what it knows does not do, the gate is asked
 * before how the client authenticates: a key that was registered a moment ago is as good as any.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateByKey<Answer extends { readonly outcome: string }>(
  services: Services,
  credential: KeyCredential,
  claimed: Claimed,
  decide: Decide<Answer>,
): Promise<Answer> {
  const known = services.authentications.recall(credential.clientId);
  const first = known && (await judge(credential, known, decide));
  if (first && !mayBeOutdated(first)) return first;
  const authentication = await learn(services, credential.clientId, claimed, known !== undefined);
  const answer = await judge(credential, authentication, decide);
  if (typeof answer !== 'string' && !isRefusal(answer)) return answer;
  const failure = typeof answer === 'string' ? answer : 'refused_by_gate';
  // Whoever has the key is no guesser.
  if (typeof answer === 'string') services.attempts.refuse(claimed.attempt);
  throw invalidClient(failure);
}

/** @throws OAuthError where it was used before: no other knowledge of the client would change that */
async function judge<Answer extends { readonly outcome: string }>(
  { clientId, verify }: KeyCredential,
  authentication: ClientAuthentication,
  decide: Decide<Answer>,
): Promise<Answer | Refusal | AuthenticationFailure> {
  const proof = await verify(authentication);
  if (typeof proof === 'string') return proof;
  const answer: Answer | NotAuthenticated = await decide({ client_id: clientId, proof });
  if (isRefusal(answer) && 'replayed' in answer) throw invalidClient('replayed');
  return answer;
}

function mayBeOutdated<Answer extends { readonly outcome: string }>(
  answer: Answer | Refusal | AuthenticationFailure,
): answer is Refusal | AuthenticationFailure {
  return typeof answer === 'string' || isRefusal(answer);
}

/** Asks the client's gate. @throws OAuthError where there is no such client, TooManyAttemptsError where too much that did not fit came lately */
async function learn(
  { authentications, attempts }: Services,
  clientId: string,
  { attempt, isOwn }: Claimed,
  isKnown: boolean,
): Promise<ClientAuthentication> {
  if (isKnown && !authentications.isOld(clientId)) attempts.requireCalm(attempt);
  const look = () => authentications.learn(clientId);
  // An id that somebody invented must not cost more than others do.
  const found = isOwn || isKnown ? await look() : await attempts.lookUp(attempt, look);
  if (found) return found;
  attempts.refuse(attempt);
  throw invalidClient('unknown_client');
}
