import type { JWTPayload } from 'jose';
import type { Confirmation, ResolvedGrant } from '../gates/protocol.ts';

/** The claims of an access token ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)). */
export interface AccessTokenClaims extends JWTPayload {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly client_id: string;
  readonly org_id: string;
  /** Empty if no scope was granted. Absent in a token of older code. */
  readonly scope?: string;
  readonly roles: string[];
  /** Absent if the token is not sender-constrained. */
  readonly cnf?: Confirmation;
}

/**
 * Returns the claims of an access token for a grant.
 * @param issuedAt the gate's clock at admission, seconds since the epoch
 * @param confirmation the key or certificate that the token is bound to
 */
export function accessTokenClaims(
  grant: ResolvedGrant,
  issuer: string,
  issuedAt: number,
  jti: string,
  confirmation: Confirmation = {},
): AccessTokenClaims {
  return {
    ...grant.claims,
    iss: issuer,
    sub: grant.subject,
    aud: grant.resource,
    exp: issuedAt + grant.access_token_ttl,
    iat: issuedAt,
    jti,
    client_id: grant.client_id,
    org_id: grant.organization_id,
    // Also if it is empty: without it, some verifiers look for scopes in other claims.
    scope: grant.scopes.join(' '),
    roles: [...grant.roles],
    ...(Object.keys(confirmation).length > 0 && { cnf: confirmation }),
  };
}
