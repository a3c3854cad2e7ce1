import { z } from '@hono/zod-openapi';
import { workloadKey } from '../../federation/selector.ts';
import type {
  ClientLinks,
  DescribedClient,
  NewClient as NewClientRow,
  ClientFields as StoredFields,
} from '../../store/clients.ts';
import { type ClientBody, ClientFields } from './client-fields.ts';
import { ImportedCredentials } from './imported-credentials.ts';
import { patchOf } from './patch-schema.ts';
import type { Resolved } from './references.ts';
import { type RegisteredAuthentication, shownAuthentication } from './registered-authentication.ts';
import { CreatedAt, OrganizationId, OwnerId, Time, time, timeOrNull, UpdatedAt } from './schemas.ts';

export const NewClient = ClientFields.extend({ ...ImportedCredentials, organization_id: OwnerId })
  .refine(({ client_id, client_secret }) => client_secret === undefined || client_id !== undefined, {
    path: ['client_secret'],
    error: 'requires `client_id`: a generated id has a generated secret',
  })
  .openapi('NewClient');

/** The fields of a client that change without a write: a patch may repeat an older value. */
export const LiveFields = z.object({
  last_used_at: Time.nullable().openapi({
    description:
      'When it last authenticated, at any endpoint and by any method, accurate to the hour. Lists may show a use ten minutes later. Null if never. A `PATCH` ignores it.',
  }),
});

export const Client = ClientFields.extend({
  client_id: z
    .string()
    .openapi({ description: 'The id of the client.', example: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH' }),
  organization_id: OrganizationId,
  created_at: CreatedAt,
  updated_at: UpdatedAt,
  ...LiveFields.shape,
  disabled_reason: z.enum(['unused']).nullable().openapi({
    description:
      '`unused` if the policy for unused clients of its organization disabled it. Null if an administrator did, and if it is active.',
  }),
}).openapi('Client');

export const ClientPatch = patchOf(ClientFields, Client).openapi('ClientPatch');

// Spread, not extended: `extend` would become an `allOf` of two schemas that each forbid the fields of the other.
export const CreatedClient = z
  .strictObject({
    ...Client.shape,
    client_secret: z.string().optional().openapi({
      description:
        'The secret of the client. It is shown only in this answer. Absent if the client does not use a secret.',
    }),
  })
  .openapi('CreatedClient');

type ShownLinks = Pick<DescribedClient, 'grants' | 'roles' | 'introspects' | 'defaultResource'>;

/** Returns the links of a client by the identifiers and names that the API shows. */
export function shownLinks({ shownGrants, roles, introspects, defaultResource }: Resolved): ShownLinks {
  return {
    grants: shownGrants,
    roles: roles.map(({ name }) => name).sort(),
    introspects: introspects.map(({ identifier }) => identifier).sort(),
    defaultResource: defaultResource?.identifier ?? null,
  };
}

/** Returns the fields of a client as the API shows them. */
export function shownFields(client: StoredFields & ShownLinks): ClientBody {
  return {
    client_name: client.clientName,
    description: client.description,
    owner: client.owner,
    ...shownAuthentication(client),
    grants: client.grants,
    roles: client.roles,
    introspects: client.introspects,
    default_resource: client.defaultResource,
    access_token_ttl: client.accessTokenTtl,
    rate_limit: { per_minute: client.rateLimitPerMinute, burst: client.rateLimitBurst },
    quota: client.quota,
    claims: client.claims,
    requestable_claims: client.requestableClaims,
    may_rotate_secret: client.mayRotateSecret,
    log: client.log,
    metadata: client.metadata,
    status: client.status,
    expires_at: timeOrNull(client.expiresAt),
  };
}

/** What happens to a client after its creation. */
interface LaterState {
  readonly lastUsedAt?: number | null;
  readonly unusedSince?: number | null;
}

/** Returns the representation of a client in answers. */
export function toResponse(client: NewClientRow & ShownLinks & LaterState) {
  const isUnused = client.status === 'disabled' && (client.unusedSince ?? null) !== null;
  return {
    client_id: client.clientId,
    organization_id: client.organizationId,
    ...shownFields(client),
    created_at: time(client.createdAt),
    updated_at: time(client.updatedAt),
    last_used_at: timeOrNull(client.lastUsedAt),
    disabled_reason: isUnused ? ('unused' as const) : null,
  };
}

/**
 * Returns the columns of a client's own row.
 * @param restrictedClaims see `restrictClaims`
 * @param now milliseconds since the epoch
 */
export function clientColumns(
  fields: ClientBody,
  resolved: Resolved,
  authentication: RegisteredAuthentication,
  restrictedClaims: string[],
  now: number,
): StoredFields {
  return {
    ...authentication,
    clientName: fields.client_name,
    description: fields.description,
    owner: fields.owner,
    defaultResourceServerId: resolved.defaultResource?.id ?? null,
    accessTokenTtl: fields.access_token_ttl,
    rateLimitPerMinute: fields.rate_limit.per_minute,
    rateLimitBurst: fields.rate_limit.burst,
    quota: fields.quota,
    claims: fields.claims,
    requestableClaims: fields.requestable_claims,
    restrictedClaims,
    mayRotateSecret: fields.may_rotate_secret,
    log: fields.log,
    metadata: fields.metadata,
    status: fields.status,
    expiresAt: fields.expires_at === null ? null : Date.parse(fields.expires_at),
    updatedAt: now,
  };
}

/** Returns the links of a client, as they are stored: to other resources by their ids, and to workloads. */
export function clientLinks(
  { grants, roles, introspects }: Resolved,
  { federatedIdentities }: RegisteredAuthentication,
): ClientLinks {
  return {
    grants,
    roleIds: roles.map(({ id }) => id),
    introspects: introspects.map(({ id }) => id),
    workloads: federatedIdentities.map(workloadKey),
  };
}
