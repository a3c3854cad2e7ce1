import { CLOCK_SKEW } from '../constants.ts';
import { addLogDetails } from '../log/trace.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { authenticateClient } from './client-authentication/index.ts';
import type { AuthenticateIntent, RevokeIntent } from './client-authentication/intent.ts';
import { answerForm } from './refusals/note-refusal.ts';
import { type Parameters, requireSecretParameter } from './request/parameters.ts';
import { oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * The revocation endpoint ([RFC 7009 section 2](https://www.rfc-editor.org/rfc/rfc7009#section-2)): a client revokes one of its own tokens.
 * It answers once the revocation is durable. An unknown or expired token, or another client's, is left alone, with the same answer.
 */
export function revoke(services: OAuthServices, request: Request): Promise<Response> {
  return answerForm(services, request, { endpoint: 'revoke' }, (parameters) => revokeBy(services, request, parameters));
}

async function revokeBy(services: OAuthServices, request: Request, parameters: Parameters): Promise<Response> {
  const presented = requireSecretParameter(parameters, 'token');
  const now = Date.now();
  // The token is verified first, so that one call to the gate both authenticates the client and revokes the token. A token that expired a
  // moment ago is still revoked: it may not have expired yet by another machine's clock.
  const claims = await verifyAccessToken(services, presented, now, CLOCK_SKEW);
  const intent: RevokeIntent | AuthenticateIntent = claims
    ? { kind: 'revoke', token: claims }
    : { kind: 'authenticate' };
  const { answer } = await authenticateClient(services, request, parameters, intent);
  if (answer.outcome !== 'revoked') addLogDetails({ reason: claims ? 'not_theirs' : 'expired_or_invalid' });
  return oauthJson({});
}
