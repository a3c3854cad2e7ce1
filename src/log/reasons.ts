/** Why a request ended as it did, finer than its answer may be: the codes of both APIs, and what only the log tells. */
export type Reason =
  | AuthenticationFailure
  | Inactivity
  | Unavailability
  | 'too_many_attempts'
  | 'misconfigured'
  // The codes of the OAuth endpoints.
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_token'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'server_error'
  // Those of the management API's problems.
  | 'malformed'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'stale'
  | 'too_large'
  | 'unsupported_media_type'
  | 'invalid'
  | 'too_many'
  | 'unavailable'
  | 'unexpected';

/** Why a client was not authenticated. */
export type AuthenticationFailure =
  | 'no_credentials'
  | 'malformed_credentials'
  | 'more_than_one_method'
  | 'two_client_ids'
  | 'unknown_client'
  | 'mistyped_secret'
  | 'wrong_secret'
  | 'disabled_client';

/** Why a token is inactive to its introspection, or was left as it is by its revocation. */
export type Inactivity = 'expired_or_invalid' | 'not_theirs' | 'scope_not_granted' | 'revoked';

export type Store = 'd1' | 'kv' | 'gate';

export type Unavailability = `${Store}_unavailable`;
