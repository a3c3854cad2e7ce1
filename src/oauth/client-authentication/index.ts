import { CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { isImportableId } from '../../credentials/importable-id.ts';
import { clientAddress } from '../../http/client-address.ts';
import { loggable } from '../../log/log.ts';
import { addLogDetails, logEverySuccess, noteAuthenticated } from '../../log/trace.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient, OAuthError } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { authenticateByKey } from './by-key.ts';
import { authenticateBySecret } from './by-secret.ts';
import { authenticateByWorkload } from './by-workload.ts';
import { readClientAssertion } from './client-assertion.ts';
import { readBasic } from './client-secret-basic.ts';
import { readPost } from './client-secret-post.ts';
import type { AuthenticatedClient, ClaimedClient, Credential } from './credential.ts';
import type { Intent } from './intent.ts';
import { readClientCertificate } from './mutual-tls.ts';

/**
 * Authenticates the client of a request ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)), and does what the
 * intent says, in one call to the client's gate (see `askGate`).
 *
 * A client that is registered for `client_secret_basic` may use `client_secret_post`, and the reverse: both prove the same, and client
 * libraries choose between them on their own.
 *
 * The client_id is logged only once it is known to be one, because some clients put a secret in its place.
 * @throws OAuthError `invalid_request` if the request uses more than one method, `invalid_client` if authentication fails;
 * TooManyAttemptsError; StoreUnavailableError; RemoteError
 */
export async function authenticateClient<I extends Intent>(
  services: AuthenticationServices,
  request: Request,
  parameters: Parameters,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  return authenticateBy(services, readCredential(services, request, parameters), clientAddress(request), intent);
}

/** Authenticates a client by a credential. @throws as `authenticateClient` */
export async function authenticateBy<I extends Intent>(
  services: AuthenticationServices,
  credential: Credential,
  address: string,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  try {
    const authenticated = await verifyCredential(services, credential, address, intent);
    const { client, answer } = authenticated;
    noteAuthenticated(loggable(client.client_id));
    if ('log' in answer && answer.log === 'all') logEverySuccess();
    return authenticated;
  } catch (error) {
    const hint = credential.kind === 'private_key_jwt' ? credential.hint : undefined;
    throw hint !== undefined && error instanceof OAuthError && error.code === 'invalid_client'
      ? error.withDescription(`${error.message} ${hint}`)
      : error;
  }
}

async function verifyCredential<I extends Intent>(
  services: AuthenticationServices,
  credential: Credential,
  address: string,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  if (credential.kind === 'workload') return authenticateByWorkload(services, credential, address, intent);
  const claimed = await checkClientId(services, credential.clientId, address);
  const authenticated =
    credential.kind === 'secret'
      ? await authenticateBySecret(services, credential, claimed, intent)
      : await authenticateByKey(services, credential, claimed, intent);
  if (!claimed.isOwn) services.importedClientIds.note(credential.clientId);
  return authenticated;
}

/** Reads the credential of a request. @throws OAuthError if there is none, more than one, or one that cannot be read */
function readCredential(
  { config }: Pick<AuthenticationServices, 'config'>,
  request: Request,
  parameters: Parameters,
): Credential {
  const authorization = request.headers.get('Authorization');
  const inBody = secretsInBody(parameters);
  if ((authorization === null ? 0 : 1) + inBody > 1) {
    const description = 'More than one client authentication method is used.';
    throw new OAuthError('invalid_request', { description, reason: 'more_than_one_method' });
  }
  const credential =
    authorization === null
      ? (readPost(parameters) ??
        readClientAssertion(parameters, config) ??
        // Beside another credential, a certificate may be there for something else, such as to bind the token.
        (inBody === 0 ? readClientCertificate(request, parameters) : undefined))
      : readBasic(authorization);
  if (!credential)
    throw invalidClient(authorization === null && inBody === 0 ? 'no_credentials' : 'malformed_credentials');
  requireNamed(parameters, credential);
  return credential;
}

/** Requires that the `client_id` of a request, if it has one, is that of its credential. @throws OAuthError `invalid_request` */
export function requireNamed(parameters: Parameters, credential: Credential): void {
  const named = parameters.get('client_id');
  if (named === undefined || credential.kind === 'workload' || named === credential.clientId) return;
  throw new OAuthError('invalid_request', {
    description: 'The client_id in the body differs from the one that authenticates.',
    reason: 'two_client_ids',
  });
}

/** Returns how many client credentials are in the body. */
export function secretsInBody(parameters: Parameters): number {
  return (parameters.secret('client_secret') ? 1 : 0) + (parameters.secret('client_assertion') ? 1 : 0);
}

/**
 * Checks that a client may have the id. An id that was generated here has a tag that says so; any other one is looked up, unless it is
 * known.
 * @throws OAuthError `invalid_client`; TooManyAttemptsError; StoreUnavailableError
 */
async function checkClientId(
  { ownClientIds, importedClientIds, attempts }: AuthenticationServices,
  clientId: string,
  address: string,
): Promise<ClaimedClient> {
  const isOwn = clientId.length <= CLIENT_ID_LENGTH_MAX && (await ownClientIds.has(clientId));
  if (isOwn) {
    addLogDetails({ client_id: loggable(clientId) });
    return { attempt: { subject: clientId, address }, isOwn };
  }
  if (!isImportableId(clientId)) {
    attempts.refuseImpossible(address);
    throw invalidClient('unknown_client');
  }
  // Asked before the id is looked at: if an invented one would be held back now, so is each failure about a real one.
  const attempt = { subject: clientId, address, isHeldBack: importedClientIds.isExhausted() };
  const lookUp = () => importedClientIds.lookUp(clientId);
  const exists = importedClientIds.recall(clientId) ?? (await attempts.lookUp(attempt, lookUp, (found) => found));
  if (exists) return { attempt, isOwn };
  attempts.refuseUnknown(attempt);
  throw invalidClient('unknown_client');
}
