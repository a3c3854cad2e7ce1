import type { z } from '@hono/zod-openapi';
import { classifyError } from '../../http/classify-error.ts';
import { addLogDetails } from '../../log/trace.ts';
import type { Dependents } from '../../store/sql.ts';
import { ERRORS_SHOWN } from '../constants.ts';
import { type FieldError, pointer } from './field-error.ts';

export { type FieldError, pointer };

const PROBLEMS = {
  malformed: [400, 'The request is malformed'],
  unauthorized: [401, 'A valid API key is required'],
  forbidden: [403, 'The API key lacks permission'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  conflict: [409, 'Conflicts with the current state'],
  stale: [412, 'The resource has changed'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  invalid: [422, 'Validation failed'],
  too_many: [429, 'Too many attempts'],
  unavailable: [503, 'Temporarily unavailable'],
  unexpected: [500, 'Unexpected server error'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

/** The detail of a 503 problem. */
export const UNAVAILABLE_DETAIL =
  'The request may have been applied, and may not have reached every gate. Retry it; a POST with the same Idempotency-Key is applied once.';

const NOT_APPLIED_DETAIL =
  'The service is not ready for this request. Nothing was applied; retry after the time in `Retry-After`.';

export type ProblemCode = keyof typeof PROBLEMS;

interface Details {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The resources that refer to the one that cannot be deleted or changed. */
  readonly dependents?: Dependents;
  /** Whether the caller came through Cloudflare Access, and can sign in by it. */
  readonly access?: boolean;
}

/** An error of the management API, answered as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). */
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
    const { detail, errors, headers, dependents, access } = this.details;
    const type = `urn:edgemint:problem:${this.code}`;
    const members = { type, title, status, detail, errors, access };
    const shown = dependents && dependents.shown.length > 0 ? dependents.shown : undefined;
    const orphans = { orphans: shown, orphans_total: dependents?.total };
    return new Response(JSON.stringify({ ...members, ...orphans }), {
      status,
      headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store, no-transform', ...headers },
    });
  }
}

/** Returns the problem of a well-formed request with these errors. */
export function invalid(...errors: readonly FieldError[]): ProblemError {
  return invalidIn(errors);
}

/** Like `invalid`, for a list of any length. The answer names the first `ERRORS_SHOWN` errors. */
export function invalidIn(errors: readonly FieldError[]): ProblemError {
  return new ProblemError('invalid', { errors: errors.slice(0, ERRORS_SHOWN) });
}

/** Rejects a body that exceeds its limit. @throws ProblemError `too_large` */
export function tooLarge(): never {
  throw new ProblemError('too_large');
}

/** The error of a field that the body does not have. */
export const NO_SUCH_FIELD = 'There is no such field.';

/**
 * Converts the issues that a schema found to field errors.
 * @param at the validated part of the request: its body, or the parameters of its URL and headers
 */
export function fieldErrors(issues: readonly z.core.$ZodIssue[], at: 'body' | 'parameter' = 'body'): FieldError[] {
  return issues.slice(0, ERRORS_SHOWN).flatMap((issue) => {
    const isUnknown = issue.code === 'unrecognized_keys';
    const paths = isUnknown ? issue.keys.slice(0, ERRORS_SHOWN).map((key) => [...issue.path, key]) : [issue.path];
    const unknown = at === 'body' ? NO_SUCH_FIELD : 'There is no such parameter.';
    const detail = isUnknown ? unknown : describeIssue(issue);
    return paths.map((keys) =>
      at === 'body' ? { pointer: pointer(...keys), detail } : { parameter: keys.map(String).join('.'), detail },
    );
  });
}

// Zod reports a missing field as a field of the wrong type.
function describeIssue(issue: z.core.$ZodIssue): string {
  const { code, message, path } = issue;
  // The message of the name's own schema says what is wrong with it.
  if (code === 'invalid_key') return issue.issues[0]?.message ?? message;
  if (code !== 'invalid_type' || !message.endsWith('received undefined')) return message;
  if (path.length === 0) return 'A body is required.';
  // An index alone names nothing, so the list's name precedes it: `grants[0]`.
  const nearestName = path.slice(
    Math.max(
      0,
      path.findLastIndex((key) => typeof key === 'string'),
    ),
  );
  const name = nearestName.map((key) => (typeof key === 'number' ? `[${key}]` : String(key))).join('');
  return `\`${name}\` is required.`;
}

/** Returns the management API's answer to any thrown error, and adds the reason to the request's log line. */
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
    // Only a sign-in by Cloudflare Access throws one of these three today. Each ends a request before it writes.
    case 'unknown_use':
    case 'not_yet':
    case 'remote_keys_unavailable':
      return unavailable(NOT_APPLIED_DETAIL, classified.retryAfter);
    case 'store_unavailable':
      return unavailable(UNAVAILABLE_DETAIL, classified.retryAfter);
    case 'misconfigured':
      return new ProblemError('unexpected', { detail: 'The service is not configured.' });
    case 'unexpected':
      return new ProblemError('unexpected');
  }
}

function unavailable(detail: string, retryAfter: number): ProblemError {
  return new ProblemError('unavailable', { detail, headers: { 'Retry-After': String(retryAfter) } });
}
