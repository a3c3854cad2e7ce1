import type { z } from '@hono/zod-openapi';
import { classifyError } from '../../http/classify-error.ts';
import { addLogDetails } from '../../log/trace.ts';
import type { Dependents } from '../../store/sql.ts';
import { ERRORS_SHOWN } from '../constants.ts';

const PROBLEMS = {
  malformed: [400, 'The request is malformed'],
  unauthorized: [401, 'An API key is needed'],
  forbidden: [403, 'The API key may not do this'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Another method is needed'],
  conflict: [409, 'In conflict with what is there'],
  stale: [412, 'It was changed since'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  invalid: [422, 'The request is not valid'],
  too_many: [429, 'Too many attempts'],
  unavailable: [503, 'Could not be done just now'],
  unexpected: [500, 'The server met an unexpected condition'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

const UNAVAILABLE =
  'It is not known whether this was done, or whether every gate has heard of it. Send it again: with the same Idempotency-Key a POST is done once.';

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing that is wrong with a request. */
export type FieldError = {
  /** What would be right. */
  readonly detail: string;
} & (
  | {
      /** A JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to the field of the body. */
      readonly pointer: string;
    }
  | {
      /** The name of the parameter, or header. */
      readonly parameter: string;
    }
);

interface Details {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** What would be orphaned. */
  readonly orphans?: Dependents;
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
    const { detail, errors, headers, orphans } = this.details;
    const type = `urn:edgemint:problem:${this.code}`;
    const body = { type, title, status, detail, errors, orphans: orphans?.some, orphans_total: orphans?.total };
    return new Response(JSON.stringify(body), {
      status,
      headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
    });
  }
}

/** A body that is well formed and still wrong in these fields. */
export function invalid(...errors: readonly FieldError[]): ProblemError {
  return invalidIn(errors);
}

/** As `invalid`, for however many there are: the first of them are told. */
export function invalidIn(errors: readonly FieldError[]): ProblemError {
  return new ProblemError('invalid', { errors: errors.slice(0, ERRORS_SHOWN) });
}

/** What a body over its limit ends with. @throws ProblemError */
export function tooLarge(): never {
  throw new ProblemError('too_large');
}

/** A JSON pointer to a path of keys and indexes. */
export function pointer(...path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What a schema found wrong, field by field. @param at where the checked part stands: in the body, or in the URL or header */
export function fieldErrors(issues: readonly z.core.$ZodIssue[], at: 'body' | 'parameter' = 'body'): FieldError[] {
  return issues.slice(0, ERRORS_SHOWN).flatMap((issue) => {
    const isUnknown = issue.code === 'unrecognized_keys';
    const paths = isUnknown ? issue.keys.slice(0, ERRORS_SHOWN).map((key) => [...issue.path, key]) : [issue.path];
    const unknown = `There is no such ${at === 'body' ? 'field' : 'parameter'}.`;
    const detail = isUnknown ? unknown : whatWouldBeRight(issue);
    return paths.map((keys) =>
      at === 'body' ? { pointer: pointer(...keys), detail } : { parameter: keys.map(String).join('.'), detail },
    );
  });
}

// To a schema a field that is missing is one of another type.
function whatWouldBeRight({ code, message }: z.core.$ZodIssue): string {
  return code === 'invalid_type' && message.endsWith('received undefined') ? 'This must be given.' : message;
}

/** The answer of the management API to whatever was thrown, which the log is told of. */
export function problemResponse(error: unknown): Response {
  return asProblem(error).toResponse();
}

function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    addLogDetails({ reason: error.code });
    return error;
  }
  const classified = classifyError(error);
  addLogDetails(classified.log);
  switch (classified.kind) {
    case 'too_many_attempts':
      return new ProblemError('too_many', { headers: { 'Retry-After': String(classified.retryAfter) } });
    case 'not_yet':
    case 'remote_keys_unavailable':
    case 'store_unavailable': {
      const headers = { 'Retry-After': String(classified.retryAfter) };
      return new ProblemError('unavailable', { detail: UNAVAILABLE, headers });
    }
    case 'misconfigured':
      return new ProblemError('unexpected', { detail: 'The service is not configured.' });
    case 'unexpected':
      return new ProblemError('unexpected');
  }
}
