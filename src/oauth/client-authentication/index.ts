import { CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { isImportableId } from '../../credentials/client-id.ts';
import { clientAddress } from '../../http/client-address.ts';
import { loggable } from '../../log/log.ts';
import { addLogDetails } from '../../log/trace.ts';
import type { Services } from '../../services.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient, OAuthError } from '../response/oauth-error.ts';
import { authenticateByKey } from './by-key.ts';
import { authenticateBySecret } from './by-secret.ts';
import { readClientAssertion } from './client-assertion.ts';
import { readBasic } from './client-secret-basic.ts';
import { readPost } from './client-secret-post.ts';
import type { ClaimedClient, Credential, Decide } from './credential.ts';
import { readClientCertificate } from './mutual-tls.ts';

/**
 * Authenticates the client of a request ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
 *
 * `client_secret_basic` and `client_secret_post` are taken for one another, whichever the client is registered with: they prove the
 * same, and client libraries choose between them on their own.
 *
 * The log tells of a client_id once it is known to be one: before, anybody may have put a secret there.
 * @returns what the gate answered
 * @throws OAuthError `invalid_request` where more than one method is used, `invalid_client` where authentication fails;
 * TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateClient<Answer extends { readonly outcome: string }>(
  services: Services,
  request: Request,
  parameters: Parameters,
  decide: Decide<Answer>,
): Promise<Answer> {
  const credential = presentedCredential(services, request, parameters);
  const { clientId } = credential;
  const claimed = await claimedClient(services, clientId, clientAddress(request));
  const answer =
    credential.kind === 'secret'
      ? await authenticateBySecret(services, credential, claimed, decide)
      : await authenticateByKey(services, credential, claimed, decide);
  addLogDetails({ client_id: loggable(clientId) });
  return answer;
}

/** The credential of a request. @throws OAuthError where there is none that can be read, or more than one */
function presentedCredential(services: Services, request: Request, parameters: Parameters): Credential {
  const authorization = request.headers.get('Authorization');
  const inBody = secretsInBody(parameters);
  if ((authorization === null ? 0 : 1) + inBody > 1) {
    const description = 'More than one client authentication method is used.';
    throw new OAuthError('invalid_request', { description, reason: 'more_than_one_method' });
  }
  const presented =
    authorization === null
      ? (readPost(parameters) ??
        readClientAssertion(services, parameters) ??
        // A certificate may be there for something else.
        (inBody === 0 ? readClientCertificate(services, request, parameters) : undefined))
      : readBasic(authorization);
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

/** What can be told of a client_id without asking any store. @throws OAuthError where it can be none; TooManyAttemptsError */
async function claimedClient(services: Services, clientId: string, address: string): Promise<ClaimedClient> {
  // Nobody has one, and whatever counts attempts would keep it.
  if (clientId.length > CLIENT_ID_LENGTH_MAX) throw invalidClient('unknown_client');
  const isOwn = await services.ownClientIds.has(clientId);
  if (isOwn) addLogDetails({ client_id: loggable(clientId) });
  const attempt = { subject: clientId, address, ...(!isOwn && { group: 'imported' }) };
  if (isOwn || isImportableId(clientId)) return { attempt, isOwn };
  services.attempts.refuse({ subject: clientId, address });
  throw invalidClient('unknown_client');
}
