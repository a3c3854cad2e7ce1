import { useQuery } from '@tanstack/react-query';
import { call } from '../../api/call.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { useResource } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import type { Schema } from '../../api/types.ts';
import {
  CLIENTS_ASKED,
  CLIENTS_JUDGED,
  type ClientSecrets,
  COUNTED,
  EXPIRING_DAYS,
  expiringApiKeys,
  expiringClients,
  failingWebhooks,
  secretsToDo,
  type ToDo,
  UNUSED_DAYS,
  unusedClients,
  unusedRights,
} from './to-do.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** The answers cost requests to gates, and change slowly. */
const STALE_MS = 5 * 60_000;

/** Returns what is to be done in an organization. Each question that the session may not ask is left out. */
export function useOrganizationToDo(organizationId: string): {
  readonly items: readonly ToDo[];
  readonly isLoading: boolean;
  readonly problems: readonly Problem[];
} {
  const mayClients = useCan('clients:read');
  const mayWebhooks = useCan('webhooks:read');
  const mayKeys = useCan('api-keys:read');
  const mayAudit = useCan('audit:read');
  // Whole hours, so that a question has the same key when the page is rendered again.
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const at = (days: number) => new Date(now + days * DAY_MS).toISOString();
  const list = { organization_id: organizationId, limit: COUNTED, status: 'active' };

  const unused = useResource(
    '/v1/clients',
    { query: { ...list, unused_since: at(-UNUSED_DAYS) } },
    { enabled: mayClients },
  );
  const expiring = useResource(
    '/v1/clients',
    { query: { ...list, expires_before: at(EXPIRING_DAYS) } },
    { enabled: mayClients },
  );
  const webhooks = useResource(
    '/v1/webhooks',
    { query: { organization_id: organizationId, limit: COUNTED } },
    { enabled: mayWebhooks },
  );
  const keys = useResource(
    '/v1/api-keys',
    { query: { organization_id: organizationId, limit: COUNTED } },
    { enabled: mayKeys },
  );
  const rights = useResource(
    '/v1/organizations/{id}/least-privilege',
    { path: { id: organizationId }, query: { limit: CLIENTS_JUDGED } },
    { enabled: mayClients },
  );
  const secrets = useQuery({
    queryKey: ['/v1/clients/{client_id}/secrets', 'rotated', organizationId],
    queryFn: ({ signal }) => readRotatedSecrets(organizationId, signal),
    enabled: mayClients && mayAudit,
    staleTime: STALE_MS,
  });

  const asked = [unused, expiring, webhooks, keys, rights];
  const problems = [...asked.flatMap(({ error }) => error ?? []), ...(secrets.error ? [asProblem(secrets.error)] : [])];
  return {
    items: [
      ...unusedClients(organizationId, unused.data?.data.length ?? 0, hasNext(unused.data)),
      ...expiringClients(organizationId, expiring.data?.data.length ?? 0, hasNext(expiring.data)),
      ...failingWebhooks(organizationId, webhooks.data?.data ?? []),
      ...expiringApiKeys(organizationId, keys.data?.data ?? [], now),
      ...unusedRights(organizationId, rights.data?.data ?? []),
      ...secretsToDo(organizationId, secrets.data ?? [], now),
    ],
    isLoading: asked.some(({ isLoading }) => isLoading) || secrets.isLoading,
    problems,
  };
}

function hasNext(list: { readonly next_cursor: string | null } | undefined): boolean {
  return list !== undefined && list.next_cursor !== null;
}

/**
 * Reads the secrets of the clients that were rotated last. The API lists secrets by client only, so the audit log says which clients may
 * have a second one.
 */
async function readRotatedSecrets(organizationId: string, signal: AbortSignal): Promise<ClientSecrets[]> {
  const { body } = await call<{ readonly data: readonly Schema<'AuditEvent'>[] }>({
    method: 'get',
    path: '/v1/audit-events',
    params: { query: { organization_id: organizationId, action: 'client.secret_rotated', limit: COUNTED } },
    signal,
  });
  const ids = [...new Set(body.data.map(({ target }) => target))].slice(0, CLIENTS_ASKED);
  const found = await Promise.all(ids.map((clientId) => readSecrets(clientId, signal)));
  return found.flatMap((each) => each ?? []);
}

/** Returns undefined for a client that is gone. */
async function readSecrets(clientId: string, signal: AbortSignal): Promise<ClientSecrets | undefined> {
  const params = { path: { client_id: clientId } };
  try {
    const [client, secrets] = await Promise.all([
      call<Schema<'Client'>>({ method: 'get', path: '/v1/clients/{client_id}', params, signal }),
      call<{ readonly data: readonly Schema<'Secret'>[] }>({
        method: 'get',
        path: '/v1/clients/{client_id}/secrets',
        params,
        signal,
      }),
    ]);
    return { clientId, clientName: client.body.client_name, secrets: secrets.body.data };
  } catch (error) {
    if (asProblem(error).status === 404) return undefined;
    throw error;
  }
}
