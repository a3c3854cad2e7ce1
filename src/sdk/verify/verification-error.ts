import { SdkError, type SdkErrorDetails } from '../lib/errors.ts';

/** What a `VerificationError` says besides its code and message. */
export interface VerificationErrorDetails extends Omit<SdkErrorDetails, 'status' | 'isTemporary'> {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * A token was refused, or cannot be judged at the moment. It knows the answer that the caller must get
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)). No message contains a part of a token.
 *
 * The codes are those of the RFCs: `missing_token` (no credentials; the challenge has no error), `invalid_request`, `invalid_token`,
 * `insufficient_scope`, `invalid_dpop_proof`, `use_dpop_nonce`; and `temporarily_unavailable` if keys or revocations cannot be known.
 * @example
 * if (error instanceof VerificationError) return error.toResponse();
 */
export class VerificationError extends SdkError {
  override readonly name: string = 'VerificationError';
  override readonly status: number;
  /** The headers of the answer, such as `WWW-Authenticate`, `DPoP-Nonce` and `Retry-After`. */
  readonly headers: Headers;

  constructor(code: string, message: string, details: VerificationErrorDetails) {
    super(code, message, { ...details, isTemporary: details.status === 503 });
    this.status = details.status;
    this.headers = new Headers({ 'Cache-Control': 'no-store', ...details.headers });
  }

  /** Returns the answer for the caller: status, headers, and the error as JSON. */
  toResponse(): Response {
    const { code, message, status, headers } = this;
    return Response.json({ error: code, error_description: message }, { status, headers });
  }
}
