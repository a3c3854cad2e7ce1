import { SdkError, type SdkErrorDetails } from '../lib/errors.ts';
import type { RefusalReason } from './refusal.ts';

/** What a `VerificationError` says besides its code and message. */
export interface VerificationErrorDetails extends Omit<SdkErrorDetails, 'status' | 'isTemporary'> {
  readonly status: number;
  readonly reason: RefusalReason;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * A token was refused, or cannot be judged at the moment. It has the answer that the caller must get
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)). No message and no header contains a part of a token.
 *
 * | code | status | meaning |
 * |---|---|---|
 * | `missing_token` | 401 | no credentials; the challenge has no error |
 * | `invalid_request` | 400 | the credentials are malformed, or there are several |
 * | `invalid_token` | 401 | malformed, expired, revoked, for another API, bound to another key, and so on: see `reason` |
 * | `insufficient_scope` | 403 | a scope or a role is missing |
 * | `invalid_dpop_proof` | 401 | the DPoP proof is not for this request, or was used before |
 * | `use_dpop_nonce` | 401 | the proof must have the nonce of `DPoP-Nonce` |
 * | `temporarily_unavailable` | 503 | keys, revocations or used proofs cannot be known; see `cause` |
 * @example
 * if (error instanceof VerificationError) return error.toResponse();
 */
export class VerificationError extends SdkError {
  override readonly name: string = 'VerificationError';
  /** The status of the answer that the caller must get. */
  override readonly status: number;
  /** Why, for logs and metrics: finer than the code. */
  readonly reason: RefusalReason;
  /** The headers of the answer: `WWW-Authenticate`, `DPoP-Nonce`, `Retry-After`, and `Cache-Control: no-store`. */
  readonly headers: Headers;

  constructor(code: string, message: string, details: VerificationErrorDetails) {
    super(code, message, { ...details, isTemporary: details.status === 503 });
    this.status = details.status;
    this.reason = details.reason;
    this.headers = new Headers({ 'Cache-Control': 'no-store', ...details.headers });
  }

  /** Returns the answer for the caller: status, headers, and the error as JSON. */
  toResponse(): Response {
    const { code, message, status, headers } = this;
    return Response.json({ error: code, error_description: message }, { status, headers });
  }
}
