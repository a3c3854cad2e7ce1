import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { generateId } from '../store/id.ts';
import { insertRole } from '../store/roles.ts';
import { requireScope, targetOrganization } from './authorization.ts';
import { create, createRouteFor, type ManagementEnv } from './create.ts';
import { resolveReferences } from './references.ts';
import { Description, Grants, Name, OrganizationId, Time, time } from './schemas.ts';

// A client's roles are named by id or by name, and one must not pass for the other.
const ROLE_ID = /^role_[0-9A-Za-z]{22}$/;

const Fields = z.strictObject({
  name: Name.refine((name) => !ROLE_ID.test(name), 'must not look like the id of a role').openapi({
    example: 'order-reader',
  }),
  description: Description,
  grants: Grants,
});

const NewRole = Fields.extend({
  organization_id: OrganizationId.optional().openapi({
    description: 'With the root key: whose role it is. Without it, it is shared by all organizations.',
  }),
}).openapi('NewRole');
const Role = Fields.extend({
  id: z.string().openapi({ example: 'role_7n42DGM5Tflk9n8mt7Fhc7' }),
  organization_id: OrganizationId.nullable(),
  created_at: Time,
  updated_at: Time,
}).openapi('Role');

const NAME_TAKEN = { pointer: '/name', detail: 'Another role that the same clients could have has this name.' };

const createRole = createRouteFor('/roles', 'Roles', 'Create a role', NewRole, Role);

/** Mounts `/roles` below `/v1`. */
export function roles(app: OpenAPIHono<ManagementEnv>): void {
  app.openapi(createRole, async (context) => {
    const { services, administrator } = context.var;
    requireScope(administrator, 'roles:write');
    const { organization_id, ...fields } = context.req.valid('json');
    const organizationId = await targetOrganization(services, administrator, organization_id);
    const { grants, shownGrants } = await resolveReferences(services, administrator, organizationId, fields);
    const now = Date.now();
    const id = generateId('role');
    const shown = { ...fields, grants: shownGrants };
    const stored = {
      id,
      organizationId,
      name: fields.name,
      description: fields.description,
      createdAt: now,
      updatedAt: now,
    };
    await create(context, now, {
      organizationId,
      action: 'role.created',
      target: id,
      changes: shown,
      conflicts: { roles_id: NAME_TAKEN, roles_name: NAME_TAKEN, roles_shared_name: NAME_TAKEN },
      statements: insertRole(services.db, stored, grants),
    });
    return context.json(
      { id, organization_id: organizationId, ...shown, created_at: time(now), updated_at: time(now) },
      201,
    );
  });
}
