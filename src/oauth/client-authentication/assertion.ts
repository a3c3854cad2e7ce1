import type { TimeFault } from '../../jwt/claims.ts';
import { readUnverified, type UnverifiedJwt } from '../../jwt/compact.ts';
import type { AuthenticationFailure } from '../../log/reasons.ts';
import type { Redacted } from '../../log/redacted.ts';
import { type Parameters, requireSecretParameter } from '../request/parameters.ts';
import { invalidClient, OAuthError } from '../response/oauth-error.ts';

/** An assertion ([RFC 7521 section 4](https://www.rfc-editor.org/rfc/rfc7521#section-4)) before it is verified. */
export interface Assertion extends UnverifiedJwt {
  readonly token: Redacted;
  /** Whether the request declares it to be a JWT-SVID. */
  readonly isSvid: boolean;
}

/** What an assertion is presented to, and as what. */
export interface AssertionContext {
  /** The issuer of this service. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** `client`: it authenticates the client. `grant`: it is the authorization grant, and authenticates the client by that. */
  readonly use: 'client' | 'grant';
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
  if (type !== JWT_BEARER && type !== JWT_SPIFFE) {
    throw invalidClient('malformed_assertion', `client_assertion_type must be ${JWT_BEARER} or ${JWT_SPIFFE}.`);
  }
  return parse(token, type === JWT_SPIFFE);
}

/**
 * Reads the assertion of the jwt-bearer grant ([RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).
 * @throws OAuthError `invalid_request` if it is missing; `invalid_client` if it is not a JWT
 */
export function readGrantAssertion(parameters: Parameters): Assertion {
  return parse(requireSecretParameter(parameters, 'assertion'), false);
}

function parse(token: Redacted, isSvid: boolean): Assertion {
  const jwt = readUnverified(token.reveal());
  if (!jwt) {
    throw invalidClient('malformed_assertion', 'The assertion must be a signed JWT in compact form, without crit.');
  }
  return { ...jwt, token, isSvid };
}

/** The reason that the log gives for each fault in an assertion's times. */
export const TIME_FAILURES: Readonly<Record<TimeFault, AuthenticationFailure>> = {
  malformed: 'malformed_assertion',
  expired: 'assertion_expired',
  not_yet_valid: 'assertion_not_yet_valid',
  lives_too_long: 'assertion_lives_too_long',
};
