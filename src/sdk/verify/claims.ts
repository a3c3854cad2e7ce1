import type { JWTPayload } from 'jose';
import { CLOCK_TOLERANCE } from './constants.ts';
import type { Requirements, VerifiedToken, VerifierOptions } from './options.ts';

/** Why a token is refused. */
export interface Refusal {
  readonly code: 'invalid_token' | 'insufficient_scope';
  readonly message: string;
  /** The scopes that a token must have. */
  readonly scope?: readonly string[];
}

type ClaimOptions = Pick<VerifierOptions, 'issuer' | 'audience' | 'acceptForeignAudiences' | 'clockTolerance'>;

/**
 * Checks the claims of an access token whose signature is right
 * ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4), [RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).
 * @param now milliseconds since the epoch
 */
export function judgeClaims(claims: JWTPayload, options: ClaimOptions, now: number): VerifiedToken | Refusal {
  const { iss, sub, exp, nbf, iat, jti, org_id, azp } = claims;
  const { clockTolerance: tolerance = CLOCK_TOLERANCE } = options;
  const seconds = now / 1000;
  if (iss !== options.issuer) return invalid('The token is from another issuer.');
  if (!isForAudience(claims.aud, options)) return invalid('The token is not for this API alone.');
  if (!isTime(exp)) return invalid('The token has no valid exp.');
  if (seconds >= exp + tolerance) return invalid('The token has expired.');
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + tolerance)) return invalid('The token is not valid yet.');
  if (iat !== undefined && !(isTime(iat) && iat <= seconds + tolerance)) return invalid('The token has no valid iat.');
  if (![sub, jti].every((value) => value === undefined || typeof value === 'string'))
    return invalid('A claim of the token is not a string.');
  const client_id = claims.client_id ?? azp;
  if (typeof client_id !== 'string' || client_id === '') return invalid('The token names no client_id.');
  return {
    client_id,
    sub,
    org_id: typeof org_id === 'string' ? org_id : undefined,
    scopes: listOf(claims.scope),
    roles: Array.isArray(claims.roles) ? claims.roles.filter((role) => typeof role === 'string') : [],
    jti,
    issued_at: iat,
    expires_at: exp,
    claims,
  };
}

/** Returns why a token does not suffice, or undefined if it does. */
export function judgeRights(token: VerifiedToken, all: Requirements, one: Requirements): Refusal | undefined {
  const scope = [...new Set([...listOf(all.scope), ...listOf(one.scope)])];
  const missing = scope.filter((name) => !token.scopes.includes(name));
  if (missing.length > 0) return insufficient(`The token lacks the scope ${missing.join(' ')}.`, scope);
  const role = [...(all.roles ?? []), ...(one.roles ?? [])].find((name) => !token.roles.includes(name));
  return role === undefined ? undefined : insufficient('The token lacks a role.', scope);
}

/** Whether what was judged is refused. */
export function isRefusal(judged: object): judged is Refusal {
  return 'code' in judged && 'message' in judged;
}

/** Returns the names of a list, or of a text that spaces separate. */
export function listOf(names: unknown): readonly string[] {
  if (typeof names === 'string') return names.split(' ').filter((name) => name !== '');
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

function isForAudience(aud: unknown, { audience, acceptForeignAudiences = false }: ClaimOptions): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.includes(audience) && (acceptForeignAudiences || aud.every((member) => member === audience));
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function invalid(message: string): Refusal {
  return { code: 'invalid_token', message };
}

function insufficient(message: string, scope: readonly string[]): Refusal {
  return { code: 'insufficient_scope', message, scope };
}
