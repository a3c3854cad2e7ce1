/**
 * Why a request ended as it did: the error codes of both APIs, and finer reasons that only the log contains, because the answer must not
 * disclose them. Reasons are an interface (docs/logs.md): never rename one.
 */
export type Reason =
  | AuthenticationFailure
  | ProofFailure
  | GrantFailure
  | Inactivity
  | Unavailability
  | 'remote_keys_unavailable'
  // The gate lost its memory, and cannot tell whether the assertion or proof was used before.
  | 'use_unknown'
  | 'too_many_attempts'
  | 'misconfigured'
  // Error codes of the OAuth endpoints.
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_token'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'server_error'
  // Problem types of the management API.
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

/**
 * The reasons that are about a client and not about the service. The diagnosis of a client explains each of them
 * (src/management/diagnosis/explanations.ts).
 */
export type ClientReason =
  | AuthenticationFailure
  | ProofFailure
  | GrantFailure
  | Extract<
      Reason,
      | 'not_theirs'
      | 'remote_keys_unavailable'
      | 'use_unknown'
      | 'too_many_attempts'
      | 'invalid_request'
      | 'invalid_client'
      | 'unauthorized_client'
      | 'unsupported_grant_type'
      | 'invalid_scope'
      | 'invalid_target'
      | 'slow_down'
      | 'use_dpop_nonce'
    >;

/** Why a client was not authenticated. */
export type AuthenticationFailure =
  | 'no_credentials'
  | 'malformed_credentials'
  | 'more_than_one_method'
  | 'two_client_ids'
  | 'unknown_client'
  | 'mistyped_secret'
  | 'wrong_secret'
  | 'disabled_client'
  | 'expired_client'
  | 'expired_secret'
  // Reasons for assertions.
  | 'malformed_assertion'
  | 'wrong_type'
  | 'wrong_algorithm'
  | 'wrong_subject'
  | 'wrong_audience'
  | 'assertion_expired'
  | 'assertion_not_yet_valid'
  | 'assertion_lives_too_long'
  | 'method_not_registered'
  | 'no_such_key'
  | 'no_such_identity'
  | 'ambiguous_identity'
  | 'replayed'
  // Reasons for certificates.
  | 'certificate_not_verified'
  | 'certificate_revoked'
  | 'no_such_certificate'
  // The edge verified the credential, and the client's gate refused it.
  | 'refused_by_gate';

/** Why a DPoP proof was refused. */
export type ProofFailure =
  | 'proof_malformed'
  | 'proof_wrong_type'
  | 'proof_wrong_algorithm'
  | 'proof_wrong_key'
  | 'proof_wrong_signature'
  | 'proof_wrong_method'
  | 'proof_wrong_uri'
  | 'proof_too_old'
  | 'proof_from_the_future'
  | 'proof_replayed';

/** Why an authenticated client got no token, if the error code does not say it. */
export type GrantFailure =
  | 'dpop_required'
  | 'certificate_required'
  | 'binding_required'
  | 'claims_not_requestable'
  | 'quota_exceeded';

/** Why introspection answered `active: false`, or why a revocation request left the token unchanged. */
export type Inactivity =
  | 'expired_or_invalid'
  | 'not_theirs'
  | 'scope_not_granted'
  | 'revoked'
  | 'resource_server_deleted';

export type Store = 'd1' | 'kv' | 'gate';

export type Unavailability = `${Store}_unavailable`;
