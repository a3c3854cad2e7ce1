import { INTROSPECTED_SCOPES_LENGTH_MAX } from '../gates/constants.ts';
import type { Standing } from '../gates/inspection-queue.ts';
import type { Inactivity } from '../log/reasons.ts';
import { addLogDetails } from '../log/trace.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { readCopies } from '../store/revocation-copies.ts';
import type { AccessTokenClaims } from '../tokens/access-token.ts';
import { verifyAccessToken } from '../tokens/verify.ts';
import { type Caller, findStrength, identifyCaller, isServerStanding, mayIntrospect } from './introspection/caller.ts';
import type { Strength } from './introspection/caller-cache.ts';
import { answerForm, type FormEndpoint, noteRefusal } from './refusals/note-refusal.ts';
import type { RefusedRequest } from './refusals/noted-refusal.ts';
import { type Parameters, requireSecretParameter } from './request/parameters.ts';
import { parseScope } from './request/scope.ts';
import { OAuthError, oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

const FORM: FormEndpoint = { endpoint: 'introspect' };

/**
 * The introspection endpoint ([RFC 7662 section 2](https://www.rfc-editor.org/rfc/rfc7662#section-2)). With a `scope` parameter, a token is
 * active only if it was granted all of it. With `introspection=strong`, the gate is asked even if the resource server chose `edge`.
 */
export function introspect(services: OAuthServices, request: Request): Promise<Response> {
  return answerForm(services, request, FORM, (parameters) => inspect(services, request, parameters));
}

async function inspect(services: OAuthServices, request: Request, parameters: Parameters): Promise<Response> {
  const caller = await identifyCaller(services, request, parameters);
  const presented = requireSecretParameter(parameters, 'token');
  const scopes = parseScope(parameters.get('scope')) ?? [];
  const requested = requestedStrength(parameters);

  const now = Date.now();
  const claims = await verifyAccessToken(services, presented, now);
  if (!claims) return inactiveToken('expired_or_invalid');
  if (!mayIntrospect(caller, claims)) {
    noteForeign(services, { request, endpoint: FORM.endpoint, parameters });
    return inactiveToken('not_theirs');
  }
  if (!wasGranted(claims, scopes)) return inactiveToken('scope_not_granted');
  const strength = await findStrength(services, caller, claims);
  if (strength === 'deleted') return inactiveToken('resource_server_deleted');
  const { isActive, isGranted } =
    requested === 'strong' || strength === 'strong'
      ? await standingAtGate(services, claims, notedScopes(caller, claims, scopes))
      : await standingAtEdge(services, claims);
  if (!isActive) return inactiveToken('revoked');
  if (isGranted === false && !(await isServerStanding(services, caller, claims)))
    return inactiveToken('resource_server_deleted');
  // RFC 9449 section 6.2
  return oauthJson({ active: true, token_type: claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP', ...claims });
}

/** Tells the caller's gate that it asked for a token of which it may know nothing: most likely its `introspects` lacks the audience. */
function noteForeign(services: OAuthServices, refused: RefusedRequest): void {
  noteRefusal(services, refused, { reason: 'not_theirs', status: 200, error: null, description: undefined });
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

/**
 * Returns the scopes that an introspection names, for the gate's notes: those it asks for, else all of the token's. Empty if they are too
 * long, and for a person who looks at a token in the console: that shows no need for its scopes.
 */
function notedScopes(caller: Caller, { scope = '' }: AccessTokenClaims, requested: readonly string[]): string {
  if (caller.kind !== 'client' && caller.session) return '';
  const named = requested.length > 0 ? requested.join(' ') : scope;
  return named.length > INTROSPECTED_SCOPES_LENGTH_MAX ? '' : named;
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
async function standingAtGate(
  { gates, env }: Pick<OAuthServices, 'gates' | 'env'>,
  claims: AccessTokenClaims,
  scopes: string,
): Promise<Standing> {
  const { client_id, jti, iat, aud } = claims;
  try {
    return await gates.standingOf(client_id, { jti, issuedAt: iat, audience: aud, scopes });
  } catch (error) {
    if (error instanceof StoreUnavailableError && (await readCopies(env.KV, claims, Date.now())).isRevoked)
      return { isActive: false, isGranted: undefined };
    throw error;
  }
}

/**
 * Reads the copies in KV. They are near but may lag: a token counts as active if they say nothing about it.
 * @throws StoreUnavailableError
 */
async function standingAtEdge({ env }: Pick<OAuthServices, 'env'>, claims: AccessTokenClaims): Promise<Standing> {
  const { isRevoked, isDisabled } = await readCopies(env.KV, claims, Date.now());
  return { isActive: !isRevoked && !isDisabled, isGranted: undefined };
}
