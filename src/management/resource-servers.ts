import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { generateId } from '../store/id.ts';
import { insertResourceServer } from '../store/resource-servers.ts';
import { requireScope, targetOrganization } from './authorization.ts';
import { create, createRouteFor, type ManagementEnv } from './create.ts';
import { invalid } from './problem.ts';
import {
  AccessTokenTtl,
  Description,
  Name,
  OrganizationId,
  ResourceIdentifier,
  SCOPES_MAX,
  ScopeName,
  Time,
  time,
} from './schemas.ts';

const Scope = z.strictObject({ name: ScopeName, description: Description }).openapi('Scope');

const Fields = z.strictObject({
  identifier: ResourceIdentifier.openapi({
    description: 'The audience of the tokens: an absolute URI without fragment.',
  }),
  name: Name.openapi({ example: 'Orders API' }),
  scopes: z
    .array(Scope)
    .max(SCOPES_MAX)
    .refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, 'must name each scope once')
    .default([]),
  access_token_ttl: AccessTokenTtl.openapi({ description: 'Seconds, for clients that name none.' }),
  signing_alg: z.enum(['ES256', 'RS256', 'EdDSA']).default('ES256'),
  introspection: z.enum(['strong']).default('strong'),
});

const NewResourceServer = Fields.extend({
  organization_id: OrganizationId.optional().openapi({
    description: 'With the root key: whose resource server it is. Without it, it is shared by all organizations.',
  }),
}).openapi('NewResourceServer');
const ResourceServer = Fields.extend({
  id: z.string().openapi({ example: 'rs_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId.nullable(),
  created_at: Time,
  updated_at: Time,
}).openapi('ResourceServer');

const createResourceServer = createRouteFor(
  '/resource-servers',
  'Resource servers',
  'Create a resource server',
  NewResourceServer,
  ResourceServer,
);

/** Mounts `/resource-servers` below `/v1`. */
export function resourceServers(app: OpenAPIHono<ManagementEnv>): void {
  app.openapi(createResourceServer, async (context) => {
    const { services, administrator } = context.var;
    requireScope(administrator, 'resource-servers:write');
    const { organization_id, ...fields } = context.req.valid('json');
    const { issuer } = services.config;
    if (fields.identifier === issuer || fields.identifier.startsWith(`${issuer}/`)) {
      throw invalid({
        pointer: '/identifier',
        detail: 'This is the issuer’s own: name the API, not who signs for it.',
      });
    }
    const organizationId = await targetOrganization(services, administrator, organization_id);
    const now = Date.now();
    const id = generateId('rs');
    const stored = {
      id,
      organizationId,
      identifier: fields.identifier,
      name: fields.name,
      accessTokenTtl: fields.access_token_ttl,
      signingAlg: fields.signing_alg,
      introspection: fields.introspection,
      createdAt: now,
      updatedAt: now,
    };
    await create(context, now, {
      organizationId,
      action: 'resource_server.created',
      target: id,
      changes: fields,
      conflicts: {
        resource_servers_identifier: { pointer: '/identifier', detail: 'Another resource server has this identifier.' },
      },
      statements: insertResourceServer(services.db, stored, fields.scopes),
    });
    const shown = { id, organization_id: organizationId, ...fields, created_at: time(now), updated_at: time(now) };
    return context.json(shown, 201);
  });
}
