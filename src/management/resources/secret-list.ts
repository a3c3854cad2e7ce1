import { z } from '@hono/zod-openapi';
import { LAST_USED_PRECISION } from '../../constants.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { listOrganizationSecrets, type SecretFilter } from '../../store/secret-lists.ts';
import { GATES_ASKED_AT_ONCE, SECRET_LIST_DEFAULT, SECRET_LIST_MAX, SECRET_QUIET_TIME } from '../constants.ts';
import { OrganizationQuery, pageLimit, QueryTime } from '../fields/schemas.ts';
import { QUERY_FIELD, requiredOrganization } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { page, readCursor } from '../http/paging.ts';
import { invalid } from '../http/problem.ts';
import { listRouteFor, None } from '../http/routes.ts';
import type { ManagementServices } from '../services.ts';
import { Secret, toResponse } from './secrets.ts';

const OrganizationSecret = z
  .object({
    client_id: z.string().openapi({ description: 'The client that the secret belongs to.' }),
    client_name: z.string().openapi({ description: 'The name of that client.', example: 'Invoice worker' }),
    ...Secret.shape,
  })
  .openapi('OrganizationSecret');

const listRoute = listRouteFor(
  {
    path: '/secrets',
    requires: 'clients:read',
    tag: 'Secrets',
    summary: 'List the secrets of all clients of an organization',
    description:
      'The oldest first. The last uses come from the gates of the clients on the page. Of a gate that does not answer nothing is known: ' +
      '`last_used_at` is null, and `safe_to_delete` is false unless the secret has expired or leaked.',
  },
  None,
  {
    ...OrganizationQuery,
    expires_before: QueryTime.optional().openapi({
      description: 'Only secrets that are accepted now and end before this time, the first to end first.',
    }),
    safe_to_delete: z
      .literal('true')
      .optional()
      .openapi({
        description:
          'Only secondary secrets that are safe to delete, the longest unused first. A page may have fewer than `limit`, or none, and still have ' +
          'a `next_cursor`. A secret that was replaced in the last 25 hours is not listed. Not together with `expires_before`.',
      }),
    limit: pageLimit(SECRET_LIST_DEFAULT, SECRET_LIST_MAX),
  },
  OrganizationSecret,
);

/** Mounts `GET /secrets` below `/v1`. */
export function secretList(app: ManagementApp): void {
  app.openapi(listRoute, async (context) => {
    const { services, administrator } = context.var;
    const { organization_id, expires_before, safe_to_delete, limit, cursor } = context.req.valid('query');
    const organizationId = await requiredOrganization(services, administrator, organization_id, QUERY_FIELD);
    if (expires_before !== undefined && safe_to_delete) {
      throw invalid({ parameter: 'safe_to_delete', detail: 'must not be set together with `expires_before`' });
    }
    const now = Date.now();
    const filter: SecretFilter = safe_to_delete
      ? { by: 'disuse', since: now - (SECRET_QUIET_TIME + LAST_USED_PRECISION) * 1000 }
      : expires_before === undefined
        ? { by: 'creation' }
        : { by: 'end', now, until: Date.parse(expires_before) };
    // A cursor of another order is refused.
    const [, ...after] = readCursor(cursor, z.tuple([z.literal(filter.by), z.int(), z.string()])) ?? [];
    const query = { after: after.length === 2 ? after : undefined, limit: limit + 1 };
    const found = await listOrganizationSecrets(services.db, organizationId, filter, query);
    const { data, next_cursor } = page(found, limit, ({ key, secret }) => [filter.by, key, secret.id]);
    const usesOf = await usesOfSecrets(services, data);
    const shown = data.map(({ secret, clientName }) => {
      const uses = usesOf.get(secret.clientId);
      return {
        client_id: secret.clientId,
        client_name: clientName,
        ...toResponse(secret, uses ?? new Map(), now),
        ...(uses === undefined && isInDoubt(secret, now) && UNKNOWN),
      };
    });
    const wanted = safe_to_delete ? shown.filter((secret) => secret.safe_to_delete) : shown;
    return context.json({ data: wanted, next_cursor }, 200);
  });
}

type Found = Awaited<ReturnType<typeof listOrganizationSecrets>>[number];

const UNKNOWN = {
  safe_to_delete: false,
  reason: 'The gate of its client does not answer, so nobody knows when it was last used.',
};

/** Whether it depends on its last use if it can be deleted. */
function isInDoubt({ rank, leakedAt, expiresAt }: Found['secret'], now: number): boolean {
  return rank === 'secondary' && leakedAt === null && (expiresAt === null || expiresAt > now);
}

/**
 * Asks the gates of some clients when their secrets were last used.
 * @returns by client and secret, milliseconds since the epoch; nothing of a client whose gate does not answer
 */
async function usesOfSecrets({ gates }: Pick<ManagementServices, 'gates'>, found: readonly Found[]) {
  const uses = new Map<string, ReadonlyMap<string, number>>();
  const clients = new Map(found.map(({ secret, hasGate }) => [secret.clientId, hasGate === 1]));
  const asked = [...clients].map(([clientId, hasGate]) => async () => {
    try {
      const { secrets } = hasGate ? await gates.activity({ client_id: clientId }) : { secrets: [] };
      uses.set(clientId, new Map(secrets.map(({ id, last_used_at }) => [id, last_used_at])));
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  });
  for (let begin = 0; begin < asked.length; begin += GATES_ASKED_AT_ONCE) {
    await Promise.all(asked.slice(begin, begin + GATES_ASKED_AT_ONCE).map((ask) => ask()));
  }
  return uses;
}
