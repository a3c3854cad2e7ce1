import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { generateId } from '../store/id.ts';
import { insertOrganization } from '../store/organizations.ts';
import { requireRoot } from './authorization.ts';
import { create, createRouteFor, type ManagementEnv } from './create.ts';
import { Metadata, Name, OrganizationId, Status, Time, time } from './schemas.ts';

const Fields = z.strictObject({
  name: Name.openapi({ example: 'Acme' }),
  subject: z
    .enum(['client', 'organization'])
    .default('client')
    .openapi({ description: 'What `sub` names in the tokens of the organization’s clients.' }),
  metadata: Metadata,
  status: Status,
});

const NewOrganization = Fields.openapi('NewOrganization');
const Organization = Fields.extend({ id: OrganizationId, created_at: Time, updated_at: Time }).openapi('Organization');

const createOrganization = createRouteFor(
  '/organizations',
  'Organizations',
  'Create an organization',
  NewOrganization,
  Organization,
);

/** Mounts `/organizations` below `/v1`. */
export function organizations(app: OpenAPIHono<ManagementEnv>): void {
  app.openapi(createOrganization, async (context) => {
    const { services, administrator } = context.var;
    requireRoot(administrator);
    const fields = context.req.valid('json');
    const now = Date.now();
    const id = generateId('org');
    await create(context, now, {
      organizationId: id,
      action: 'organization.created',
      target: id,
      changes: fields,
      conflicts: { organizations_name: { pointer: '/name', detail: 'Another organization has this name.' } },
      statements: insertOrganization(services.db, { id, ...fields, createdAt: now, updatedAt: now }),
    });
    return context.json({ id, ...fields, created_at: time(now), updated_at: time(now) }, 201);
  });
}
