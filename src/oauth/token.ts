import { ACCESS_TOKEN_LENGTH_MAX } from '../constants.ts';
import type { BindingRequest, GrantRequest, RateStatus } from '../gates/protocol.ts';
import { loggable } from '../log/log.ts';
import type { Redacted } from '../log/redacted.ts';
import { addLogDetails, currentTrace } from '../log/trace.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { accessTokenClaims } from '../tokens/access-token.ts';
import { signAccessToken } from '../tokens/sign.ts';
import { authenticateByGrant, JWT_BEARER_GRANT } from './client-authentication/assertion-grant.ts';
import { authenticateClient } from './client-authentication/index.ts';
import type { AdmitIntent, GateAnswer } from './client-authentication/intent.ts';
import { answerForm, type FormEndpoint } from './refusals/note-refusal.ts';
import { type Parameters, requireParameter } from './request/parameters.ts';
import { parseRequestedClaims } from './request/requested-claims.ts';
import { parseResource } from './request/resource.ts';
import { parseScope } from './request/scope.ts';
import { grantError } from './response/grant-error.ts';
import { OAuthError, oauthJson } from './response/oauth-error.ts';
import { rateLimitHeaders } from './response/rate-limit-headers.ts';
import { nonceHeader, nonceRequired, verifyPossession } from './sender-constraint/evidence.ts';
import type { TokenServices } from './services.ts';

const FORM: FormEndpoint = { endpoint: 'token', repeatable: ['resource'] };

type Decision = GateAnswer<AdmitIntent>;
type Admitted = Extract<Decision, { outcome: 'admitted' }>;

/**
 * The token endpoint, for the client credentials grant ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)) and the
 * jwt-bearer grant ([RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).
 */
export function token(services: TokenServices, request: Request): Promise<Response> {
  return answerForm(services, request, FORM, (parameters) => issueToken(services, request, parameters));
}

async function issueToken(services: TokenServices, request: Request, parameters: Parameters): Promise<Response> {
  const authenticate = authenticationFor(requireParameter(parameters, 'grant_type'));
  const grant = {
    resource: parseResource(parameters),
    scopes: parseScope(parameters.get('scope')),
    claims: parseRequestedClaims(parameters.get('claims')),
  };
  const binding = await verifyPossession(services, request);
  const intent: AdmitIntent = { kind: 'admit', grant, binding };
  const { answer } = await authenticate(services, request, parameters, intent);
  if (answer.outcome !== 'admitted') throw await refusalOf(services, answer, grant);
  requireBinding(answer, binding);
  const accessToken = await mint(services, answer);
  return accessTokenResponse(accessToken, answer, answer.wants_dpop_nonce ? await nonceHeader(services) : {});
}

/** Returns how a grant authenticates the client. @throws OAuthError `unsupported_grant_type` for every other grant type */
function authenticationFor(grantType: string): typeof authenticateClient {
  switch (grantType) {
    case 'client_credentials':
      return authenticateClient;
    case JWT_BEARER_GRANT:
      return authenticateByGrant;
    default:
      throw new OAuthError('unsupported_grant_type');
  }
}

async function refusalOf(
  services: Pick<TokenServices, 'dpopNonces'>,
  decision: Exclude<Decision, Admitted>,
  requested: GrantRequest,
): Promise<OAuthError> {
  if (decision.outcome === 'rate_limited') return rateLimited(decision);
  const headers = rateLimitHeaders(decision.rate);
  return decision.error === 'use_dpop_nonce'
    ? nonceRequired(services, headers)
    : grantError(decision.error, decision.details, requested, headers);
}

/** Builds the answer to a request that is beyond the rate limit, or beyond a quota: it says when to retry. */
function rateLimited({ rate, quota }: Extract<Decision, { outcome: 'rate_limited' }>): OAuthError {
  if (!quota) return new OAuthError('slow_down', { headers: retryHeaders(rate, rate.reset) });
  return new OAuthError('slow_down', {
    description: `The client has used up its tokens of this ${quota.period} (UTC).`,
    headers: retryHeaders(rate, quota.reset),
    reason: 'quota_exceeded',
  });
}

/** An older gate ignores the binding. Fails rather than issue an unbound token, which anybody could use. */
function requireBinding({ confirmation }: Admitted, { dpop, certificate }: BindingRequest): void {
  if (!confirmation && (dpop || certificate !== undefined)) throw new StoreUnavailableError('gate', 'an older version');
}

/** Adds when to retry (RFC 6585 section 4): no earlier than the `RateLimit` field says. */
function retryHeaders(rate: RateStatus, seconds: number): Record<string, string> {
  return { ...rateLimitHeaders(rate), 'Retry-After': String(seconds) };
}

async function mint(
  { keyRing, config }: Pick<TokenServices, 'keyRing' | 'config'>,
  { grant, issued_at, rate, confirmation }: Admitted,
): Promise<Redacted> {
  const claims = accessTokenClaims(grant, config.issuer, issued_at, crypto.randomUUID(), confirmation);
  const signer = await keyRing.signer(grant.signing_alg, Date.now());
  const accessToken = await signAccessToken(claims, signer, grant.access_token_typ);
  if (accessToken.reveal().length <= ACCESS_TOKEN_LENGTH_MAX) {
    if (currentTrace()?.logsSuccess) addLogDetails({ jti: loggable(claims.jti), aud: loggable(claims.aud) });
    return accessToken;
  }
  // A longer token would not fit into the body of a request that introspects or revokes it.
  const description = 'The token would be too long: request fewer scopes or claims.';
  throw new OAuthError('invalid_scope', { description, headers: rateLimitHeaders(rate) });
}

/**
 * Builds the token response ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)), with the granted scope even if it
 * is the requested one.
 */
function accessTokenResponse(
  accessToken: Redacted,
  { grant, rate, confirmation }: Admitted,
  headers: Readonly<Record<string, string>>,
): Response {
  const body = {
    access_token: accessToken.reveal(),
    // RFC 9449 section 5
    token_type: confirmation?.jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: grant.access_token_ttl,
    // RFC 6749 section 3.3 has no empty scope, and some clients refuse one.
    ...(grant.scopes.length > 0 && { scope: grant.scopes.join(' ') }),
  };
  return oauthJson(body, 200, rateLimitHeaders(rate), headers);
}
