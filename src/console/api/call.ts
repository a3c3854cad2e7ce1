import { ISSUER_URL } from './address.ts';
import { onSignedOut } from './expiry.ts';
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

/** Calls the API with the cookie of the session; the page never has a key. @throws ApiError for every status from 400 on */
export async function call<T>({ method, path, params = {}, body, ...options }: Call): Promise<Called<T>> {
  const { etag, idempotencyKey, headers, signal } = options;
  const response = await fetch(urlOf(path, params), {
    method: method.toUpperCase(),
    credentials: 'same-origin',
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(etag !== undefined && { 'If-Match': etag }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  if (!response.ok) {
    if (response.status === 401) onSignedOut();
    throw new ApiError(problemOf(response, readJson(text)));
  }
  return {
    status: response.status,
    body: readJson(text) as T,
    etag: response.headers.get('ETag') ?? undefined,
    location: response.headers.get('Location') ?? undefined,
  };
}

function urlOf(path: string, { path: names = {}, query = {} }: Params): string {
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? ''));
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => {
      if (value === undefined || value === '') return [];
      return Array.isArray(value) ? value.map((each) => [name, String(each)]) : [[name, String(value)]];
    }),
  );
  return `${ISSUER_URL}${filled}${search.size > 0 ? `?${search}` : ''}`;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
