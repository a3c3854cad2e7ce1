import { z } from '@hono/zod-openapi';
import { clientsLosingRole } from '../../store/cascades.ts';
import { andStillOwed, stillOwed } from '../../store/gate-pushes.ts';
import { generateId } from '../../store/id.ts';
import {
  type DescribedRole,
  deleteRole,
  findRole,
  holdersOf,
  insertRole,
  isRoleAt,
  listRoles,
  roleDependents,
  updateRole,
} from '../../store/roles.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { patchOf } from '../fields/patch-schema.ts';
import { resolveReferences } from '../fields/references.ts';
import { RoleFields } from '../fields/role-fields.ts';
import { CreatedAt, IdParams, OrganizationId, OrganizationQuery, time, UpdatedAt } from '../fields/schemas.ts';
import { changeable, QUERY_FIELD, targetOrganization, visible } from '../http/authorization.ts';
import type { ManagementApp } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import {
  CascadeQuery,
  createRouteFor,
  deleteRouteFor,
  getRouteFor,
  listRouteFor,
  None,
  updateRouteFor,
} from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { answerMissing } from '../write/delivery.ts';
import { dependentsShownTo, refuseDependents } from '../write/dependents.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';

const NewRoleBody = RoleFields.extend({
  organization_id: OrganizationId.optional().openapi({
    description:
      'The organization that it belongs to. With the root key, a role without one is shared by all organizations. An API key may only name its own organization.',
  }),
}).openapi('NewRole');
const Role = RoleFields.extend({
  id: z.string().openapi({ description: 'The id of the role.', example: 'role_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId.nullable().openapi({
    description: 'The organization that it belongs to. Null if all organizations share it.',
  }),
  created_at: CreatedAt,
  updated_at: UpdatedAt,
}).openapi('Role');
const RolePatch = patchOf(RoleFields, Role).openapi('RolePatch');

const NAME_TAKEN = {
  pointer: '/name',
  detail: 'Another role of the organization, or a shared role, has this name. Choose another name.',
};

const NAME_CONFLICTS = {
  roles_id: NAME_TAKEN,
  roles_name: NAME_TAKEN,
  roles_shared_name: NAME_TAKEN,
  roles_folded_name: NAME_TAKEN,
};

const tag = 'Roles';
const path = '/roles';
const itemPath = '/roles/{id}';

const createRoleRoute = createRouteFor(
  { path, requires: 'roles:write', tag, summary: 'Create a role' },
  None,
  NewRoleBody,
  Role,
);
const listRolesRoute = listRouteFor(
  {
    path,
    requires: 'roles:read',
    tag,
    summary: 'List roles',
    description:
      'Lists the organization’s own and the shared roles. With the root key and no `organization_id`, lists the shared ones.',
  },
  None,
  OrganizationQuery,
  Role,
);
const getRoleRoute = getRouteFor(
  { path: itemPath, requires: 'roles:read', tag, summary: 'Get a role' },
  IdParams,
  Role,
);
const updateRoleRoute = updateRouteFor(
  { path: itemPath, requires: 'roles:write', tag, summary: 'Update a role' },
  IdParams,
  RolePatch,
  Role,
);
const deleteRoleRoute = deleteRouteFor(
  { path: itemPath, requires: 'roles:write', tag, summary: 'Delete a role' },
  IdParams,
  CascadeQuery,
);

/** Mounts `/roles` below `/v1`. */
export function roles(app: ManagementApp): void {
  app.openapi(createRoleRoute, async (context) => {
    const { services, administrator } = context.var;
    const { organization_id, ...fields } = context.req.valid('json');
    const organizationId = await targetOrganization(services, administrator, organization_id);
    const { grants, shownGrants } = await resolveReferences(services, administrator, organizationId, fields);
    const now = Date.now();
    const { name, description } = fields;
    const role = { id: generateId('role'), organizationId, name, description, createdAt: now, updatedAt: now };
    const changes = { ...fields, grants: shownGrants };
    return commit(context, {
      event: { at: now, organizationId, action: 'role.created', target: role.id, changes },
      conflicts: NAME_CONFLICTS,
      statements: insertRole(services.db, role, grants),
      status: 201,
      body: toResponse({ ...role, grants: shownGrants }),
      tagged: true,
    });
  });

  app.openapi(listRolesRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor, organization_id } = context.req.valid('query');
    const organizationId = await targetOrganization(services, administrator, organization_id, QUERY_FIELD);
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found = await listRoles(services.db, { organizationId, after, limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ name }) => [name]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });

  app.openapi(getRoleRoute, async (context) => {
    const { services, administrator } = context.var;
    const found = visible(administrator, await findRole(services.db, context.req.valid('param').id));
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found), 200);
  });

  app.openapi(updateRoleRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const found = changeable(administrator, await findRole(services.db, id));
      requireMatch(context, found.version);
      const before = toResponse(found);
      const fields = applyPatch(RoleFields, before, context.req.valid('json'));
      const { organizationId } = found;
      const { grants, shownGrants } = await resolveReferences(services, administrator, organizationId, fields);
      const now = Date.now();
      const { name, description } = fields;
      const changes = changedFields(before, { ...fields, grants: shownGrants });
      return commit(context, {
        event: { at: now, organizationId, action: 'role.updated', target: id, changes },
        guard: isRoleAt(found),
        // If nothing changes for the clients, the request may be a retry: it delivers the pushes that they are still owed.
        affectedClients: andStillOwed(
          'name' in changes || 'grants' in changes ? holdersOf(id) : stillOwed(holdersOf(id)),
          id,
        ),
        conflicts: NAME_CONFLICTS,
        statements: updateRole(services.db, found, { name, description }, grants, now),
        status: 200,
        body: toResponse({ ...found, name, description, grants: shownGrants, updatedAt: now }),
        tagged: true,
      });
    }),
  );

  app.openapi(deleteRoleRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { id } = context.req.valid('param');
      const cascade = context.req.valid('query').cascade === 'true';
      const found = await findRole(services.db, id);
      if (!found) return answerMissing(context, id);
      changeable(administrator, found);
      requireMatch(context, found.version);
      if (!cascade)
        refuseDependents(
          await roleDependents(services.db, id, dependentsShownTo(administrator)),
          'These clients have the role. Change them first, or use `cascade`.',
        );
      const { organizationId, name } = found;
      return commit(context, {
        event: { at: Date.now(), organizationId, action: 'role.deleted', target: id, changes: { name } },
        guard: isRoleAt(found),
        affectedClients: andStillOwed(holdersOf(id), id),
        cascade: cascade ? [clientsLosingRole(id, name)] : [],
        statements: deleteRole(services.db, id, cascade),
        status: 204,
        body: null,
      });
    }),
  );
}

function toResponse({
  id,
  organizationId,
  name,
  description,
  grants,
  createdAt,
  updatedAt,
}: Omit<DescribedRole, 'version' | 'foldedName'>) {
  const times = { created_at: time(createdAt), updated_at: time(updatedAt) };
  return { id, organization_id: organizationId, name, description, grants, ...times };
}
