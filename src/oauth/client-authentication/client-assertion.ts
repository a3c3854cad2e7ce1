import type { Parameters } from '../request/parameters.ts';
import { invalidClient } from '../response/oauth-error.ts';
import type { AuthenticationServices } from '../services.ts';
import { readAssertion } from './assertion.ts';
import type { KeyCredential } from './credential.ts';
import { checkFederated, verifyFederated } from './federated-jwt.ts';
import { checkAssertion, verifyAssertion } from './private-key-jwt.ts';

/**
 * Reads a client assertion: one that the client made itself, which is its own issuer and subject, or the token of another issuer, which
 * must come with the `client_id`.
 * @throws OAuthError `invalid_client` where it is refused whoever the client is, before any work is done for it
 */
export function readClientAssertion(
  { config, remoteKeys }: Pick<AuthenticationServices, 'config' | 'remoteKeys'>,
  parameters: Parameters,
): KeyCredential | undefined {
  const assertion = readAssertion(parameters);
  if (!assertion) return undefined;
  const { iss, sub } = assertion.claims;
  const named = parameters.get('client_id');
  const now = Date.now();
  if (typeof sub === 'string' && !assertion.isSvid && (iss === sub || named === undefined)) {
    const checked = checkAssertion(assertion, sub, config.issuer, now);
    if (typeof checked === 'string') throw invalidClient(checked);
    return {
      kind: 'key',
      clientId: sub,
      verify: (authentication) => verifyAssertion(assertion, checked, authentication, remoteKeys, now),
    };
  }
  const checked = checkFederated(assertion, config.issuer, now);
  if ('failure' in checked) throw invalidClient(checked.failure);
  if (named === undefined) throw invalidClient('malformed_assertion');
  return {
    kind: 'key',
    clientId: named,
    verify: (authentication) => verifyFederated(assertion, checked.alg, authentication, remoteKeys, now),
  };
}
