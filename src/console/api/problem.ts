/** An error that the API answers with, as a problem document. Other failures (no network, no JSON) take the same shape. */
export interface Problem {
  /** The HTTP status, or 0 if there was no answer. */
  readonly status: number;
  readonly title: string;
  readonly detail?: string | undefined;
  readonly errors?: readonly ProblemField[] | undefined;
  /** What refers to the resource that cannot be deleted. */
  readonly orphans?: readonly unknown[] | undefined;
  readonly orphans_total?: number | undefined;
  /** Seconds after which to try again. */
  readonly retryAfter?: number | undefined;
  /** Whether the request for a session came through Cloudflare Access, by which a person can sign in. */
  readonly access?: boolean | undefined;
  /** The id by which the log line of the request is found. */
  readonly requestId?: string | undefined;
}

export interface ProblemField {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** A failed call, thrown so that TanStack Query sees it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(sentence(problem));
    this.problem = problem;
  }
}

/** Returns the problem of a failed response. @param body what was read of it already */
export function problemOf(response: Response, body: unknown): Problem {
  const document = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem> & {
    error_description?: string;
  };
  const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return {
    ...document,
    status: response.status,
    title: document.title ?? document.error_description ?? `The service answered ${response.status}`,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
    requestId: response.headers.get('X-Request-Id') ?? undefined,
  };
}

/** Returns the problem of anything thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  if (error instanceof TypeError)
    return { status: 0, title: 'The service cannot be reached', detail: 'Check the connection and try again.' };
  return { status: 0, title: error instanceof Error ? error.message : String(error) };
}

/** Returns the problem of a field that must not be empty. */
export function missing(pointer: string, detail = 'Say for how long.'): Problem {
  return { status: 422, title: 'A field is empty', errors: [{ pointer, detail }] };
}

/** Returns a problem as one or two sentences. */
export function sentence({ title, detail, errors }: Problem): string {
  const first = detail ?? errors?.map((error) => error.detail).join(' ');
  return first ? `${title.replace(/\.$/, '')}. ${first}` : title;
}
