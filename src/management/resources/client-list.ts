import { z } from '@hono/zod-openapi';
import { AUTH_METHODS } from '../../store/client-authentication.ts';
import { listClients } from '../../store/client-lists.ts';
import { CLIENT_SORTS, type ClientOrder, type ClientPosition } from '../../store/client-scans.ts';
import { Client, toResponse } from '../fields/client-representation.ts';
import { resolveFilters } from '../fields/references.ts';
import { unrestrictedClaims } from '../fields/restricted-claims.ts';
import { OrganizationQuery, QueryTime, Reference, StatusName } from '../fields/schemas.ts';
import { QUERY_FIELD, requiredOrganization } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_NAME, encodeCursor, invalidCursor, readCursor } from '../http/paging.ts';
import { listRouteFor, None } from '../http/routes.ts';

const Sort = z.enum(CLIENT_SORTS.flatMap((name) => [name, `-${name}`] as const));
type Sort = z.infer<typeof Sort>;

const listClientsRoute = listRouteFor(
  {
    path: '/clients',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'List or search clients',
    description:
      'All filters and orders can be combined. A page reads the same number of rows at most, however many clients there are: if few of the ' +
      'clients that it checks match, it may have fewer than `limit` of them, or none, and still have a `next_cursor`.',
  },
  None,
  {
    ...OrganizationQuery,
    name: Reference.optional().openapi({
      description: 'Only clients whose name begins with this text, in upper or lower case.',
    }),
    owner: Reference.optional().openapi({ description: 'Only clients with exactly this owner.' }),
    status: StatusName.optional().openapi({ description: 'Only clients with this status.' }),
    auth_method: z.enum(AUTH_METHODS).optional().openapi({
      description:
        'Only clients with this authentication method, as their `token_endpoint_auth_method` or among their `additional_auth_methods`.',
    }),
    unused_since: QueryTime.optional().openapi({
      description:
        'Only clients that were not used at or after this time. A client that was never used counts from its creation. Last uses are accurate to the hour, and a client that was used in the last ten minutes may still appear.',
    }),
    expires_before: QueryTime.optional().openapi({
      description: 'Only clients that expire before this time, or have expired.',
    }),
    role: Reference.optional().openapi({ description: 'Only clients with this role, by name or id.' }),
    resource_server: Reference.optional().openapi({
      description: 'Only clients with a grant at this resource server, their own or by a role. By identifier or id.',
    }),
    reserved_claims: z.literal('true').optional().openapi({
      description:
        'Only clients that have a reserved claim name since before it was reserved, so that all of their tokens have the claim.',
    }),
    sort: Sort.default('name').openapi({
      description:
        'The order: by name, creation, or last use, in which a client that was never used counts from its creation. With `-` the last comes first. A client that is used while you read pages by `last_used_at` moves to another place: it can appear twice, or with `-last_used_at` not at all. Default: `name`.',
    }),
  },
  Client,
);

// A page by name continues after a name, other ones after their order, the key in it, and a client's id.
const Cursor = z.union([BY_NAME, z.tuple([Sort, z.union([z.string(), z.int()]), z.string()])]);

/** Mounts `GET /clients` below `/v1`. */
export function clientList(app: ManagementApp): void {
  app.openapi(listClientsRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id, role, resource_server, reserved_claims, sort, ...filter } =
      context.req.valid('query');
    const organizationId = await requiredOrganization(services, administrator, organization_id, QUERY_FIELD);
    const links = await resolveFilters(services, organizationId, { role, resource_server });
    const hasClaims = reserved_claims !== undefined;
    const { name, owner, status, auth_method: method } = filter;
    const [unusedSince, expiresBefore] = [filter.unused_since, filter.expires_before].map((text) =>
      text === undefined ? undefined : Date.parse(text),
    );
    const wanted = { organizationId, name, owner, status, method, unusedSince, expiresBefore, ...links, hasClaims };
    const after = readPosition(cursor, sort);
    const { clients, next } = await listClients(services.db, wanted, orderOf(sort), { after, limit });
    // SQLite cannot compare names as verifiers do, so the page is filtered here.
    const shown = hasClaims ? clients.filter((client) => unrestrictedClaims(client).length > 0) : clients;
    return context.json({ data: shown.map(toResponse), next_cursor: next ? writePosition(next, sort) : null }, 200);
  });
}

function orderOf(sort: Sort): ClientOrder {
  const isDescending = sort.startsWith('-');
  return { by: (isDescending ? sort.slice(1) : sort) as ClientOrder['by'], isDescending };
}

function writePosition({ key, clientId }: ClientPosition, sort: Sort): string {
  return encodeCursor(sort === 'name' ? [key] : [sort, key, clientId]);
}

/** @throws ProblemError `invalid` if the cursor is of another order */
function readPosition(cursor: string | undefined, sort: Sort): ClientPosition | undefined {
  const keys = readCursor(cursor, Cursor);
  if (keys === undefined) return undefined;
  const [of, key, clientId] = keys.length === 1 ? (['name', keys[0], ''] as const) : keys;
  const isKey = (typeof key === 'string') === (orderOf(of).by === 'name');
  if (of === sort && isKey) return { key, clientId };
  throw invalidCursor(
    isKey ? `The cursor is of a list with \`sort=${of}\`. Use the same \`sort\` for all pages.` : undefined,
  );
}
