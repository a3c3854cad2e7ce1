import { isTrustDomain } from '../../federation/identity.ts';
import type { Config } from '../../platform/config.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient } from '../response/oauth-error.ts';
import { type Assertion, type AssertionContext, readAssertion } from './assertion.ts';
import { federatedAdvice, hintFor, ownAssertionAdvice } from './assertion-advice.ts';
import type { AssertionCredential, FederatedCredential, WorkloadCredential } from './credential.ts';
import { type CheckedToken, checkFederated, readForIssuer } from './federated-jwt.ts';
import { checkAssertion } from './private-key-jwt.ts';

type CredentialOfAssertion = AssertionCredential | FederatedCredential | WorkloadCredential;

/** Returns what an assertion is presented to. */
export function assertionContext({ issuer, baseUrl }: Config, use: AssertionContext['use']): AssertionContext {
  return { issuer, tokenEndpoint: `${baseUrl}/oauth2/token`, use };
}

/**
 * Reads a client assertion, as `credentialOf`.
 * @returns undefined if the request has no assertion
 * @throws OAuthError `invalid_client` if it is refused for every client; `invalid_request` as `readAssertion`
 */
export function readClientAssertion(parameters: Parameters, config: Config): CredentialOfAssertion | undefined {
  const assertion = readAssertion(parameters);
  return assertion && credentialOf(assertion, parameters.get('client_id'), assertionContext(config, 'client'));
}

/**
 * Checks everything in an assertion that needs no data of the client. The client made it itself, and is its issuer and subject; or it is a
 * token of another issuer, and the request may name the client.
 * @param named the `client_id` of the request
 * @throws OAuthError `invalid_client` if it is refused for every client
 */
export function credentialOf(
  assertion: Assertion,
  named: string | undefined,
  context: AssertionContext,
): CredentialOfAssertion {
  const { iss, sub } = assertion.claims;
  if (typeof sub === 'string' && !assertion.isSvid && (iss === sub || (named === undefined && !isFederated(iss, sub))))
    return ownAssertion(assertion, sub, context);
  const token = tokenOfOther(assertion, context);
  if (named !== undefined) return { kind: 'federated_jwt', clientId: named, token };
  if (typeof sub !== 'string') throw invalidClient('malformed_assertion', federatedAdvice('malformed_assertion'));
  return { kind: 'workload', token };
}

/** Whether an assertion can be that of another issuer: only these forms can be registered (see `identityFaults`). */
function isFederated(iss: unknown, sub: string): boolean {
  return (typeof iss === 'string' && /^https:\/\//i.test(iss)) || isTrustDomain(sub);
}

function ownAssertion(assertion: Assertion, clientId: string, context: AssertionContext): AssertionCredential {
  const checkedAt = Date.now();
  const checked = checkAssertion(assertion, clientId, context, checkedAt);
  if (typeof checked === 'string') throw invalidClient(checked, ownAssertionAdvice(checked, context));
  const hint = hintFor(assertion, checked, context, checkedAt);
  return { kind: 'private_key_jwt', clientId, assertion, checked, hint, checkedAt };
}

function tokenOfOther(assertion: Assertion, context: AssertionContext): CheckedToken {
  const checkedAt = Date.now();
  const checked = checkFederated(assertion, context.issuer, checkedAt);
  if ('failure' in checked) throw invalidClient(checked.failure, federatedAdvice(checked.failure));
  return { assertion, alg: checked.alg, claimsForIssuer: readForIssuer(assertion, context), checkedAt };
}
