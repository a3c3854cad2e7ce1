import { STORE_RETRY_AFTER } from '../constants.ts';
import { logFailure } from '../failure-log.ts';

const PROBLEMS = {
  malformed: [400, 'The request is malformed'],
  unauthorized: [401, 'An API key is needed'],
  forbidden: [403, 'The API key may not do this'],
  not_found: [404, 'Not found'],
  conflict: [409, 'In conflict with what is there'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  invalid: [422, 'The request is not valid'],
  unavailable: [503, 'Could not be done just now'],
  unexpected: [500, 'The server met an unexpected condition'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

// A body can be wrong in more places than its sender wants to read, or we to send.
const ERRORS_SHOWN = 100;

/** One thing that is wrong with a body. */
export interface FieldError {
  /** A JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to the field. */
  readonly pointer: string;
  /** What would be right. */
  readonly detail: string;
}

interface Details {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error answer of the management API, as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly details: Details;

  constructor(code: ProblemCode, details: Details = {}) {
    super(details.detail ?? PROBLEMS[code][1]);
    this.code = code;
    this.details = details;
  }

  toResponse(): Response {
    const [status, title] = PROBLEMS[this.code];
    const { detail, errors, headers } = this.details;
    const body = { type: `urn:edgemint:problem:${this.code}`, title, status, detail, errors };
    return new Response(JSON.stringify(body), {
      status,
      headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
    });
  }
}

/** A body that is well formed and still wrong in these fields. */
export function invalid(...errors: readonly FieldError[]): ProblemError {
  return new ProblemError('invalid', { errors: errors.slice(0, ERRORS_SHOWN) });
}

/** A JSON pointer to a path of keys and indexes. */
export function pointer(...path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The answer of the management API to whatever was thrown. */
export function problemResponse(error: unknown): Response {
  return asProblem(error).toResponse();
}

function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  switch (logFailure(error)) {
    case 'unavailable': {
      const headers = { 'Retry-After': String(STORE_RETRY_AFTER) };
      return new ProblemError('unavailable', { detail: 'Nothing is known to have been done: try again.', headers });
    }
    case 'misconfigured':
      return new ProblemError('unexpected', { detail: 'The service is not configured.' });
    case 'unexpected':
      return new ProblemError('unexpected');
  }
}
