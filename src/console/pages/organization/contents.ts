import { useQueries } from '@tanstack/react-query';
import { call } from '../../api/call.ts';
import { type ApiKeyScope, can, useSession } from '../../api/session.tsx';

/** What an organization owns. */
const KINDS = [
  { label: 'Clients, with their secrets', path: '/v1/clients', scope: 'clients:read', name: 'client_name' },
  { label: 'Resource servers', path: '/v1/resource-servers', scope: 'resource-servers:read', name: 'identifier' },
  { label: 'Roles', path: '/v1/roles', scope: 'roles:read', name: 'name' },
  { label: 'API keys', path: '/v1/api-keys', scope: 'api-keys:read', name: 'name' },
  { label: 'Webhooks', path: '/v1/webhooks', scope: 'webhooks:read', name: 'name' },
] as const satisfies readonly { label: string; path: string; scope: ApiKeyScope; name: string }[];

/** Pages of 100 that are counted at most. Beyond, the count says that there are more. */
const PAGES_MAX = 10;
const NAMES_SHOWN = 5;

export interface Content {
  readonly label: string;
  /** A number, or a text such as `1,000 or more`. Undefined while it is counted. */
  readonly count: string | undefined;
  /** The names of the first ones. */
  readonly names: readonly string[];
}

/** Counts what an organization owns, as far as the session may see it. @param enabled false as long as it need not be known */
export function useContents(organizationId: string, enabled: boolean): Content[] {
  const session = useSession();
  const kinds = KINDS.filter(({ scope }) => can(session, scope));
  const queries = useQueries({
    queries: kinds.map(({ path, name }) => ({
      queryKey: [path, organizationId, 'count'],
      queryFn: ({ signal }: { signal: AbortSignal }) => countOwned(path, name, organizationId, signal),
      enabled,
    })),
  });
  return kinds.map(({ label }, index) => {
    const found = queries[index]?.data;
    if (queries[index]?.isError) return { label, count: 'unknown', names: [] };
    return {
      label,
      count: found && `${found.count.toLocaleString('en')}${found.hasMore ? ' or more' : ''}`,
      names: found?.names ?? [],
    };
  });
}

async function countOwned(path: string, name: string, organizationId: string, signal: AbortSignal) {
  let cursor: string | undefined;
  const found: string[] = [];
  let count = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = { organization_id: organizationId, limit: 100, cursor };
    const { body } = await call<{ data: Record<string, unknown>[]; next_cursor: string | null }>({
      method: 'get',
      path,
      params: { query },
      signal,
    });
    // Lists of an organization have the shared resources as well, which stay.
    const owned = body.data.filter((item) => item.organization_id === organizationId);
    count += owned.length;
    found.push(...owned.slice(0, NAMES_SHOWN).map((item) => String(item[name])));
    if (body.next_cursor === null) return { count, names: found.slice(0, NAMES_SHOWN), hasMore: false };
    cursor = body.next_cursor;
  }
  return { count, names: found.slice(0, NAMES_SHOWN), hasMore: true };
}
