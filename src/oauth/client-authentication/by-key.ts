import {
  type Attempt,
  type AttemptFilter,
  isRefusal,
  type Refusal,
  TooManyAttemptsError,
} from '../../gates/attempt-filter.ts';
import type { ClientAuthentication, NotAuthenticated } from '../../gates/protocol.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import { RemoteError } from '../../remote-keys/remote-error.ts';
import type { Services } from '../../services.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { ClientAuthenticationCache } from './authentication-cache.ts';
import type { ClaimedClient, Decide, KeyCredential } from './credential.ts';

/**
 * Verifies a credential other than a secret by what the isolate knows of its client, and has the client's gate confirm in the one call
 * that what it was verified against still holds. Only where the isolate knows nothing, or what it knows does not do, the gate is asked
 * before how the client authenticates: a key that was registered a moment ago is as good as any.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateByKey<Answer extends { readonly outcome: string }>(
  services: Services,
  credential: KeyCredential,
  claimed: ClaimedClient,
  decide: Decide<Answer>,
): Promise<Answer> {
  const { authentications, attempts } = services;
  const judge = (authentication: ClientAuthentication) => judged(authentications, credential, authentication, decide);
  const known = authentications.recall(credential.clientId);
  const first = known && (await judge(known).catch(unavailable));
  if (first && isAuthenticated(first)) return first;
  const learned = await learn(services, credential.clientId, claimed, known !== undefined);
  // By the same it comes out the same.
  const answer = first && learned === known ? first : await judge(learned).catch(unavailable);
  if (isAuthenticated(answer)) return answer;
  if (answer.outcome === 'unavailable') {
    charge(attempts, claimed.attempt);
    throw answer.error;
  }
  attempts.refuse(claimed.attempt);
  throw invalidClient(isRefusal(answer) ? 'refused_by_gate' : answer.failure);
}

type Judgement<Answer> = Answer | Refusal | Unproven;

/** Keys elsewhere could not be had. */
interface KeysUnavailable {
  readonly outcome: 'unavailable';
  readonly error: RemoteError;
}

interface Unproven {
  readonly outcome: 'unproven';
  readonly failure: AuthenticationFailure;
}

/** @throws OAuthError where it was used before: no other knowledge of the client would change that */
async function judged<Answer extends { readonly outcome: string }>(
  authentications: ClientAuthenticationCache,
  { clientId, verify }: KeyCredential,
  authentication: ClientAuthentication,
  decide: Decide<Answer>,
): Promise<Judgement<Answer>> {
  const proof = await verify(authentication);
  if (typeof proof === 'string') return { outcome: 'unproven', failure: proof };
  if (authentications.isReplayed(clientId, proof)) throw invalidClient('replayed');
  const answer: Answer | NotAuthenticated = await decide({ client_id: clientId, proof });
  if (!isRefusal(answer) || !('replayed' in answer)) return answer;
  authentications.noteReplay(clientId, proof);
  throw invalidClient('replayed');
}

function isAuthenticated<Answer extends { readonly outcome: string }>(
  answer: Judgement<Answer> | KeysUnavailable,
): answer is Answer {
  return answer.outcome !== 'unproven' && answer.outcome !== 'unavailable' && !isRefusal(answer);
}

function unavailable(error: unknown): KeysUnavailable {
  if (error instanceof RemoteError) return { outcome: 'unavailable', error };
  throw error;
}

// What comes again and again is held back by `learn`, whatever came of it; this one is told what is the matter.
function charge(attempts: AttemptFilter, attempt: Attempt): void {
  try {
    attempts.refuse(attempt);
  } catch (error) {
    if (!(error instanceof TooManyAttemptsError)) throw error;
  }
}

/** Asks the client's gate. @throws OAuthError where there is no such client, TooManyAttemptsError where too much that did not fit came lately */
async function learn(
  { authentications, attempts }: Services,
  clientId: string,
  { attempt, isOwn }: ClaimedClient,
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
