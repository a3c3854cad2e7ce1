import { isRefusal, type Refusal } from '../../credentials/attempt-filter.ts';
import { isImportableId } from '../../credentials/client-id.ts';
import { isWellFormedSecret } from '../../credentials/secret.ts';
import { candidateHashes, fingerprint } from '../../credentials/secret-hash.ts';
import type { Identified, NotAuthenticated } from '../../gate/protocol.ts';
import { loggable } from '../../log/log.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Redacted } from '../../log/redacted.ts';
import { note } from '../../log/trace.ts';
import { clientAddress } from '../../request.ts';
import type { Services } from '../../services.ts';
import { invalidClient, OAuthError } from '../errors.ts';
import type { Parameters } from '../parameters.ts';
import { readBasic } from './client-secret-basic.ts';
import { readPost } from './client-secret-post.ts';

export interface PresentedSecret {
  readonly clientId: string;
  readonly secret: Redacted;
}

/**
 * Authenticates the client of a request ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)). `decide` asks the
 * client's gate, in the one call that also does what the request is about.
 *
 * `client_secret_basic` and `client_secret_post` are taken for one another, whichever the client is registered with: they prove the
 * same, and client libraries choose between them on their own.
 *
 * The log tells of a client_id once it is known to be one: before, anybody may have put a secret there.
 * @returns what the gate answered
 * @throws OAuthError `invalid_request` where more than one method is used, `invalid_client` where authentication fails;
 * TooManyAttemptsError; StoreUnavailableError
 */
export async function authenticateClient<Answer extends { readonly outcome: string }>(
  services: Services,
  request: Request,
  parameters: Parameters,
  decide: (client: Identified) => Promise<Answer | NotAuthenticated>,
): Promise<Answer> {
  const { clientId, secret } = presentedSecret(request, parameters);
  const isOwn = await services.ownClientIds.has(clientId);
  if (isOwn) note({ client_id: loggable(clientId) });
  const mayBeImported = !isOwn && isImportableId(clientId);
  const attempt = { subject: clientId, address: clientAddress(request), ...(mayBeImported && { group: 'imported' }) };
  // An invented id or a mistyped secret is told from a real one without asking any store, unless the id may come from elsewhere.
  if (isOwn ? !isWellFormedSecret(secret.reveal(), 'ems_') : !mayBeImported) {
    services.attempts.refuse(attempt);
    throw invalidClient(isOwn ? 'mistyped_secret' : 'unknown_client');
  }
  const hashes = await candidateHashes(secret, await services.acceptedKeys());
  const answer = await services.attempts.guard({ ...attempt, hashes }, () =>
    decide({ client_id: clientId, proof: { kind: 'secret', hashes } }),
  );
  if (isRefusal(answer)) throw invalidClient(whyRefused(answer, hashes));
  note({ client_id: loggable(clientId) });
  return answer;
}

function whyRefused({ known, fingerprints }: Refusal, hashes: readonly string[]): AuthenticationFailure {
  if (!known) return 'unknown_client';
  // Of a client that is disabled as well: what is refused though it is right is such a one's.
  return hashes.some((hash) => fingerprints.includes(fingerprint(hash))) ? 'disabled_client' : 'wrong_secret';
}

/** The id and secret of a request. @throws OAuthError where there is none that can be read, or more than one */
function presentedSecret(request: Request, parameters: Parameters): PresentedSecret {
  const authorization = request.headers.get('Authorization');
  const inBody = secretsInBody(parameters);
  if ((authorization === null ? 0 : 1) + inBody > 1) {
    const description = 'More than one client authentication method is used.';
    throw new OAuthError('invalid_request', { description, reason: 'more_than_one_method' });
  }
  const presented = authorization === null ? readPost(parameters) : readBasic(authorization);
  if (!presented)
    throw invalidClient(authorization === null && inBody === 0 ? 'no_credentials' : 'malformed_credentials');
  const named = parameters.get('client_id');
  if (named !== undefined && named !== presented.clientId) {
    throw new OAuthError('invalid_request', {
      description: 'The client_id in the body is not the one that authenticates.',
      reason: 'two_client_ids',
    });
  }
  return presented;
}

/** How many credentials of a client there are in the body. */
export function secretsInBody(parameters: Parameters): number {
  return (['client_secret', 'client_assertion'] as const).filter((name) => parameters.secret(name) !== undefined)
    .length;
}
