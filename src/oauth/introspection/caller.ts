import type { Administrator } from '../../credentials/api-key.ts';
import { bearerToken } from '../../http/bearer-token.ts';
import { findIntrospectionStrength } from '../../store/resource-servers.ts';
import type { AccessTokenClaims } from '../../tokens/access-token.ts';
import { authenticateClient, secretsInBody } from '../client-authentication/index.ts';
import type { GateAnswer, IntrospectIntent } from '../client-authentication/intent.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidApiKey, OAuthError } from '../response/oauth-error.ts';
import type { OAuthServices } from '../services.ts';
import type { Strength } from './caller-cache.ts';

/** The caller of the introspection endpoint: a client, or the holder of an API key. */
export type Caller = ({ readonly kind: 'client' } & GateAnswer<IntrospectIntent>) | Administrator;

/**
 * Authenticates the caller of the introspection endpoint: a client by its own credentials, or an API key as bearer token
 * ([RFC 7662 section 2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)).
 * @throws OAuthError `invalid_client`, `invalid_token` or `invalid_request`; TooManyAttemptsError; StoreUnavailableError
 */
export async function identifyCaller(
  services: OAuthServices,
  request: Request,
  parameters: Parameters,
): Promise<Caller> {
  const apiKey = bearerToken(request);
  if (apiKey === undefined) {
    const { answer } = await authenticateClient(services, request, parameters, { kind: 'introspect' });
    return { kind: 'client', ...answer };
  }
  if (secretsInBody(parameters) > 0) {
    const description = 'More than one authentication method is used.';
    throw new OAuthError('invalid_request', { description, reason: 'more_than_one_method' });
  }
  const administrator = await services.apiKeys.authenticate(apiKey, Date.now(), services.callers.apiKeys);
  if (!administrator) throw invalidApiKey();
  return administrator;
}

/** Whether the caller may learn about a token: its resource server's client, or its organization's API key. */
export function mayIntrospect(caller: Caller, claims: AccessTokenClaims): boolean {
  switch (caller.kind) {
    case 'client':
      return caller.introspects.includes(claims.aud);
    case 'api_key':
      return caller.organizationId === claims.org_id && caller.scopes.includes('tokens:introspect');
    case 'root':
      return true;
  }
}

/**
 * Returns how the token's resource server wants it introspected. For a client, its gate has answered that already. For an API key, D1 is
 * asked; if D1 does not answer, the strength is `strong`.
 */
export async function findStrength(
  { callers, db }: Pick<OAuthServices, 'callers' | 'db'>,
  caller: Caller,
  { aud }: AccessTokenClaims,
): Promise<Strength> {
  if (caller.kind === 'client') return caller.introspects_at_edge?.includes(aud) ? 'edge' : 'strong';
  const cached = callers.strengths.get([aud]);
  if (cached) return cached;
  const strength = (await findIntrospectionStrength(db, aud).catch(() => undefined)) ?? 'strong';
  callers.strengths.set([aud], strength);
  return strength;
}
