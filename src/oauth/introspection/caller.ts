import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { bearerToken } from '../../http/bearer-token.ts';
import { sessionCookies } from '../../http/session-cookie.ts';
import type { Database } from '../../store/database.ts';
import { findIntrospectedServer, type IntrospectedServer } from '../../store/resource-servers.ts';
import type { AccessTokenClaims } from '../../tokens/access-token.ts';
import { authenticateClient, secretsInBody } from '../client-authentication/index.ts';
import type { GateAnswer, IntrospectIntent } from '../client-authentication/intent.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidApiKey, OAuthError } from '../response/oauth-error.ts';
import type { OAuthServices } from '../services.ts';
import type { Strength } from './caller-cache.ts';

/** The caller of the introspection endpoint: a client, or an administrator with an API key or a session of the console. */
export type Caller = ({ readonly kind: 'client' } & GateAnswer<IntrospectIntent>) | Administrator;

/**
 * Authenticates the caller of the introspection endpoint: a client by its own credentials, or an API key as bearer token
 * ([RFC 7662 section 2.1](https://www.rfc-editor.org/rfc/rfc7662#section-2.1)). Without either, the cookie of a console session counts.
 * @throws OAuthError `invalid_client`, `invalid_token` or `invalid_request`; TooManyAttemptsError; StoreUnavailableError
 */
export async function identifyCaller(
  services: OAuthServices,
  request: Request,
  parameters: Parameters,
): Promise<Caller> {
  const apiKey = bearerToken(request);
  if (apiKey === undefined && isFromConsole(request, parameters)) {
    const administrator = await services.sessionAdministrator(request, Date.now());
    if (!administrator) throw invalidApiKey();
    return administrator;
  }
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

// A browser adds the cookie by itself, so everything else that a caller authenticates with comes before it.
function isFromConsole(request: Request, parameters: Parameters): boolean {
  const named = ['client_id', 'client_secret', 'client_assertion'] as const;
  const namesClient = named.some((name) => parameters.has(name));
  return !namesClient && !request.headers.has('Authorization') && sessionCookies(request).length > 0;
}

/** Whether the caller may learn about a token: its resource server's client, or an administrator of its organization. */
export function mayIntrospect(caller: Caller, claims: AccessTokenClaims): boolean {
  if (caller.kind === 'client') return caller.introspects.includes(claims.aud);
  if (isInstanceAdministrator(caller)) return true;
  return caller.organizationId === claims.org_id && caller.scopes.includes('tokens:introspect');
}

/**
 * Returns how the token's resource server wants it introspected, or `deleted` if it was deleted, even if another one has its identifier by
 * now. For a client, its gate has answered that already. For an API key, D1 is asked; if D1 does not answer, the strength is `strong`.
 */
export async function findStrength(
  services: Pick<OAuthServices, 'callers' | 'db'>,
  caller: Caller,
  claims: AccessTokenClaims,
): Promise<Strength | 'deleted'> {
  const { aud, iat } = claims;
  if (caller.kind === 'client') {
    const reused = caller.introspects_reused?.find(({ resource }) => resource === aud);
    if (reused && iat < reused.tokens_from) return 'deleted';
    return caller.introspects_at_edge?.includes(aud) ? 'edge' : 'strong';
  }
  const server = await findServer(services, aud);
  if (server === 'unknown') return 'strong';
  return isServerOf(claims, server) ? server.introspection : 'deleted';
}

/** Finds the resource server of an audience, which may have been read up to `CALLER_AGE` seconds ago. */
async function findServer(
  { callers, db }: Pick<OAuthServices, 'callers' | 'db'>,
  audience: string,
): Promise<IntrospectedServer | 'deleted' | 'unknown'> {
  const cached = callers.servers.get([audience]);
  if (cached) return cached;
  const server = await readServer(db, audience).catch(() => 'unknown' as const);
  callers.servers.set([audience], server);
  return server;
}

/**
 * Whether the resource server of a token exists, although the token's client is not granted anything there any more: either its grant or
 * the resource server was removed. This does not rely on what the isolate knew before. If D1 does not answer, a client counts as right: its
 * gate said that it introspects for the resource server.
 * @throws StoreUnavailableError
 */
export async function isServerStanding(
  { callers, db }: Pick<OAuthServices, 'callers' | 'db'>,
  caller: Caller,
  claims: AccessTokenClaims,
): Promise<boolean> {
  const key = [claims.aud];
  const cached = callers.rechecked.get(key);
  if (cached) return isServerOf(claims, cached);
  try {
    const server = await readServer(db, claims.aud);
    callers.rechecked.set(key, server);
    return isServerOf(claims, server);
  } catch (error) {
    if (caller.kind === 'client') return true;
    throw error;
  }
}

async function readServer(db: Database, identifier: string): Promise<IntrospectedServer | 'deleted'> {
  return (await findIntrospectedServer(db, identifier)) ?? 'deleted';
}

/** Whether a token is for the resource server that has its identifier now. */
function isServerOf({ iat }: AccessTokenClaims, server: IntrospectedServer | 'deleted'): server is IntrospectedServer {
  return server !== 'deleted' && iat >= (server.tokensFrom ?? 0);
}
