import { z } from '@hono/zod-openapi';
import { isInstanceAdministrator } from '../../credentials/administrator.ts';
import { deletedWithOrganization } from '../../store/cascades.ts';
import { QUOTA_USAGE_LAG } from '../../store/constants.ts';
import { stillOwed } from '../../store/gate-pushes.ts';
import { generateId } from '../../store/id.ts';
import { migrateIdentifiers } from '../../store/identifiers.ts';
import {
  allAreStrict,
  clientsNotStrict,
  clientsOf,
  deleteOrganization,
  findClientsOf,
  findOrganization,
  insertOrganization,
  isOrganizationAt,
  listOrganizations,
  type NewOrganization,
  type OrganizationFields,
  organizationDependents,
  revokeOrganizationTokens,
  updateOrganization,
} from '../../store/organizations.ts';
import { allOf } from '../../store/sql.ts';
import { hasNoWebhook } from '../../store/webhooks.ts';
import { ERRORS_SHOWN } from '../constants.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { SecurityProfile } from '../fields/authentication-fields.ts';
import { patchOf } from '../fields/patch-schema.ts';
import { OrganizationQuota } from '../fields/quota-fields.ts';
import {
  CreatedAt,
  IdParams,
  Metadata,
  Name,
  OrganizationId,
  Revoked,
  Status,
  time,
  UpdatedAt,
} from '../fields/schemas.ts';
import { UnusedClients, type UnusedClientsBody } from '../fields/unused-clients.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import { invalidIn, ProblemError, pointer } from '../http/problem.ts';
import {
  actionRouteFor,
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

const Fields = z.strictObject({
  name: Name.openapi({ description: 'A name for people. It is unique.', example: 'Acme' }),
  subject: z.enum(['client', 'organization']).default('client').openapi({
    description:
      'What `sub` is in the tokens of the organization’s clients: the id of the client, or of the organization. Default: `client`.',
  }),
  metadata: Metadata,
  status: Status.openapi({
    description:
      'The clients of a `disabled` organization get no tokens, and the tokens that they have end for good, even if the organization becomes `active` again. Default: `active`.',
  }),
  quota: OrganizationQuota.nullable()
    .default(null)
    .openapi({
      description: `How many tokens its clients together should be issued in a day and in a month. It is compared with the usage, which lags by up to ${QUOTA_USAGE_LAG / 60} minutes, and refuses nothing. Default: null, for any number.`,
    }),
  security_profile: SecurityProfile.openapi({
    description:
      '`strict` applies rules modelled on FAPI 2.0 to all clients. It is refused with 409 as long as a client authenticates in a way that these rules forbid. Default: `standard`.',
  }),
  unused_clients: UnusedClients.nullable().default(null).openapi({
    description:
      'What happens to clients that are not used: after some days they are reported, and after more days disabled. Null: nothing. Default: null.',
  }),
});

const NewOrganizationBody = Fields.openapi('NewOrganization');
const Organization = Fields.extend({ id: OrganizationId, created_at: CreatedAt, updated_at: UpdatedAt }).openapi(
  'Organization',
);
const OrganizationPatch = patchOf(Fields, Organization).openapi('OrganizationPatch');

const tag = 'Organizations';
const path = '/organizations';
const itemPath = '/organizations/{id}';

const createOrganizationRoute = createRouteFor(
  { path, requires: 'root', tag, summary: 'Create an organization' },
  None,
  NewOrganizationBody,
  Organization,
);
const listOrganizationsRoute = listRouteFor(
  {
    path,
    requires: 'organizations:read',
    tag,
    summary: 'List organizations',
    description: 'An API key sees only its own organization.',
  },
  None,
  {},
  Organization,
);
const getOrganizationRoute = getRouteFor(
  { path: itemPath, requires: 'organizations:read', tag, summary: 'Get an organization' },
  IdParams,
  Organization,
);
const updateOrganizationRoute = updateRouteFor(
  { path: itemPath, requires: 'root', tag, summary: 'Update an organization' },
  IdParams,
  OrganizationPatch,
  Organization,
);
const deleteOrganizationRoute = deleteRouteFor(
  { path: itemPath, requires: 'root', tag, summary: 'Delete an organization' },
  IdParams,
  CascadeQuery,
);
const revokeOrganizationTokensRoute = actionRouteFor(
  {
    path: `${itemPath}/revoke-tokens`,
    requires: 'tokens:revoke',
    tag,
    summary: 'Revoke every token issued so far to the organization’s clients',
  },
  IdParams,
  None,
  Revoked,
);

/** The fields of an organization that are part of its clients' records in the gates. */
const KNOWN_TO_GATES = ['status', 'subject', 'security_profile'];
const LOCKED_OUT = 'The strict profile would lock these clients out. Change how they authenticate first.';
// It does not repeat the id: it may be another organization's.
const UNKNOWN_CLIENT = 'Unknown client. Use the `client_id` of a client of the organization.';
const NAME_TAKEN = { pointer: '/name', detail: 'Another organization has this name. Choose another name.' };

/** Mounts `/organizations` below `/v1`. */
export function organizations(app: ManagementApp): void {
  app.openapi(createOrganizationRoute, async (context) => {
    const fields = context.req.valid('json');
    const id = generateId('org');
    await requireClients(context, id, fields.unused_clients, []);
    const now = Date.now();
    const organization = { id, ...toColumns(fields), createdAt: now, updatedAt: now };
    return commit(context, {
      event: {
        at: now,
        organizationId: organization.id,
        action: 'organization.created',
        target: organization.id,
        changes: fields,
      },
      conflicts: { organizations_name: NAME_TAKEN, organizations_folded_name: NAME_TAKEN },
      statements: insertOrganization(context.var.services.db, organization),
      status: 201,
      body: toResponse(organization),
      tagged: true,
    });
  });

  app.openapi(listOrganizationsRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor } = context.req.valid('query');
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found = isInstanceAdministrator(administrator)
      ? await listOrganizations(services.db, { after, limit: limit + 1 })
      : [await findVisibleOrganization(context, administrator.organizationId)];
    const { data, next_cursor } = page(found, limit, ({ name }) => [name]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });

  app.openapi(getOrganizationRoute, async (context) => {
    const found = await findVisibleOrganization(context, context.req.valid('param').id);
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found), 200);
  });

  app.openapi(updateOrganizationRoute, (context) =>
    retryOnStaleWrite(async () => {
      const {
        services: { db },
        administrator,
      } = context.var;
      const { id } = context.req.valid('param');
      const found = await findVisibleOrganization(context, id);
      requireMatch(context, found.version);
      const before = toResponse(found);
      const fields = applyPatch(Fields, before, context.req.valid('json'));
      await requireClients(context, id, fields.unused_clients, found.unusedExceptions);
      const becomesStrict = fields.security_profile === 'strict' && found.securityProfile !== 'strict';
      if (becomesStrict) refuseDependents(await clientsNotStrict(db, id, dependentsShownTo(administrator)), LOCKED_OUT);
      const now = Date.now();
      const changes = changedFields(before, fields);
      return commit(context, {
        event: { at: now, organizationId: id, action: 'organization.updated', target: id, changes },
        guard: allOf(isOrganizationAt(found), becomesStrict ? allAreStrict(id) : undefined),
        // Other fields do not concern the gates. The request may then be a retry, so it delivers the pushes that are still owed.
        affectedClients: KNOWN_TO_GATES.some((name) => name in changes) ? clientsOf(id) : stillOwed(clientsOf(id)),
        conflicts: { organizations_name: NAME_TAKEN, organizations_folded_name: NAME_TAKEN },
        statements: updateOrganization(db, found, toColumns(fields), now),
        status: 200,
        body: toResponse({ ...found, ...toColumns(fields), updatedAt: now }),
        tagged: true,
      });
    }),
  );

  app.openapi(deleteOrganizationRoute, (context) =>
    retryOnStaleWrite(async () => {
      const {
        services: { db },
        administrator,
      } = context.var;
      const { id } = context.req.valid('param');
      const cascade = context.req.valid('query').cascade === 'true';
      const found = await findOrganization(db, id);
      if (!found) return answerMissing(context, id);
      requireMatch(context, found.version);
      if (!cascade) {
        refuseDependents(
          await organizationDependents(db, id, dependentsShownTo(administrator)),
          'The organization owns these resources. Delete them first, or use `cascade`.',
        );
      }
      const now = Date.now();
      const { unstored } = cascade ? await migrateIdentifiers(db, now) : { unstored: [] };
      return commit(context, {
        event: {
          at: now,
          organizationId: id,
          action: 'organization.deleted',
          target: id,
          changes: { name: found.name },
        },
        // Their rows would go with the organization's.
        guard: allOf(isOrganizationAt(found), cascade ? undefined : hasNoWebhook(id)),
        affectedClients: clientsOf(id),
        cascade: cascade ? deletedWithOrganization(id) : [],
        statements: deleteOrganization(db, id, { cascade, unstored, now }),
        status: 204,
        body: null,
      });
    }),
  );

  app.openapi(revokeOrganizationTokensRoute, async (context) => {
    const { db } = context.var.services;
    const { id } = await findVisibleOrganization(context, context.req.valid('param').id);
    return commit(context, {
      event: { at: Date.now(), organizationId: id, action: 'organization.tokens_revoked', target: id, changes: {} },
      affectedClients: clientsOf(id),
      statements: revokeOrganizationTokens(db, id),
      status: 200,
      body: { revoked: true as const },
    });
  });
}

/** Returns an organization that the administrator may see. @throws ProblemError `not_found`; StoreUnavailableError */
async function findVisibleOrganization({ var: { services, administrator } }: ManagementContext, id: string) {
  const found = sees(administrator, id) ? await findOrganization(services.db, id) : undefined;
  if (!found) throw new ProblemError('not_found');
  return found;
}

/**
 * Requires that the clients that a policy newly leaves alone are the organization's.
 * @param before those that it leaves alone already
 * @throws ProblemError `invalid`; StoreUnavailableError
 */
async function requireClients(
  { var: { services } }: ManagementContext,
  id: string,
  policy: UnusedClientsBody | null,
  before: readonly string[],
): Promise<void> {
  const except = policy?.except ?? [];
  const added = except.filter((clientId) => !before.includes(clientId));
  if (added.length === 0) return;
  const found = await findClientsOf(services.db, id, added);
  const unknown = except.flatMap((clientId, index) =>
    before.includes(clientId) || found.has(clientId) ? [] : [pointer('unused_clients', 'except', index)],
  );
  const errors = unknown.slice(0, ERRORS_SHOWN).map((at) => ({ pointer: at, detail: UNKNOWN_CLIENT }));
  if (errors.length > 0) throw invalidIn(errors);
}

function toColumns({ security_profile, unused_clients, ...fields }: z.infer<typeof Fields>): OrganizationFields {
  return {
    ...fields,
    securityProfile: security_profile,
    unusedReportDays: unused_clients?.report_after_days ?? null,
    unusedDisableDays: unused_clients?.disable_after_days ?? null,
    unusedExceptions: unused_clients?.except.toSorted() ?? [],
  };
}

function toResponse(organization: NewOrganization) {
  const { id, name, subject, metadata, status, quota, securityProfile, createdAt, updatedAt } = organization;
  const { unusedReportDays: report_after_days, unusedDisableDays: disable_after_days } = organization;
  const isSet = report_after_days !== null || disable_after_days !== null;
  const except = [...organization.unusedExceptions];
  return {
    id,
    name,
    subject,
    metadata,
    status,
    quota,
    security_profile: securityProfile,
    unused_clients: isSet ? { report_after_days, disable_after_days, except } : null,
    created_at: time(createdAt),
    updated_at: time(updatedAt),
  };
}
