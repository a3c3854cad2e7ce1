import { z } from '@hono/zod-openapi';
import { findClientRow } from '../../store/clients.ts';
import { type EffectiveGrant, findEffectiveGrants } from '../../store/effective-scopes.ts';
import { ClientIdParams } from '../fields/schemas.ts';
import { visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { listRouteFor } from '../http/routes.ts';

const Source = z
  .union([
    z.object({ type: z.literal('direct') }),
    z.object({ type: z.literal('role'), id: z.string(), name: z.string() }),
  ])
  .openapi('GrantSource', {
    description: 'What grants it: the client’s own `grants` (`direct`), or one of its `roles`.',
    example: { type: 'role', id: 'role_7n42DGM5Tflk9n8mt7Fhc7', name: 'order-reader' },
  });

export const EffectiveScopes = z
  .object({
    resource_server: z
      .string()
      .openapi({ description: 'The identifier of the resource server.', example: 'https://api.example.com/orders' }),
    sources: z.array(Source).openapi({
      description: 'What grants the client access there. One without scopes lets it get tokens without scopes.',
    }),
    scopes: z.array(
      z.object({
        name: z.string().openapi({ description: 'The scope.', example: 'orders:read' }),
        sources: z
          .array(Source)
          .openapi({ description: 'Everything that grants it. Removing one of several changes nothing.' }),
      }),
    ),
  })
  .openapi('EffectiveScopes');

const listEffectiveScopesRoute = listRouteFor(
  {
    path: '/clients/{client_id}/effective-scopes',
    requires: 'clients:read',
    tag: 'Clients',
    summary: 'List the scopes that a client is granted, with what grants them',
    description:
      'Per resource server, the scopes of a token request that names none. They are the same while the client or its organization is disabled, or the client has expired, and gets no tokens. A client of the strict profile gets no tokens of a resource server with `RS256`. The list is complete: it has no pages.',
  },
  ClientIdParams,
  {},
  EffectiveScopes,
);

/** Mounts `/clients/{client_id}/effective-scopes` below `/v1`. */
export function effectiveScopes(app: ManagementApp): void {
  app.openapi(listEffectiveScopesRoute, async (context) => {
    const { services, administrator } = context.var;
    const { client_id } = context.req.valid('param');
    const { clientId } = visible(administrator, await findClientRow(services.db, client_id));
    const found = await findEffectiveGrants(services.db, clientId);
    return context.json({ data: found.map(toEffectiveScopes), next_cursor: null }, 200);
  });
}

/** Returns the representation of what a client is granted at one resource server. */
export function toEffectiveScopes({ resource, sources, scopes }: EffectiveGrant) {
  return {
    resource_server: resource,
    sources: [...sources],
    scopes: scopes.map(({ name, sources: from }) => ({ name, sources: [...from] })),
  };
}
