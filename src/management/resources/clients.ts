import type { z } from '@hono/zod-openapi';
import type { SQL } from 'drizzle-orm';
import { generateClientId } from '../../credentials/client-id.ts';
import { makeClientSecret } from '../../credentials/client-secret.ts';
import { deletedSecrets } from '../../store/cascades.ts';
import { usesSecrets } from '../../store/client-authentication.ts';
import {
  type DescribedClient,
  findClient,
  insertClient,
  isClientAt,
  removeClients,
  updateClient,
} from '../../store/clients.ts';
import { nothingOwedTo } from '../../store/gate-pushes.ts';
import { isProfile, organizationProfile } from '../../store/organizations.ts';
import { allOf, listOf } from '../../store/sql.ts';
import { applyPatch, changedFields } from '../fields/apply-patch.ts';
import { requireFutureExpiry } from '../fields/client-expiry.ts';
import { ClientFields } from '../fields/client-fields.ts';
import {
  Client,
  ClientPatch,
  CreatedClient,
  clientColumns,
  clientLinks,
  LiveFields,
  NewClient,
  shownFields,
  shownLinks,
  toResponse,
} from '../fields/client-representation.ts';
import { resolveReferences } from '../fields/references.ts';
import { registeredAuthentication } from '../fields/registered-authentication.ts';
import { restrictClaims } from '../fields/restricted-claims.ts';
import { ClientIdParams } from '../fields/schemas.ts';
import { requiredOrganization, visible } from '../http/authorization.ts';
import type { ManagementApp, ManagementContext } from '../http/context.ts';
import { type FieldError, invalid } from '../http/problem.ts';
import { createRouteFor, deleteRouteFor, getRouteFor, None, updateRouteFor } from '../http/routes.ts';
import { commit } from '../write/commit.ts';
import { answerMissing, deliverOwedTo } from '../write/delivery.ts';
import { etag, requireMatch, retryOnStaleWrite } from '../write/preconditions.ts';
import { lastUse } from './activity.ts';
import { clientList } from './client-list.ts';

const tag = 'Clients';
const path = '/clients';
const itemPath = '/clients/{client_id}';

const createClientRoute = createRouteFor(
  {
    path,
    requires: 'clients:write',
    tag,
    summary: 'Create a client',
    description: 'The answer contains the client’s secret, if it uses one. It is not shown again.',
  },
  None,
  NewClient,
  CreatedClient,
);
const getClientRoute = getRouteFor(
  { path: itemPath, requires: 'clients:read', tag, summary: 'Get a client' },
  ClientIdParams,
  Client,
);
const updateClientRoute = updateRouteFor(
  {
    path: itemPath,
    requires: 'clients:write',
    tag,
    summary: 'Update a client',
    description:
      'The next token request and strong introspection see the change. The tokens of a disabled client are inactive.',
  },
  ClientIdParams,
  ClientPatch,
  Client,
);
const deleteClientRoute = deleteRouteFor(
  { path: itemPath, requires: 'clients:write', tag, summary: 'Delete a client, its secrets and its tokens' },
  ClientIdParams,
);

const NO_SECRET: FieldError = {
  pointer: '/client_secret',
  detail:
    'The client does not authenticate with a secret. Leave `client_secret` out, or change `token_endpoint_auth_method`.',
};
const NAME_TAKEN: FieldError = {
  pointer: '/client_name',
  detail: 'Another client of the organization has this name. Choose another name.',
};

/** Mounts `/clients` below `/v1`. */
export function clients(app: ManagementApp): void {
  app.openapi(createClientRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { organization_id, client_id, client_secret, ...fields } = context.req.valid('json');
      requireFutureExpiry(fields, null, Date.now());
      const organizationId = await requiredOrganization(services, administrator, organization_id);
      const [resolved, profile] = await Promise.all([
        resolveReferences(services, administrator, organizationId, fields),
        organizationProfile(services.db, organizationId),
      ]);
      const { issuer } = services.config;
      const authentication = await registeredAuthentication(fields, issuer, profile);
      const hasSecret = usesSecrets([fields.token_endpoint_auth_method, ...fields.additional_auth_methods]);
      if (client_secret !== undefined && !hasSecret) throw invalid(NO_SECRET);
      if (client_id !== undefined) await deliverOwedTo(context, client_id);

      const restricted = await restrictClaims(services, fields, resolved);
      const now = Date.now();
      const masterKeys = await services.masterKeys();
      const clientId = client_id ?? (await generateClientId(masterKeys));
      const secret = hasSecret ? await makeClientSecret(clientId, masterKeys, now, client_secret) : undefined;
      const columns = clientColumns(fields, resolved, authentication, restricted, now);
      const client = { clientId, organizationId, ...columns, createdAt: now };
      const created = { ...client, ...shownLinks(resolved) };
      const answer = await commit(context, {
        event: { at: now, organizationId, action: 'client.created', target: clientId, changes: shownFields(created) },
        guard: allOf(
          isProfile(organizationId, profile),
          client_id === undefined ? undefined : nothingOwedTo(client_id),
        ),
        conflicts: {
          clients_name: NAME_TAKEN,
          clients_folded_name: NAME_TAKEN,
          clients_client_id: {
            pointer: '/client_id',
            detail: 'Another client has this `client_id`. Choose another one.',
          },
          client_secrets_hash: { pointer: '/client_secret', detail: 'This secret cannot be used. Choose another one.' },
        },
        statements: insertClient(services.db, client, secret?.stored, clientLinks(resolved, authentication)),
        status: 201,
        body: { ...toResponse(created), ...(secret && { client_secret: secret.clientSecret.reveal() }) },
        tagged: true,
      });
      if (client_id !== undefined) services.importedClientIds.note(client_id);
      return answer;
    }),
  );

  clientList(app);

  app.openapi(getClientRoute, async (context) => {
    const found = await findVisibleClient(context);
    const lastUsedAt = await lastUse(context.var.services, found);
    context.header('ETag', etag(found.version));
    return context.json(toResponse({ ...found, lastUsedAt }), 200);
  });

  app.openapi(updateClientRoute, (context) =>
    retryOnStaleWrite(async () => {
      const found = await findVisibleClient(context);
      requireMatch(context, found.version);
      return applyClientPatch(context, found, context.req.valid('json'));
    }),
  );

  app.openapi(deleteClientRoute, (context) =>
    retryOnStaleWrite(async () => {
      const { services, administrator } = context.var;
      const { client_id } = context.req.valid('param');
      const found = await findClient(services.db, client_id);
      if (!found) return answerMissing(context, client_id);
      const { organizationId, clientName, version } = visible(administrator, found);
      requireMatch(context, version);
      return commit(context, {
        event: {
          at: Date.now(),
          organizationId,
          action: 'client.deleted',
          target: client_id,
          changes: { client_name: clientName },
        },
        guard: isClientAt(found),
        affectedClients: listOf([client_id]),
        cascade: [deletedSecrets(listOf([client_id]))],
        statements: removeClients(services.db, listOf([client_id])),
        status: 204,
        body: null,
      });
    }),
  );
}

/**
 * Applies a merge patch to a client, and answers with its representation.
 * @param found the client as it was read. The write fails as stale if it has changed since
 * @param guard a further condition that must still hold
 * @throws ProblemError; StaleWriteError; StoreUnavailableError
 */
export async function applyClientPatch(
  context: ManagementContext,
  found: DescribedClient,
  patch: z.infer<typeof ClientPatch>,
  guard?: SQL,
) {
  const { services, administrator } = context.var;
  const { clientId, organizationId, organizationProfile: profile } = found;
  const before = toResponse(found);
  const fields = applyPatch(ClientFields, before, patch, LiveFields);
  requireFutureExpiry(fields, before.expires_at, Date.now());
  const resolved = await resolveReferences(services, administrator, organizationId, fields, found.introspects);
  const authentication = await registeredAuthentication(fields, services.config.issuer, profile);
  const restricted = await restrictClaims(services, fields, resolved, found);
  const now = Date.now();
  const columns = clientColumns(fields, resolved, authentication, restricted, now);
  // An administrator who disables a client that the policy disabled takes the decision over: a late use must not enable it again.
  const isTakenOver = patch.status === 'disabled' && before.disabled_reason === 'unused';
  const unusedSince = columns.status === found.status && !isTakenOver ? found.unusedSince : null;
  const updated = { ...found, ...columns, ...shownLinks(resolved), unusedSince };
  const changed = changedFields(before, shownFields(updated));
  const changes = isTakenOver ? { ...changed, disabled_reason: null } : changed;
  return commit(context, {
    event: { at: now, organizationId, action: 'client.updated', target: clientId, changes },
    guard: allOf(isProfile(organizationId, profile), isClientAt(found), guard),
    affectedClients: listOf([clientId]),
    conflicts: { clients_name: NAME_TAKEN, clients_folded_name: NAME_TAKEN },
    statements: updateClient(services.db, { ...found, isTakenOver }, columns, clientLinks(resolved, authentication)),
    status: 200,
    body: toResponse(updated),
    tagged: true,
  });
}

/** Returns the client that the path names. @throws ProblemError `not_found`; StoreUnavailableError */
export async function findVisibleClient({
  req,
  var: { services, administrator },
}: ManagementContext): Promise<DescribedClient> {
  const clientId = req.param('client_id') ?? '';
  return visible(administrator, await findClient(services.db, clientId));
}
