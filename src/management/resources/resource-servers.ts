import { z } from '@hono/zod-openapi';
import { comparableForm } from '../../lib/identifier.ts';
import { losingResourceServer, losingScopes } from '../../store/cascades.ts';
import { andStillOwed } from '../../store/gate-pushes.ts';
import { generateId } from '../../store/id.ts';
import { migrateIdentifiers } from '../../store/identifiers.ts';
import {
  clientsNaming,
  type DescribedResourceServer,
  deleteResourceServer,
  findResourceServer,
  insertResourceServer,
  isResourceServerAt,
  listResourceServers,
  resourceServerDependents,
  scopeDependents,
  updateResourceServer,
} from '../../store/resource-servers.ts';
import type { AcceptableClaim } from '../../tokens/reserved-claims.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { patchOf } from '../fields/patch-schema.ts';
import { Identifier, ResourceServerFields } from '../fields/resource-server-fields.ts';
import { CreatedAt, IdParams, OrganizationId, OrganizationQuery, time, UpdatedAt } from '../fields/schemas.ts';
import { changeable, QUERY_FIELD, targetOrganization, visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import { invalid } from '../http/problem.ts';
import {
  CascadeQuery,
  createRouteFor,
  deleteRouteFor,
  getRouteFor,
  listRouteFor,
  None,
  updateRouteFor,
} from '../http/routes.ts';
import { claimIdentifier, IDENTIFIER_TAKEN } from '../write/claim-identifier.ts';
import { commit } from '../write/commit.ts';
import { answerMissing } from '../write/delivery.ts';
import { dependentsShownTo, refuseDependents } from '../write/dependents.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';

const NewResourceServerBody = ResourceServerFields.extend({
  identifier: Identifier,
  organization_id: OrganizationId.optional().openapi({
    description:
      'The organization that it belongs to. With the root key, a resource server without one is shared by all organizations. An API key may only name its own organization.',
  }),
}).openapi('NewResourceServer');
const ResourceServer = ResourceServerFields.extend({
  id: z.string().openapi({ description: 'The id of the resource server.', example: 'rs_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId.nullable().openapi({
    description: 'The organization that it belongs to. Null if all organizations share it.',
  }),
  identifier: Identifier,
  created_at: CreatedAt,
  updated_at: UpdatedAt,
}).openapi('ResourceServer');
const ResourceServerPatch = patchOf(ResourceServerFields, ResourceServer).openapi('ResourceServerPatch');

const tag = 'Resource servers';
const path = '/resource-servers';
const itemPath = '/resource-servers/{id}';

const createResourceServerRoute = createRouteFor(
  { path, requires: 'resource-servers:write', tag, summary: 'Create a resource server' },
  None,
  NewResourceServerBody,
  ResourceServer,
);
const listResourceServersRoute = listRouteFor(
  {
    path,
    requires: 'resource-servers:read',
    tag,
    summary: 'List resource servers',
    description:
      'Lists the organization’s own and the shared resource servers. With the root key and no `organization_id`, lists the shared ones.',
  },
  None,
  OrganizationQuery,
  ResourceServer,
);
const getResourceServerRoute = getRouteFor(
  { path: itemPath, requires: 'resource-servers:read', tag, summary: 'Get a resource server' },
  IdParams,
  ResourceServer,
);
const updateResourceServerRoute = updateRouteFor(
  { path: itemPath, requires: 'resource-servers:write', tag, summary: 'Update a resource server' },
  IdParams,
  ResourceServerPatch,
  ResourceServer,
  CascadeQuery,
);
const deleteResourceServerRoute = deleteRouteFor(
  { path: itemPath, requires: 'resource-servers:write', tag, summary: 'Delete a resource server' },
  IdParams,
  CascadeQuery,
);

/** Mounts `/resource-servers` below `/v1`. */
export function resourceServers(app: ManagementApp): void {
  app.openapi(createResourceServerRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { organization_id, ...fields } = context.req.valid('json');
      const { scopes, identifier } = fields;
      refuseIssuer(identifier, services.config.baseUrl);
      const organizationId = await targetOrganization(services, administrator, organization_id);
      const { guard, ...claimed } = await claimIdentifier(context, identifier, organizationId);
      const now = Date.now();
      const id = generateId('rs');
      const times = { createdAt: now, updatedAt: now };
      const stored = { id, organizationId, identifier, ...claimed, ...toColumns(fields), ...times };
      return commit(context, {
        event: { at: now, organizationId, action: 'resource_server.created', target: id, changes: fields },
        guard,
        conflicts: { resource_servers_identifier: IDENTIFIER_TAKEN, resource_servers_comparable: IDENTIFIER_TAKEN },
        statements: insertResourceServer(services.db, stored, scopes),
        status: 201,
        body: toResponse({ ...stored, scopes }),
        tagged: true,
      });
    }),
  );

  app.openapi(listResourceServersRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id } = context.req.valid('query');
    const organizationId = await targetOrganization(services, administrator, organization_id, QUERY_FIELD);
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found = await listResourceServers(services.db, { organizationId, after, limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ identifier }) => [identifier]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });

  app.openapi(getResourceServerRoute, async (context) => {
    const { services, administrator } = context.var;
    const found = visible(administrator, await findResourceServer(services.db, context.req.valid('param').id));
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found), 200);
  });

  app.openapi(updateResourceServerRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const cascade = context.req.valid('query').cascade === 'true';
      const found = changeable(administrator, await findResourceServer(services.db, id));
      requireMatch(context, found.version);
      const before = toResponse(found);
      const fields = applyPatch(ResourceServerFields, before, context.req.valid('json'));
      const keptScopes = new Set(fields.scopes.map(({ name }) => name));
      const removedScopes = found.scopes.map(({ name }) => name).filter((name) => !keptScopes.has(name));
      if (!cascade && removedScopes.length > 0) {
        const dependents = await scopeDependents(services.db, id, removedScopes, dependentsShownTo(administrator));
        refuseDependents(
          dependents,
          'These have a grant of a scope that the change removes. Change them first, or use `cascade`.',
        );
      }
      const now = Date.now();
      const changes = changedFields(before, fields);
      const { organizationId } = found;
      return commit(context, {
        event: { at: now, organizationId, action: 'resource_server.updated', target: id, changes },
        guard: isResourceServerAt(found),
        affectedClients: andStillOwed(clientsNaming(id), id),
        cascade: cascade && removedScopes.length > 0 ? losingScopes(id, found.identifier, removedScopes) : [],
        statements: updateResourceServer(services.db, id, toColumns(fields), fields.scopes, { cascade, now }),
        status: 200,
        body: toResponse({ ...found, ...toColumns(fields), scopes: fields.scopes, updatedAt: now }),
        tagged: true,
      });
    }),
  );

  app.openapi(deleteResourceServerRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const cascade = context.req.valid('query').cascade === 'true';
      const found = await findResourceServer(services.db, id);
      if (!found) return answerMissing(context, id);
      changeable(administrator, found);
      requireMatch(context, found.version);
      if (!cascade) {
        refuseDependents(
          await resourceServerDependents(services.db, id, dependentsShownTo(administrator)),
          'These refer to the resource server. Change them first, or use `cascade`.',
        );
      }
      const { organizationId, identifier } = found;
      const now = Date.now();
      const { unstored } = await migrateIdentifiers(services.db, now);
      return commit(context, {
        event: {
          at: now,
          organizationId,
          action: 'resource_server.deleted',
          target: id,
          changes: { identifier, scopes: found.scopes.map(({ name }) => name) },
        },
        guard: isResourceServerAt(found),
        affectedClients: andStillOwed(clientsNaming(id), id),
        cascade: cascade ? losingResourceServer(id, identifier) : [],
        statements: deleteResourceServer(services.db, id, { cascade, unstored, now }),
        status: 204,
        body: null,
      });
    }),
  );
}

/** @throws ProblemError `invalid` if the identifier is the issuer or below it, in any spelling */
function refuseIssuer(identifier: string, baseUrl: string): void {
  const [form, own] = [comparableForm(identifier), comparableForm(baseUrl)];
  if (form !== own && !form.startsWith(`${own}/`) && !form.startsWith(`${own}?`)) return;
  throw invalid({
    pointer: '/identifier',
    detail: `The identifier must name the API: it must not be this issuer, ${baseUrl}, or a URL below it.`,
  });
}

function toColumns(fields: z.infer<typeof ResourceServerFields>) {
  const { name, access_token_ttl, signing_alg, access_token_typ, introspection, scope_policy, accepted_claims } =
    fields;
  return {
    name,
    accessTokenTtl: access_token_ttl,
    signingAlg: signing_alg,
    accessTokenTyp: access_token_typ,
    introspection,
    scopePolicy: scope_policy,
    acceptedClaims: accepted_claims,
  };
}

function toResponse(server: Omit<DescribedResourceServer, 'version'>) {
  return {
    id: server.id,
    organization_id: server.organizationId,
    identifier: server.identifier,
    name: server.name,
    scopes: server.scopes.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    access_token_ttl: server.accessTokenTtl,
    signing_alg: server.signingAlg,
    access_token_typ: server.accessTokenTyp,
    introspection: server.introspection,
    scope_policy: server.scopePolicy,
    accepted_claims: server.acceptedClaims as AcceptableClaim[],
    created_at: time(server.createdAt),
    updated_at: time(server.updatedAt),
  };
}
