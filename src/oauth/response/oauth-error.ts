import { createResponse } from '../../http/create-response.ts';
import type { AuthenticationFailure, GrantFailure, ProofFailure } from '../../log/reasons.ts';

/** The errors of the OAuth endpoints: HTTP status, and the description unless a more precise one is given. */
const ERRORS = {
  // RFC 6749 section 5.2
  invalid_request: [400, 'The request is missing a parameter, repeats one, or is otherwise malformed.'],
  invalid_client: [401, 'Client authentication failed.'],
  invalid_grant: [400, 'The assertion was refused.'],
  unauthorized_client: [400, 'The client has no grant at any resource server.'],
  unsupported_grant_type: [
    400,
    'The grant type is not supported: use client_credentials, or urn:ietf:params:oauth:grant-type:jwt-bearer.',
  ],
  invalid_scope: [400, 'The scope is malformed, unknown, or not granted to the client.'],
  // RFC 6749 section 4.1.2.1
  unsupported_response_type: [
    400,
    'There is no user flow: get a token at the token endpoint, with client_credentials.',
  ],
  // RFC 8707 section 2
  invalid_target: [400, 'The resource is missing, malformed, unknown, or not granted to the client.'],
  // RFC 9449 section 5
  invalid_dpop_proof: [400, 'The DPoP proof is not valid for this request.'],
  // RFC 9449 section 8
  use_dpop_nonce: [400, 'The DPoP proof must have the nonce of the DPoP-Nonce header.'],
  // RFC 6750 section 3.1
  invalid_token: [401, 'The API key is not valid.'],
  // RFC 8628 section 3.5 has the name; RFC 6585 section 4 the status
  slow_down: [429, 'Too many requests: wait before the next one.'],
  // RFC 6749 section 4.1.2.1 has the names
  temporarily_unavailable: [503, 'The service could not process the request at the moment: try again.'],
  server_error: [500, 'The server met an unexpected condition.'],
} as const satisfies Record<string, readonly [status: number, description: string]>;

export type OAuthErrorCode = keyof typeof ERRORS;

function isCode(reason: string): reason is OAuthErrorCode {
  return Object.hasOwn(ERRORS, reason);
}

interface Details {
  /** Replaces the general description. It must echo nothing that the client sent, except by `echoOf`. */
  readonly description?: string;
  /** Replaces the general status. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log only: it says more than the client may know. */
  readonly reason?: AuthenticationFailure | ProofFailure | GrantFailure;
}

/** An error answer of an OAuth endpoint ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** For the log. */
  readonly reason: OAuthErrorCode | AuthenticationFailure | ProofFailure | GrantFailure;

  constructor(code: OAuthErrorCode, { description, status, headers, reason }: Details = {}) {
    super(description ?? ERRORS[code][1]);
    this.code = code;
    this.status = status ?? ERRORS[code][0];
    this.headers = headers ?? {};
    this.reason = reason ?? code;
  }

  /** The description, if it says more than the code. */
  get specificDescription(): string | undefined {
    return this.message === ERRORS[this.code][1] ? undefined : this.message;
  }

  /** Returns the same error with another description. It must echo nothing that the client sent. */
  withDescription(description: string): OAuthError {
    return this.#with(this.code, { description, status: this.status, headers: this.headers });
  }

  /**
   * Returns the error of an authorization grant whose assertion failed as this error says
   * ([RFC 7521 section 4.1.1](https://www.rfc-editor.org/rfc/rfc7521#section-4.1.1)).
   */
  asInvalidGrant(): OAuthError {
    return this.#with('invalid_grant', {
      description: this.message.replace(ERRORS.invalid_client[1], ERRORS.invalid_grant[1]),
    });
  }

  #with(code: OAuthErrorCode, details: Omit<Details, 'reason'>): OAuthError {
    const { reason } = this;
    return new OAuthError(code, { ...details, ...(!isCode(reason) && { reason }) });
  }

  toResponse(): Response {
    return oauthJson({ error: this.code, error_description: this.message }, this.status, this.headers);
  }
}

/**
 * Returns the `invalid_client` error. It is the same for an unknown client, a wrong secret and a disabled client.
 * @param advice what to change, if that follows from the request alone
 */
export function invalidClient(reason?: AuthenticationFailure, advice?: string): OAuthError {
  return new OAuthError('invalid_client', {
    ...(reason && { reason }),
    ...(advice !== undefined && { description: `${ERRORS.invalid_client[1]} ${advice}` }),
    headers: { 'WWW-Authenticate': 'Basic realm="edgemint", charset="UTF-8"' },
  });
}

/**
 * Returns the error for an API key. It is the same for an unknown, an expired and a malformed one
 * ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
 */
export function invalidApiKey(): OAuthError {
  return new OAuthError('invalid_token', {
    headers: { 'WWW-Authenticate': 'Bearer realm="edgemint", error="invalid_token"' },
  });
}

/** Returns the error for a path that no route matches. */
export function noSuchEndpoint(): OAuthError {
  return new OAuthError('invalid_request', { status: 404, description: 'No such endpoint.' });
}

const UNCACHED_JSON = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Pragma: 'no-cache' };

/** Returns a JSON answer that no cache may store ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). */
export function oauthJson(
  body: unknown,
  status = 200,
  ...headers: readonly Readonly<Record<string, string>>[]
): Response {
  return createResponse(JSON.stringify(body), status, UNCACHED_JSON, ...headers);
}
