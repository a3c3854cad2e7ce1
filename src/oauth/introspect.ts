import type { Inactivity } from '../log/reasons.ts';
import { addLogDetails } from '../log/trace.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { readCopies } from '../store/revocation-copies.ts';
import type { AccessTokenClaims } from '../tokens/access-token.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { findStrength, identifyCaller, mayIntrospect } from './introspection/caller.ts';
import type { Strength } from './introspection/caller-cache.ts';
import { type Parameters, readParameters, requireSecretParameter } from './request/parameters.ts';
import { parseScope } from './request/scope.ts';
import { OAuthError, oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * The introspection endpoint ([RFC 7662 section 2](https://www.rfc-editor.org/rfc/rfc7662#section-2)). With a `scope` parameter, a token is
 * active only if it was granted all of it. With `introspection=strong`, the gate is asked even if the resource server chose `edge`.
 */
export async function introspect(services: OAuthServices, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
  const caller = await identifyCaller(services, request, parameters);
  const presented = requireSecretParameter(parameters, 'token');
  const scopes = parseScope(parameters.get('scope')) ?? [];
  const requested = requestedStrength(parameters);

  const now = Date.now();
  const claims = await verifyAccessToken(services, presented, now);
  if (!claims) return inactiveToken('expired_or_invalid');
  if (!mayIntrospect(caller, claims)) return inactiveToken('not_theirs');
  if (!wasGranted(claims, scopes)) return inactiveToken('scope_not_granted');
  const strength = requested === 'strong' ? requested : await findStrength(services, caller, claims);
  const isActive =
    strength === 'strong' ? await isActiveAtGate(services, claims) : await isActiveAtEdge(services, claims);
  if (!isActive) return inactiveToken('revoked');
  // RFC 9449 section 6.2
  return oauthJson({ active: true, token_type: claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP', ...claims });
}

/**
 * Returns the one answer for a token that is not active, or that the caller may not know about
 * ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)). The reason is for the log only.
 */
function inactiveToken(reason: Inactivity): Response {
  addLogDetails({ reason });
  return oauthJson({ active: false });
}

function wasGranted({ scope = '' }: AccessTokenClaims, requested: readonly string[]): boolean {
  const granted = new Set(scope.split(' '));
  return requested.every((scope) => granted.has(scope));
}

/** Reads the requested strength. It can be stronger than the resource server's choice, never weaker. */
function requestedStrength(parameters: Parameters): Strength | undefined {
  const strength = parameters.get('introspection');
  if (strength === undefined || strength === 'strong' || strength === 'edge') return strength;
  throw new OAuthError('invalid_request', { description: 'The parameter introspection must be strong or edge.' });
}

/**
 * Asks the client's gate, which is the judge. If it does not answer, a copy in KV still shows that a token is revoked for good, but nothing
 * shows that it is active.
 * @throws StoreUnavailableError
 */
async function isActiveAtGate(
  { gates, env }: Pick<OAuthServices, 'gates' | 'env'>,
  claims: AccessTokenClaims,
): Promise<boolean> {
  try {
    return await gates.isActive(claims.client_id, { jti: claims.jti, issuedAt: claims.iat });
  } catch (error) {
    if (error instanceof StoreUnavailableError && (await readCopies(env.KV, claims)).isRevoked) return false;
    throw error;
  }
}

/**
 * Reads the copies in KV. They are near but may lag: a token counts as active if they say nothing about it.
 * @throws StoreUnavailableError
 */
async function isActiveAtEdge({ env }: Pick<OAuthServices, 'env'>, claims: AccessTokenClaims): Promise<boolean> {
  const { isRevoked, isDisabled } = await readCopies(env.KV, claims);
  return !isRevoked && !isDisabled;
}
