import type { Inactivity } from '../log/reasons.ts';
import { addLogDetails } from '../log/trace.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { readCopies } from '../store/revocation-copies.ts';
import type { AccessTokenClaims } from '../tokens/access-token.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { identifyCaller, mayIntrospect, strengthFor } from './introspection/caller.ts';
import type { Strength } from './introspection/caller-cache.ts';
import { type Parameters, readParameters, requiredSecret } from './request/parameters.ts';
import { parseScope } from './request/scope.ts';
import { OAuthError, oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * The introspection endpoint ([RFC 7662 section 2](https://www.rfc-editor.org/rfc/rfc7662#section-2)). With a `scope` parameter a token is
 * active only if it was granted all of it; with `introspection=strong` the gate is asked where the resource server does not ask for that.
 */
export async function introspect(services: OAuthServices, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
  const caller = await identifyCaller(services, request, parameters);
  const presented = requiredSecret(parameters, 'token');
  const scopes = parseScope(parameters.get('scope')) ?? [];
  const asked = askedStrength(parameters);

  const now = Date.now();
  const claims = await verifyAccessToken(services, presented, now);
  if (!claims) return inactive('expired_or_invalid');
  if (!mayIntrospect(caller, claims)) return inactive('not_theirs');
  if (!wasGranted(claims, scopes)) return inactive('scope_not_granted');
  const strength = asked === 'strong' ? asked : await strengthFor(services, caller, claims);
  if (!(await stands[strength](services, claims))) return inactive('revoked');
  // RFC 9449 section 6.2
  return oauthJson({ active: true, token_type: claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP', ...claims });
}

/** Why is for the log. This is all that anybody learns of a token that is not active, or not theirs to know ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)). */
function inactive(reason: Inactivity): Response {
  addLogDetails({ reason });
  return oauthJson({ active: false });
}

function wasGranted({ scope = '' }: AccessTokenClaims, asked: readonly string[]): boolean {
  const granted = new Set(scope.split(' '));
  return asked.every((token) => granted.has(token));
}

/** How strong an answer the request asks for, where it does. It can be stronger than the resource server's choice, never weaker. */
function askedStrength(parameters: Parameters): Strength | undefined {
  const asked = parameters.get('introspection');
  if (asked === undefined || asked === 'strong' || asked === 'edge') return asked;
  throw new OAuthError('invalid_request', { description: 'introspection: must be strong or edge.' });
}

const stands: Record<Strength, (services: OAuthServices, claims: AccessTokenClaims) => Promise<boolean>> = {
  // The gate is the judge. With it gone a copy in KV still tells that a token is revoked for good, but nothing tells that it stands.
  strong: async ({ gates, env }, claims) => {
    try {
      return await gates.isActive(claims.client_id, { jti: claims.jti, issuedAt: claims.iat });
    } catch (error) {
      if (error instanceof StoreUnavailableError && (await readCopies(env.KV, claims)).isRevoked) return false;
      throw error;
    }
  },
  // Near, and it may lag: what KV does not tell of is taken to stand.
  edge: async ({ env }, claims) => {
    const { isRevoked, isDisabled } = await readCopies(env.KV, claims);
    return !isRevoked && !isDisabled;
  },
};
