import { CLOCK_SKEW } from '../constants.ts';
import type { Authentication, Revocation } from '../gates/protocol.ts';
import { addLogDetails } from '../log/trace.ts';
import type { Services } from '../services.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { authenticateClient } from './client-authentication/index.ts';
import { readParameters, requiredSecret } from './request/parameters.ts';
import { oauthJson } from './response/oauth-error.ts';

/**
 * The revocation endpoint ([RFC 7009 section 2](https://www.rfc-editor.org/rfc/rfc7009#section-2)): a client revokes a token of its own.
 * Answered when the revocation is durable. A token that is unknown, expired or another client's is left as it is, with the same answer.
 */
export async function revoke(services: Services, request: Request): Promise<Response> {
  const parameters = await readParameters(request);
  const presented = requiredSecret(parameters, 'token');
  const now = Date.now();
  // Verified first, so that one call to the gate both authenticates and revokes. Elsewhere, by another clock, it may not have expired yet.
  const claims = await verifyAccessToken(services, presented, now, CLOCK_SKEW);
  const { outcome } = await authenticateClient<Authentication | Revocation>(services, request, parameters, (client) =>
    claims?.client_id === client.client_id
      ? services.gates.revoke({ ...client, jti: claims.jti, expires_at: claims.exp })
      : services.gates.authenticate(client),
  );
  if (outcome !== 'revoked') addLogDetails({ reason: claims ? 'not_theirs' : 'expired_or_invalid' });
  return oauthJson({});
}
