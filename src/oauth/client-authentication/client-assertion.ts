import type { Parameters } from '../request/parameters.ts';
import { invalidClient } from '../response/oauth-error.ts';
import { readAssertion } from './assertion.ts';
import type { KeyCredential } from './credential.ts';
import { checkFederated } from './federated-jwt.ts';
import { checkAssertion } from './private-key-jwt.ts';

/**
 * Reads a client assertion and checks everything that needs no data of the client. The client made it itself, and is its issuer and
 * subject; or it is a token of another issuer, and the request has a `client_id` as well.
 * @returns undefined if the request has no assertion
 * @throws OAuthError `invalid_client` if it is refused for every client; `invalid_request` as `readAssertion`
 */
export function readClientAssertion(parameters: Parameters, ownIssuer: string): KeyCredential | undefined {
  const assertion = readAssertion(parameters);
  if (!assertion) return undefined;
  const { iss, sub } = assertion.claims;
  const named = parameters.get('client_id');
  const checkedAt = Date.now();
  if (typeof sub === 'string' && !assertion.isSvid && (iss === sub || named === undefined)) {
    const checked = checkAssertion(assertion, sub, ownIssuer, checkedAt);
    if (typeof checked === 'string') throw invalidClient(checked);
    return { kind: 'private_key_jwt', clientId: sub, assertion, checked, checkedAt };
  }
  const checked = checkFederated(assertion, ownIssuer, checkedAt);
  if ('failure' in checked) throw invalidClient(checked.failure);
  if (named === undefined) throw invalidClient('malformed_assertion');
  return { kind: 'federated_jwt', clientId: named, assertion, alg: checked.alg, checkedAt };
}
