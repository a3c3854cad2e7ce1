import { clientAddress } from '../../http/client-address.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient, OAuthError } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { readGrantAssertion } from './assertion.ts';
import { assertionContext, credentialOf } from './client-assertion.ts';
import type { AuthenticatedClient } from './credential.ts';
import { authenticateBy, authenticateClient, requireNamed, secretsInBody } from './index.ts';
import type { Intent } from './intent.ts';

/** [RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1). */
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/**
 * Authenticates the client of a request by its authorization grant: the assertion is the token of a workload, or one that the client signed
 * itself, and the client is the one that it would authenticate as a client assertion. Client authentication is optional beside it. If a
 * request has both, both must be valid and name the same client
 * ([RFC 7521 section 4.1](https://www.rfc-editor.org/rfc/rfc7521#section-4.1)); that takes a second gate call.
 * @throws OAuthError `invalid_grant` if the assertion is refused; otherwise as `authenticateClient`
 */
export async function authenticateByGrant<I extends Intent>(
  services: AuthenticationServices,
  request: Request,
  parameters: Parameters,
  intent: I,
): Promise<AuthenticatedClient<I>> {
  const assertion = await asGrant(() => readGrantAssertion(parameters));
  const authenticated = await authenticateBesides(services, request, parameters);
  return asGrant(async () => {
    const context = assertionContext(services.config, 'grant');
    const credential = credentialOf(assertion, authenticated ?? parameters.get('client_id'), context);
    requireNamed(parameters, credential);
    if (authenticated !== undefined && credential.kind !== 'workload' && credential.clientId !== authenticated) {
      throw invalidClient('wrong_subject', 'The assertion is not that of the client that authenticates.');
    }
    return authenticateBy(services, credential, clientAddress(request), intent);
  });
}

/** Runs a check of the assertion. @throws OAuthError `invalid_grant` if the check says `invalid_client`; otherwise as the check */
async function asGrant<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    throw error instanceof OAuthError && error.code === 'invalid_client' ? error.asInvalidGrant() : error;
  }
}

/** Authenticates the client by the credentials beside the assertion, and returns its id, or undefined if there are none. */
async function authenticateBesides(
  services: AuthenticationServices,
  request: Request,
  parameters: Parameters,
): Promise<string | undefined> {
  if (!request.headers.has('Authorization') && secretsInBody(parameters) === 0) return undefined;
  const { client } = await authenticateClient(services, request, parameters, { kind: 'authenticate' });
  return client.client_id;
}
