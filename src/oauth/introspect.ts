import type { Services } from '../services.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { isRevocationCopied } from '../store/revocation-copies.ts';
import type { AccessTokenClaims } from '../tokens/access-token.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { oauthJson } from './errors.ts';
import { identifyCaller, mayIntrospect } from './introspection-caller.ts';
import { readParameters, required } from './parameters.ts';
import { parseScope } from './scope.ts';

/**
 * The introspection endpoint ([RFC 7662 section 2](https://www.rfc-editor.org/rfc/rfc7662#section-2)). With a `scope` parameter a token is
 * active only if it was granted all of it.
 */
export async function introspect(services: Services, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
  const caller = await identifyCaller(services, request, parameters);
  const presented = required(parameters, 'token');
  const scopes = parseScope(parameters.get('scope')) ?? [];

  const now = Date.now();
  const claims = await verifyAccessToken(services, presented, now);
  if (!claims || !mayIntrospect(caller, claims) || !wasGranted(claims, scopes)) return inactive();
  if (!(await isStanding(services, claims))) return inactive();
  return oauthJson({ active: true, token_type: 'Bearer', ...claims });
}

/** All that anybody learns of a token that is not active, or not theirs to know ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)). */
function inactive(): Response {
  return oauthJson({ active: false });
}

function wasGranted({ scope = '' }: AccessTokenClaims, asked: readonly string[]): boolean {
  const granted = new Set(scope.split(' '));
  return asked.every((token) => granted.has(token));
}

// The gate is the judge. With it gone a copy in KV still tells that a token is revoked, but nothing tells that it is not.
async function isStanding({ gates, env }: Services, { client_id, jti, iat }: AccessTokenClaims): Promise<boolean> {
  try {
    return await gates.isStanding(client_id, { jti, issuedAt: iat });
  } catch (error) {
    if (error instanceof StoreUnavailableError && (await isRevocationCopied(env.KV, jti))) return false;
    throw error;
  }
}
