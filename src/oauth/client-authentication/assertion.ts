import type { TimeFault } from '../../jwt/claims.ts';
import { readUnverified, type UnverifiedJwt } from '../../jwt/compact.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Redacted } from '../../log/redacted.ts';
import type { Parameters } from '../request/parameters.ts';
import { invalidClient, OAuthError } from '../response/oauth-error.ts';

/** A client assertion ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)) before it is verified. */
export interface Assertion extends UnverifiedJwt {
  readonly token: Redacted;
  /** Whether the request declares it to be a JWT-SVID. */
  readonly isSvid: boolean;
}

/** [RFC 7523 section 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2). */
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** [draft-ietf-oauth-spiffe-client-auth](https://datatracker.ietf.org/doc/draft-ietf-oauth-spiffe-client-auth/). */
export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

/**
 * Reads the client assertion of a request.
 * @returns undefined if the request has none
 * @throws OAuthError `invalid_request` if its type is missing; `invalid_client` if the type is unknown or the assertion is not a JWT
 */
export function readAssertion(parameters: Parameters): Assertion | undefined {
  const token = parameters.secret('client_assertion');
  if (token === undefined) return undefined;
  const type = parameters.get('client_assertion_type');
  if (type === undefined) {
    throw new OAuthError('invalid_request', { description: 'The parameter client_assertion_type is missing.' });
  }
  const jwt = readUnverified(token.reveal());
  if ((type !== JWT_BEARER && type !== JWT_SPIFFE) || !jwt) throw invalidClient('malformed_assertion');
  return { ...jwt, token, isSvid: type === JWT_SPIFFE };
}

/** The reason that the log gives for each fault in an assertion's times. */
export const TIME_FAILURES: Readonly<Record<TimeFault, AuthenticationFailure>> = {
  malformed: 'malformed_assertion',
  expired: 'assertion_expired',
  not_yet_valid: 'assertion_not_yet_valid',
  lives_too_long: 'assertion_lives_too_long',
};
