import { api } from './client.ts';
import { ApiError, problemOf } from './problem.ts';
import type { Method, Params } from './types.ts';

export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly params?: Params | undefined;
  readonly body?: unknown;
  readonly etag?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Called<T> {
  readonly status: number;
  readonly body: T;
  readonly etag: string | undefined;
  /** Where the progress of a change that was answered with 202 is found. */
  readonly location: string | undefined;
}

type Untyped = (path: string, init: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/** Calls the API. @throws ApiError for every status from 400 on */
export async function call<T>({
  method,
  path,
  params,
  body,
  etag,
  idempotencyKey,
  headers,
  signal,
}: Call): Promise<Called<T>> {
  const untyped = api[method.toUpperCase() as 'GET'] as unknown as Untyped;
  const { data, error, response } = await untyped(path, {
    params: { path: params?.path, query: withoutEmpty(params?.query) },
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
    headers: {
      ...headers,
      ...(etag !== undefined && { 'If-Match': etag }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
    },
  });
  if (!response.ok) throw new ApiError(problemOf(response, error));
  return {
    status: response.status,
    body: data as T,
    etag: response.headers.get('ETag') ?? undefined,
    location: response.headers.get('Location') ?? undefined,
  };
}

function withoutEmpty(query: Params['query'] = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== ''));
}
