import { QueryClient, type UseQueryResult, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { call } from './call.ts';
import { onSignedOut } from './expiry.ts';
import { ApiError, asProblem, type Problem } from './problem.ts';
import { readSession, type Session } from './session.tsx';
import type { Data, GetPath, Params, Row } from './types.ts';

const RETRIES_MAX = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // An answer that says what is wrong says so again. No answer, and 503, may pass.
      retry: (failures, error) => failures < RETRIES_MAX && [0, 503].includes(asProblem(error).status),
      refetchOnWindowFocus: true,
    },
  },
});

/** How the names of drafts in the storage of the tab begin. */
export const DRAFT_PREFIX = 'edgemint-';

/** The key of the session among the queries. */
export const SESSION_KEY = ['session'];

/** Shows the sign-in page, and forgets what was read: the next session may be allowed less. */
export function endSession(): void {
  queryClient.setQueryData(SESSION_KEY, null);
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] });
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(DRAFT_PREFIX)) sessionStorage.removeItem(key);
}

/** Ends the page's session if the browser has another one by now, or none. No answer says nothing. */
export async function checkSession(): Promise<void> {
  const known = queryClient.getQueryData<Session | null>(SESSION_KEY);
  if (!known) return;
  const current = await readSession().catch(() => known);
  if (current?.id === known.id) return;
  const isKept = onSignedOut();
  if (current && !isKept) queryClient.setQueryData(SESSION_KEY, current);
}

/** A resource, and the ETag that a change of it must name. */
interface Fetched<T> {
  readonly data: T;
  readonly etag: string | undefined;
}

export interface Resource<T> {
  readonly data: T | undefined;
  readonly etag: string | undefined;
  readonly isLoading: boolean;
  readonly error: Problem | undefined;
  readonly refetch: () => void;
}

/**
 * Reads one resource.
 * @param path the path as in the OpenAPI document, such as `/v1/clients/{client_id}`
 * @param options.enabled false as long as it must not be asked for
 * @param options.refetchInterval milliseconds between two reads
 */
export function useResource<P extends GetPath>(
  path: P,
  params: Params = {},
  options: { readonly enabled?: boolean; readonly refetchInterval?: number | false } = {},
): Resource<Data<P>> {
  const query: UseQueryResult<Fetched<Data<P>>, Error> = useQuery({
    queryKey: [path, params],
    queryFn: async ({ signal }) => {
      const { body, etag } = await call<Data<P>>({ method: 'get', path, params, signal });
      return { data: body, etag };
    },
    ...options,
  });
  return {
    data: query.data?.data,
    etag: query.data?.etag,
    isLoading: query.isLoading,
    error: query.error && !query.data ? asProblem(query.error) : undefined,
    refetch: () => void query.refetch(),
  };
}

export interface List<T> {
  readonly rows: readonly T[];
  readonly hasMore: boolean;
  readonly loadMore: () => void;
  readonly isLoading: boolean;
  readonly error: Problem | undefined;
  readonly refetch: () => void;
}

/** Reads a list page by page. @param path a path whose answer is `{ data, next_cursor }` */
export function useList<P extends GetPath>(
  path: P,
  params: Params = {},
  options: { readonly enabled?: boolean; readonly refetchInterval?: number | false } = {},
): List<Row<P>> {
  const query = useInfiniteQuery({
    queryKey: [path, params, 'pages'],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const query = pageParam === undefined ? params.query : { ...params.query, cursor: pageParam };
      const { body } = await call<Page<Row<P>>>({
        method: 'get',
        path,
        params: { ...params, query: query ?? {} },
        signal,
      });
      return body;
    },
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    ...options,
  });
  return {
    rows: query.data?.pages.flatMap(({ data }) => data) ?? [],
    hasMore: query.hasNextPage,
    loadMore: () => {
      if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
    },
    isLoading: query.isLoading || query.isFetchingNextPage,
    error: query.error && !query.data ? asProblem(query.error) : undefined,
    refetch: () => void query.refetch(),
  };
}

interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor?: string | null;
}

/** Forgets what was read below a path, such as `/v1/clients`, so that it is read again where it is shown. */
export function invalidate(prefix: string): Promise<void> {
  return queryClient.invalidateQueries({
    predicate: ({ queryKey: [path] }) => typeof path === 'string' && path.startsWith(prefix),
  });
}

export { ApiError, useQueryClient };
