import { useList, useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import {
  CLIENTS_JUDGED,
  COUNTED,
  EXPIRING_DAYS,
  endingSecrets,
  expiringApiKeys,
  expiringClients,
  failingWebhooks,
  SECRETS_ASKED,
  UNUSED_DAYS,
  unusedClients,
  unusedRights,
  unusedSecrets,
} from './to-do.ts';
import type { ToDoListProps } from './to-do-list.tsx';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Returns what is to be done in an organization. Each question that the session may not ask is left out. */
export function useOrganizationToDo(organizationId: string): ToDoListProps {
  const mayClients = useCan('clients:read');
  const mayWebhooks = useCan('webhooks:read');
  const mayKeys = useCan('api-keys:read');
  // Whole hours, so that a question has the same key when the page is rendered again.
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const at = (days: number) => new Date(now + days * DAY_MS).toISOString();
  const owned = { organization_id: organizationId };
  const list = { ...owned, limit: COUNTED, status: 'active' };
  const asked = { enabled: mayClients };

  const unused = useResource(
    '/v1/clients',
    // In this order an index has exactly these clients.
    { query: { ...list, unused_since: at(-UNUSED_DAYS), sort: 'last_used_at' } },
    asked,
  );
  const expiring = useResource('/v1/clients', { query: { ...list, expires_before: at(EXPIRING_DAYS) } }, asked);
  const webhooks = useResource('/v1/webhooks', { query: { ...owned, limit: COUNTED } }, { enabled: mayWebhooks });
  const keys = useList('/v1/api-keys', { query: { ...owned, limit: COUNTED } }, { enabled: mayKeys });
  const some = { ...owned, limit: SECRETS_ASKED };
  const ending = useList('/v1/secrets', { query: { ...some, expires_before: at(EXPIRING_DAYS) } }, asked);
  const safe = useList('/v1/secrets', { query: { ...some, safe_to_delete: 'true' } }, asked);
  const rights = useList(
    '/v1/organizations/{id}/least-privilege',
    { path: { id: organizationId }, query: { limit: CLIENTS_JUDGED } },
    asked,
  );

  const lists = [keys, ending, safe, rights];
  const all = [unused, expiring, webhooks, ...lists];
  return {
    items: [
      ...unusedClients(organizationId, unused.data?.data.length ?? 0, hasNext(unused.data)),
      ...expiringClients(organizationId, expiring.data?.data.length ?? 0, hasNext(expiring.data)),
      ...failingWebhooks(organizationId, webhooks.data?.data ?? []),
      ...expiringApiKeys(organizationId, keys.rows, now),
      ...endingSecrets(organizationId, ending.rows),
      ...unusedRights(organizationId, rights.rows),
      ...unusedSecrets(organizationId, safe.rows),
    ],
    isLoading: all.some(({ isLoading }) => isLoading),
    problems: all.flatMap(({ error }) => error ?? []),
    note: rights.hasMore
      ? `All clients are looked at, except for unused rights: so far only those of the first ${rights.rows.length} by name.`
      : undefined,
    more: lists.some(({ hasMore }) => hasMore)
      ? () => {
          for (const { loadMore } of lists) loadMore();
        }
      : undefined,
  };
}

function hasNext(list: { readonly next_cursor: string | null } | undefined): boolean {
  return list !== undefined && list.next_cursor !== null;
}
