/** The scheme of the `Authorization` header. */
export type Scheme = 'Bearer' | 'DPoP';

/**
 * Why a token was refused, or cannot be judged: finer than the code, for logs and metrics. The reasons that begin with `proof_` are about the
 * DPoP proof, and those that end with `_unavailable` about what the verifier could not learn.
 */
export type RefusalReason =
  | 'no_token'
  | 'malformed_header'
  | 'several_tokens'
  | 'malformed'
  | 'wrong_type'
  | 'wrong_algorithm'
  | 'unknown_extension'
  | 'unknown_key'
  | 'wrong_signature'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'malformed_claim'
  | 'unknown_binding'
  | 'no_certificate'
  | 'wrong_certificate'
  | 'bound'
  | 'not_bound'
  | 'proof_missing'
  | 'proof_malformed'
  | 'proof_wrong_key'
  | 'proof_wrong_method'
  | 'proof_wrong_url'
  | 'proof_wrong_token'
  | 'proof_wrong_time'
  | 'proof_wrong_nonce'
  | 'proof_used'
  | 'revoked'
  | 'missing_scope'
  | 'missing_role'
  | 'keys_unavailable'
  | 'revocations_unavailable'
  | 'replays_unavailable'
  | 'internal';

/** The error codes of refusals. `missing_token` is not shown in a challenge. */
export type RefusalCode =
  | 'missing_token'
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

/** A token is refused. It becomes an answer at the end, because the challenges need the options of the verifier. */
export class Refusal extends Error {
  readonly reason: RefusalReason;
  readonly code: RefusalCode;
  /** The scopes that the token must have. */
  readonly scope: readonly string[] | undefined;
  /** The scheme of the request, if it had no token. */
  readonly scheme: Scheme | undefined;

  constructor(
    reason: RefusalReason,
    message: string,
    code: RefusalCode = 'invalid_token',
    details: { readonly scope?: readonly string[]; readonly scheme?: Scheme } = {},
  ) {
    super(message);
    this.reason = reason;
    this.code = code;
    this.scope = details.scope;
    this.scheme = details.scheme;
  }
}
