import { z } from 'zod';
import {
  CLAIMS_LIMIT_BYTES,
  GRANTS_MAX,
  RATE_LIMIT_BURST_DEFAULT,
  RATE_LIMIT_MAX,
  RATE_LIMIT_PER_MINUTE_DEFAULT,
  ROLES_MAX,
  SCOPES_MAX,
} from '../../../constants.ts';
import { isPlainJson } from '../../../management/plain-json.ts';
import {
  AccessTokenTtl,
  Description,
  Grants,
  Metadata,
  Name,
  Reference,
  ResourceIdentifier,
  ScopeName,
  Status,
} from '../../../management/schemas.ts';
import { REGISTERED_CLAIMS } from '../../../tokens/names.ts';

// What a file may say: the fields that the management API takes, with its checks and its defaults, so that a file is known to be
// whole before anything is changed. A test holds them to those of the API.

const ResourceServer = z.strictObject({
  identifier: ResourceIdentifier,
  name: Name,
  scopes: z
    .array(z.strictObject({ name: ScopeName, description: Description }))
    .max(SCOPES_MAX)
    .refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, 'must name each scope once')
    .default([]),
  access_token_ttl: AccessTokenTtl,
  signing_alg: z.enum(['ES256', 'RS256', 'EdDSA']).default('ES256'),
  introspection: z.enum(['strong']).default('strong'),
});

const Role = z.strictObject({
  name: Name.refine((name) => !/^role_[0-9A-Za-z]{22}$/.test(name), 'must not look like the id of a role'),
  description: Description,
  grants: Grants,
});

const ClaimName = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => !REGISTERED_CLAIMS.has(name), 'must not be a registered claim name')
  .refine((name) => name.isWellFormed() && name !== '__proto__', 'must be well-formed Unicode, and not __proto__');

const Client = z.strictObject({
  client_name: Name,
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_basic'),
  roles: z.array(Reference).max(ROLES_MAX).default([]),
  grants: Grants,
  introspects: z.array(Reference).max(GRANTS_MAX).default([]),
  default_resource: Reference.nullable().default(null),
  access_token_ttl: AccessTokenTtl,
  rate_limit: z
    .strictObject({
      per_minute: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_PER_MINUTE_DEFAULT),
      burst: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_BURST_DEFAULT),
    })
    .default({ per_minute: RATE_LIMIT_PER_MINUTE_DEFAULT, burst: RATE_LIMIT_BURST_DEFAULT }),
  claims: z
    .unknown()
    .refine((claims) => isPlainJson(claims), 'must nest 8 levels at most, with well-formed text and exact integers')
    .pipe(z.record(ClaimName, z.unknown()))
    .refine(
      (claims) => new TextEncoder().encode(JSON.stringify(claims)).byteLength <= CLAIMS_LIMIT_BYTES,
      'must be at most 4 KiB of JSON',
    )
    .default({}),
  requestable_claims: z
    .array(ClaimName)
    .max(50)
    .refine((names) => new Set(names).size === names.length, 'must name each claim once')
    .default([]),
  may_rotate_secret: z.boolean().default(false),
  metadata: Metadata,
  status: Status,
});

export const Declaration = z.strictObject({
  resource_servers: z.array(ResourceServer).default([]),
  roles: z.array(Role).default([]),
  clients: z.array(Client).default([]),
});

/** What is to stand, every field there, defaults too. */
export type Declaration = z.infer<typeof Declaration>;

/** The sections of a file, in the order in which each depends on those before it alone. */
export const SECTIONS = ['resource_servers', 'roles', 'clients'] as const;
export type Section = (typeof SECTIONS)[number];

/** The schemas of what a section lists. */
export const SCHEMAS = { resource_servers: ResourceServer, roles: Role, clients: Client };

/** The names of a section's fields, in the order in which a file has them. */
export function fieldNames(section: Section): string[] {
  return Object.keys(SCHEMAS[section].shape);
}

/** The values of the fields that may be left out. */
export function defaults(section: Section): Record<string, unknown> {
  const entries = Object.entries(SCHEMAS[section].shape).flatMap(([name, schema]) => {
    const result = schema.safeParse(undefined);
    return result.success ? [[name, result.data] as const] : [];
  });
  return Object.fromEntries(entries);
}
