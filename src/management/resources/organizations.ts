import { z } from '@hono/zod-openapi';
import { stillOwed } from '../../store/gate-pushes.ts';
import { generateId } from '../../store/id.ts';
import {
  allAreStrict,
  clientsNotStrict,
  clientsOf,
  deleteOrganization,
  findOrganization,
  insertOrganization,
  isOrganizationAt,
  listOrganizations,
  type NewOrganization,
  organizationDependents,
  revokeOrganizationTokens,
  updateOrganization,
} from '../../store/organizations.ts';
import { allOf } from '../../store/sql.ts';
import { DEPENDENTS_SHOWN } from '../constants.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { SecurityProfile } from '../fields/authentication-fields.ts';
import { patchOf } from '../fields/patch-schema.ts';
import {
  IdParams,
  Metadata,
  MetadataPatch,
  Name,
  OrganizationId,
  Revoked,
  Status,
  Time,
  time,
} from '../fields/schemas.ts';
import { sees } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { BY_NAME, page, readCursor } from '../http/paging.ts';
import { ProblemError } from '../http/problem.ts';
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
import { refuseDependents } from '../write/dependents.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';

const Fields = z.strictObject({
  name: Name.openapi({ example: 'Acme' }),
  subject: z
    .enum(['client', 'organization'])
    .default('client')
    .openapi({ description: 'What `sub` names in the tokens of the organization’s clients.' }),
  metadata: Metadata,
  status: Status,
  security_profile: SecurityProfile.openapi({
    description:
      '`strict`: all of its clients are held to rules in the shape of FAPI 2.0. It is refused while there are clients that it would shut out.',
  }),
});

const NewOrganizationBody = Fields.openapi('NewOrganization');
const OrganizationPatch = patchOf(Fields, { metadata: MetadataPatch }).openapi('OrganizationPatch');
const Organization = Fields.extend({ id: OrganizationId, created_at: Time, updated_at: Time }).openapi('Organization');

const tag = 'Organizations';
const path = '/organizations';
const one = '/organizations/{id}';

const createOrganizationRoute = createRouteFor(
  { path, requires: 'root', tag, summary: 'Create an organization' },
  None,
  NewOrganizationBody,
  Organization,
);
const listRoute = listRouteFor(
  { path, requires: 'organizations:read', tag, summary: 'List organizations', description: 'An API key sees its own.' },
  None,
  {},
  Organization,
);
const getOrganizationRoute = getRouteFor(
  { path: one, requires: 'organizations:read', tag, summary: 'Show an organization' },
  IdParams,
  Organization,
);
const updateOrganizationRoute = updateRouteFor(
  { path: one, requires: 'root', tag, summary: 'Change an organization' },
  IdParams,
  OrganizationPatch,
  Organization,
);
const deleteOrganizationRoute = deleteRouteFor(
  { path: one, requires: 'root', tag, summary: 'Delete an organization' },
  IdParams,
  CascadeQuery,
);
const revokeTokensRoute = actionRouteFor(
  {
    path: `${one}/revoke-tokens`,
    requires: 'tokens:revoke',
    tag,
    summary: 'Revoke every token issued so far to the organization’s clients',
  },
  IdParams,
  None,
  Revoked,
);

const KNOWN_TO_GATES = ['status', 'subject', 'security_profile'];
const SHUT_OUT = 'The strict profile would shut these clients out: change how they authenticate first.';
const NAME_TAKEN = { pointer: '/name', detail: 'Another organization has this name.' };

/** Mounts `/organizations` below `/v1`. */
export function organizations(app: ManagementApp): void {
  app.openapi(createOrganizationRoute, async (context) => {
    const fields = context.req.valid('json');
    const now = Date.now();
    const organization = { id: generateId('org'), ...columns(fields), createdAt: now, updatedAt: now };
    return commit(context, {
      event: {
        at: now,
        organizationId: organization.id,
        action: 'organization.created',
        target: organization.id,
        changes: fields,
      },
      conflicts: { organizations_name: NAME_TAKEN },
      statements: insertOrganization(context.var.services.db, organization),
      status: 201,
      body: toResponse(organization),
      tagged: true,
    });
  });

  app.openapi(listRoute, async (context) => {
    const { services, administrator } = context.var;
    const { limit, cursor } = context.req.valid('query');
    const [after] = readCursor(cursor, BY_NAME) ?? [];
    const found =
      administrator.kind === 'root'
        ? await listOrganizations(services.db, { after, limit: limit + 1 })
        : [await find(context, administrator.organizationId)];
    const { data, next_cursor } = page(found, limit, ({ name }) => [name]);
    return context.json({ data: data.map(toResponse), next_cursor }, 200);
  });

  app.openapi(getOrganizationRoute, async (context) => {
    const found = await find(context, context.req.valid('param').id);
    context.header('ETag', etag(found.version));
    return context.json(toResponse(found), 200);
  });

  app.openapi(updateOrganizationRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { db } = context.var.services;
      const { id } = context.req.valid('param');
      const found = await find(context, id);
      requireMatch(context, found.version);
      const before = toResponse(found);
      const fields = applyPatch(Fields, before, context.req.valid('json'));
      const becomesStrict = fields.security_profile === 'strict' && found.securityProfile !== 'strict';
      if (becomesStrict) refuseDependents(await clientsNotStrict(db, id, DEPENDENTS_SHOWN), SHUT_OUT);
      const now = Date.now();
      const changes = changedFields(before, fields);
      return commit(context, {
        event: { at: now, organizationId: id, action: 'organization.updated', target: id, changes },
        guard: allOf(isOrganizationAt(found), becomesStrict ? allAreStrict(id) : undefined),
        // A gate knows no more of its client's organization than these. Else it may be a repeat: it makes up for what they are owed.
        affectedClients: KNOWN_TO_GATES.some((name) => name in changes) ? clientsOf(id) : stillOwed(clientsOf(id)),
        conflicts: { organizations_name: NAME_TAKEN },
        statements: updateOrganization(db, id, columns(fields), now),
        status: 200,
        body: toResponse({ ...found, ...columns(fields), updatedAt: now }),
        tagged: true,
      });
    }),
  );

  app.openapi(deleteOrganizationRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { db } = context.var.services;
      const { id } = context.req.valid('param');
      const cascade = context.req.valid('query').cascade === 'true';
      const found = await findOrganization(db, id);
      if (!found) return answerMissing(context, id);
      requireMatch(context, found.version);
      if (!cascade) {
        refuseDependents(await organizationDependents(db, id, DEPENDENTS_SHOWN), 'The organization owns these.');
      }
      return commit(context, {
        event: {
          at: Date.now(),
          organizationId: id,
          action: 'organization.deleted',
          target: id,
          changes: { name: found.name },
        },
        guard: isOrganizationAt(found),
        affectedClients: clientsOf(id),
        statements: deleteOrganization(db, id, cascade),
        status: 204,
        body: null,
      });
    }),
  );

  app.openapi(revokeTokensRoute, async (context) => {
    const { db } = context.var.services;
    const { id } = await find(context, context.req.valid('param').id);
    return commit(context, {
      event: { at: Date.now(), organizationId: id, action: 'organization.tokens_revoked', target: id, changes: {} },
      affectedClients: clientsOf(id),
      statements: revokeOrganizationTokens(db, id),
      status: 200,
      body: { revoked: true as const },
    });
  });
}

/** @throws ProblemError `not_found`; StoreUnavailableError */
async function find({ var: { services, administrator } }: ManagementContext, id: string) {
  const found = sees(administrator, id) ? await findOrganization(services.db, id) : undefined;
  if (!found) throw new ProblemError('not_found');
  return found;
}

function columns({ security_profile, ...fields }: z.infer<typeof Fields>) {
  return { ...fields, securityProfile: security_profile };
}

function toResponse({ id, name, subject, metadata, status, securityProfile, createdAt, updatedAt }: NewOrganization) {
  const times = { created_at: time(createdAt), updated_at: time(updatedAt) };
  return { id, name, subject, metadata, status, security_profile: securityProfile, ...times };
}
