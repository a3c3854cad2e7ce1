/** What an `SdkError` says besides its message. */
export interface SdkErrorDetails {
  /** The status of the answer, if there was one. */
  readonly status?: number | undefined;
  /** The `X-Request-Id` of the answer, which finds the request in the server's log. */
  readonly requestId?: string | undefined;
  /** Whether the same call may succeed later, without a change by anybody. */
  readonly isTemporary: boolean;
  /** Seconds after which another attempt makes sense, if it is known. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A failure of this package, with a code and whether waiting helps. No message contains a credential or a token.
 *
 * The codes of the package are `network`, `timeout`, `redirect`, `answer_too_large`, `invalid_answer`, `invalid_option`, `wrong_issuer` and
 * those that the entry points add. Every other code is the `error` of the server
 * ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
 * @example
 * if (error instanceof SdkError && error.isTemporary) console.warn(error.code, error.requestId);
 */
export class SdkError extends Error {
  override readonly name: string = 'SdkError';
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly isTemporary: boolean;
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, details: SdkErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.requestId = details.requestId;
    this.isTemporary = details.isTemporary;
    this.retryAfter = details.retryAfter;
  }
}

/** Returns an error as one of this package: what is none is a fault of the package, or of what the options gave it. */
export function asSdkError(cause: unknown): SdkError {
  if (cause instanceof SdkError) return cause;
  return new SdkError('internal', 'Unexpected failure.', { isTemporary: true, cause });
}
