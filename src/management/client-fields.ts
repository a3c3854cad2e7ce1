import { z } from '@hono/zod-openapi';
import {
  ACCESS_TOKEN_TTL_DEFAULT,
  CLAIMS_LIMIT_BYTES,
  GRANTS_MAX,
  RATE_LIMIT_BURST_DEFAULT,
  RATE_LIMIT_MAX,
  RATE_LIMIT_PER_MINUTE_DEFAULT,
  ROLES_MAX,
} from '../constants.ts';
import { isImportableId } from '../credentials/client-id.ts';
import { isStrongSecret } from '../credentials/secret-strength.ts';
import type { ClientFields as StoredFields } from '../store/clients.ts';
import { REGISTERED_CLAIMS } from '../tokens/names.ts';
import { patchOf } from './merge-patch.ts';
import { isPlainJson } from './plain-json.ts';
import type { Resolved } from './references.ts';
import {
  AccessTokenTtl,
  Grants,
  Metadata,
  MetadataPatch,
  Name,
  OrganizationId,
  Reference,
  Status,
  Time,
} from './schemas.ts';

const ClaimName = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => !REGISTERED_CLAIMS.has(name), 'must not be a registered claim name')
  .refine((name) => name.isWellFormed() && name !== '__proto__', 'must be well-formed Unicode, and not __proto__');

const RateLimit = z
  .strictObject({
    per_minute: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_PER_MINUTE_DEFAULT),
    burst: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_BURST_DEFAULT),
  })
  .openapi('RateLimit');

const CLAIMS = { type: 'object' as const, additionalProperties: true, example: { tier: 'gold' } };

/** What can be said of a client, at its creation and later. */
export const ClientFields = z.strictObject({
  client_name: Name.openapi({ example: 'Invoice worker' }),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_basic'),
  grants: Grants,
  roles: z
    .array(Reference)
    .max(ROLES_MAX)
    .default([])
    .openapi({ example: ['order-reader'] }),
  introspects: z
    .array(Reference)
    .max(GRANTS_MAX)
    .default([])
    .openapi({ description: 'The resource servers on whose behalf the client introspects tokens.', example: [] }),
  default_resource: Reference.nullable()
    .default(null)
    .openapi({ description: 'The resource server of token requests that name none.' }),
  access_token_ttl: AccessTokenTtl.openapi({
    description: `Seconds; else the resource server’s, else ${ACCESS_TOKEN_TTL_DEFAULT}.`,
  }),
  rate_limit: RateLimit.default({ per_minute: RATE_LIMIT_PER_MINUTE_DEFAULT, burst: RATE_LIMIT_BURST_DEFAULT }),
  claims: z
    .unknown()
    .refine(
      (claims) => isPlainJson(claims),
      'must be JSON of 8 levels at most, with well-formed text, exact integers and no name __proto__',
    )
    .pipe(z.record(ClaimName, z.unknown()))
    .refine(
      (claims) => new TextEncoder().encode(JSON.stringify(claims)).byteLength <= CLAIMS_LIMIT_BYTES,
      'must be at most 4 KiB of JSON',
    )
    .default({})
    .openapi({ ...CLAIMS, description: 'Added to every token of the client.' }),
  requestable_claims: z
    .array(ClaimName)
    .max(50)
    .refine((names) => new Set(names).size === names.length, 'must name each claim once')
    .default([])
    .openapi({ description: 'Names of claims that a token request may ask for, by `claims`.', example: ['tenant'] }),
  may_rotate_secret: z
    .boolean()
    .default(false)
    .openapi({ description: 'Whether the client may rotate its secret itself, at `/oauth2/rotate-secret`.' }),
  metadata: Metadata,
  status: Status,
});

export type ClientBody = z.infer<typeof ClientFields>;

const IMPORTED_SECRET = /^[\x21-\x7e]{24,256}$/;

/** A client_id and a secret that another provider gave. */
const Imported = {
  client_id: z
    .string()
    .refine(
      isImportableId,
      'must be 1 to 200 visible ASCII characters without " % + and :, not begin with emc_ or key_, and not be . .. root leak-report or attempt-filter',
    )
    .optional()
    .openapi({ description: 'An id that the client has from another provider; else one is generated.' }),
  client_secret: z
    .string()
    .refine((secret) => IMPORTED_SECRET.test(secret), 'must be 24 to 256 visible ASCII characters')
    .refine(isStrongSecret, 'is too easily guessed: it must be worth 112 random bits')
    .optional()
    .openapi({ description: 'The secret that goes with it; else one is generated.' }),
};

export const NewClient = ClientFields.extend({ ...Imported, organization_id: OrganizationId.optional() })
  .refine(({ client_id, client_secret }) => client_secret === undefined || client_id !== undefined, {
    path: ['client_secret'],
    error: 'comes with the `client_id` that it belongs to; for a generated id it is generated',
  })
  .openapi('NewClient');

export const ClientPatch = patchOf(ClientFields, {
  metadata: MetadataPatch,
  rate_limit: z.looseObject({ per_minute: z.int().nullable().optional(), burst: z.int().nullable().optional() }),
  claims: z.unknown().openapi(CLAIMS),
}).openapi('ClientPatch');

export const Client = ClientFields.extend({
  client_id: z.string().openapi({ example: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH' }),
  organization_id: OrganizationId,
  created_at: Time,
  updated_at: Time,
}).openapi('Client');

// Spread, not extended: the document would ask for an object with no other fields, twice over.
export const CreatedClient = z
  .strictObject({
    ...Client.shape,
    client_secret: z.string().openapi({ description: 'Shown here, once.' }),
  })
  .openapi('CreatedClient');

/** The fields with their references as they are shown, by identifier and name. */
export function shownFields(fields: ClientBody, resolved: Resolved): ClientBody {
  return {
    ...fields,
    grants: resolved.shownGrants,
    roles: resolved.roles.map(({ name }) => name).sort(),
    introspects: resolved.introspects.map(({ identifier }) => identifier).sort(),
    default_resource: resolved.defaultResource?.identifier ?? null,
  };
}

/** The fields as a client's own row has them. @param now milliseconds since the epoch */
export function clientColumns(fields: ClientBody, resolved: Resolved, now: number): StoredFields {
  return {
    clientName: fields.client_name,
    tokenEndpointAuthMethod: fields.token_endpoint_auth_method,
    defaultResourceServerId: resolved.defaultResource?.id ?? null,
    accessTokenTtl: fields.access_token_ttl,
    rateLimitPerMinute: fields.rate_limit.per_minute,
    rateLimitBurst: fields.rate_limit.burst,
    claims: fields.claims,
    requestableClaims: fields.requestable_claims,
    mayRotateSecret: fields.may_rotate_secret,
    metadata: fields.metadata,
    status: fields.status,
    updatedAt: now,
  };
}

/** What a client is linked to, by ids. */
export function clientLinks({ grants, roles, introspects }: Resolved) {
  return { grants, roleIds: roles.map(({ id }) => id), introspects: introspects.map(({ id }) => id) };
}
