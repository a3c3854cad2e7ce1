import { type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  CLAIMS_LIMIT_BYTES,
  RATE_LIMIT_BURST_DEFAULT,
  RATE_LIMIT_MAX,
  RATE_LIMIT_PER_MINUTE_DEFAULT,
} from '../constants.ts';
import { generateClientId } from '../credentials/client-id.ts';
import { generateSecret, secretHint } from '../credentials/secret.ts';
import { hashSecret } from '../credentials/secret-hash.ts';
import { insertClient } from '../store/clients.ts';
import { generateId } from '../store/id.ts';
import { REGISTERED_CLAIMS } from '../tokens/access-token.ts';
import { requiredOrganization, requireScope } from './authorization.ts';
import { create, createRouteFor, type ManagementEnv } from './create.ts';
import { isPlainJson } from './plain-json.ts';
import { resolveReferences } from './references.ts';
import {
  AccessTokenTtl,
  GRANTS_MAX,
  Grants,
  Metadata,
  Name,
  OrganizationId,
  Reference,
  Status,
  Time,
  time,
} from './schemas.ts';

const ClaimName = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => !REGISTERED_CLAIMS.has(name), 'must not be a registered claim name');

const RateLimit = z
  .strictObject({
    per_minute: z.int().min(1).max(RATE_LIMIT_MAX),
    burst: z.int().min(1).max(RATE_LIMIT_MAX),
  })
  .openapi('RateLimit');

const Fields = z.strictObject({
  client_name: Name.openapi({ example: 'Invoice worker' }),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_basic'),
  grants: Grants,
  roles: z.array(Reference).max(GRANTS_MAX).default([]),
  introspects: z
    .array(Reference)
    .max(GRANTS_MAX)
    .default([])
    .openapi({ description: 'The resource servers on whose behalf the client introspects tokens.' }),
  default_resource: Reference.nullable()
    .default(null)
    .openapi({ description: 'The resource server of token requests that name none.' }),
  access_token_ttl: AccessTokenTtl.openapi({ description: 'Seconds; else the resource server’s, else 3600.' }),
  rate_limit: RateLimit.default({ per_minute: RATE_LIMIT_PER_MINUTE_DEFAULT, burst: RATE_LIMIT_BURST_DEFAULT }),
  claims: z
    .unknown()
    .refine(
      isPlainJson,
      'must be JSON of 8 levels at most, with well-formed text, exact integers and no name __proto__',
    )
    .pipe(z.record(ClaimName, z.unknown()))
    .refine(
      (claims) => new TextEncoder().encode(JSON.stringify(claims)).byteLength <= CLAIMS_LIMIT_BYTES,
      'must be at most 4 KiB of JSON',
    )
    .default({})
    .openapi({ type: 'object', description: 'Added to every token of the client.' }),
  metadata: Metadata,
  status: Status,
});

const NewClient = Fields.extend({ organization_id: OrganizationId.optional() }).openapi('NewClient');
const Client = Fields.extend({
  client_id: z.string().openapi({ example: 'emc_3kTMd9G5Tflk9n8mt7Fhc7aB3dE5gH' }),
  organization_id: OrganizationId,
  created_at: Time,
  updated_at: Time,
}).openapi('Client');
const CreatedClient = Client.extend({
  client_secret: z.string().openapi({ description: 'Shown here, once.' }),
}).openapi('CreatedClient');

const createClient = createRouteFor('/clients', 'Clients', 'Create a client', NewClient, CreatedClient);

/** Mounts `/clients` below `/v1`. */
export function clients(app: OpenAPIHono<ManagementEnv>): void {
  app.openapi(createClient, async (context) => {
    const { services, administrator } = context.var;
    requireScope(administrator, 'clients:write');
    const { organization_id, ...fields } = context.req.valid('json');
    const organizationId = await requiredOrganization(services, administrator, organization_id);
    const resolved = await resolveReferences(services, administrator, organizationId, fields);

    const now = Date.now();
    const masterKeys = await services.masterKeys();
    const clientId = await generateClientId(masterKeys);
    const clientSecret = generateSecret('ems_');
    const shown = {
      ...fields,
      grants: resolved.shownGrants,
      roles: resolved.roles.map(({ name }) => name),
      introspects: resolved.introspects.map(({ identifier }) => identifier),
      default_resource: resolved.defaultResource?.identifier ?? null,
    };
    const client = {
      clientId,
      organizationId,
      clientName: fields.client_name,
      tokenEndpointAuthMethod: fields.token_endpoint_auth_method,
      defaultResourceServerId: resolved.defaultResource?.id ?? null,
      accessTokenTtl: fields.access_token_ttl,
      rateLimitPerMinute: fields.rate_limit.per_minute,
      rateLimitBurst: fields.rate_limit.burst,
      claims: fields.claims,
      metadata: fields.metadata,
      status: fields.status,
      createdAt: now,
      updatedAt: now,
    };
    const secret = {
      id: generateId('sec'),
      clientId,
      rank: 'primary' as const,
      hash: await hashSecret(clientSecret, masterKeys),
      hint: secretHint(clientSecret),
      createdAt: now,
      expiresAt: null,
    };
    await create(context, now, {
      organizationId,
      action: 'client.created',
      target: clientId,
      changes: shown,
      conflicts: {
        clients_name: { pointer: '/client_name', detail: 'Another client of the organization has this name.' },
      },
      statements: insertClient(services.db, client, secret, {
        grants: resolved.grants,
        roleIds: resolved.roles.map(({ id }) => id),
        introspects: resolved.introspects.map(({ id }) => id),
      }),
    });
    const created = { client_id: clientId, organization_id: organizationId, ...shown };
    return context.json({ ...created, created_at: time(now), updated_at: time(now), client_secret: clientSecret }, 201);
  });
}
