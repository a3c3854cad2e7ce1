import type { JWTPayload } from 'jose';
import type { Requirements, VerifiedToken } from './options.ts';
import { Refusal } from './refusal.ts';

/** What the claims of a token must be. */
export interface ExpectedClaims {
  readonly issuer: string;
  readonly audience: string;
  readonly acceptForeignAudiences: boolean;
  /** Seconds. */
  readonly tolerance: number;
}

/**
 * Checks the claims of an access token whose signature is right
 * ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4), [RFC 7519 section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).
 * @param now milliseconds since the epoch
 * @throws Refusal
 */
export function readClaims(claims: JWTPayload, expected: ExpectedClaims, now: number): VerifiedToken {
  const { iss, sub, exp, nbf, iat, jti, org_id, client_id = claims.azp } = claims;
  const seconds = now / 1000;
  if (iss !== expected.issuer) throw new Refusal('wrong_issuer', 'The token is from another issuer.');
  if (!isForAudience(claims.aud, expected)) {
    throw new Refusal('wrong_audience', 'The token is not for this API, or not for it alone.');
  }
  if (!isTime(exp)) throw malformedClaim('exp');
  if (nbf !== undefined && !isTime(nbf)) throw malformedClaim('nbf');
  if (iat !== undefined && !isTime(iat)) throw malformedClaim('iat');
  if (seconds >= exp + expected.tolerance) throw new Refusal('expired', 'The token has expired.');
  if (Math.max(nbf ?? 0, iat ?? 0) > seconds + expected.tolerance) {
    throw new Refusal('not_yet_valid', 'The token is not valid yet.');
  }
  if (sub !== undefined && typeof sub !== 'string') throw malformedClaim('sub');
  if (jti !== undefined && typeof jti !== 'string') throw malformedClaim('jti');
  if (typeof client_id !== 'string' || client_id === '') throw malformedClaim('client_id');
  return {
    client_id,
    sub,
    org_id: typeof org_id === 'string' ? org_id : undefined,
    scopes: listOf(claims.scope ?? claims.scp),
    roles: Array.isArray(claims.roles) ? claims.roles.filter((role) => typeof role === 'string') : [],
    jti,
    issued_at: iat,
    expires_at: exp,
    claims,
  };
}

/** Checks that a token has the scopes and roles that all calls need, and those of one call. @throws Refusal `insufficient_scope` */
export function requireRights(token: VerifiedToken, all: Requirements, one: Requirements): void {
  const isMissing = (name: string) => !token.scopes.includes(name);
  if (listOf(all.scope).some(isMissing) || listOf(one.scope).some(isMissing)) {
    const scope = requiredScopes(all, one);
    const message = `The token lacks the scope ${scope.filter(isMissing).join(' ')}.`;
    throw new Refusal('missing_scope', message, 'insufficient_scope', { scope });
  }
  const isAbsent = (name: string) => !token.roles.includes(name);
  if (all.roles?.some(isAbsent) || one.roles?.some(isAbsent)) {
    const scope = requiredScopes(all, one);
    throw new Refusal('missing_role', 'The token lacks a role.', 'insufficient_scope', { scope });
  }
}

/** Returns the scopes that a token needs, each once. */
export function requiredScopes(all: Requirements, one: Requirements): string[] {
  return [...new Set([...listOf(all.scope), ...listOf(one.scope)])];
}

/** Returns the names of a list, or of a text that spaces separate. */
function listOf(names: unknown): readonly string[] {
  if (typeof names === 'string') return names.split(' ').filter((name) => name !== '');
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

function isForAudience(aud: unknown, { audience, acceptForeignAudiences }: ExpectedClaims): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.includes(audience) && (acceptForeignAudiences || aud.every((member) => member === audience));
}

/** Whether a value is a time in seconds since the epoch ([RFC 7519 section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)). */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function malformedClaim(name: string): Refusal {
  return new Refusal('malformed_claim', `The claim ${name} of the token is missing or malformed.`);
}
