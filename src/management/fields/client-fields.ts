import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_DEFAULT } from '../../constants.ts';
import { REGISTERED_CLAIMS } from '../../tokens/names.ts';
import {
  CLAIM_NAME_LENGTH_MAX,
  CLAIMS_LIMIT_BYTES,
  GRANTS_MAX,
  JSON_DEPTH_MAX,
  RATE_LIMIT_BURST_DEFAULT,
  RATE_LIMIT_MAX,
  RATE_LIMIT_PER_MINUTE_DEFAULT,
  REQUESTABLE_CLAIMS_MAX,
  ROLES_MAX,
} from '../constants.ts';
import { AuthenticationFields } from './authentication-fields.ts';
import { isPlainJson } from './plain-json.ts';
import { AccessTokenTtl, Grants, jsonBytes, Metadata, Name, Reference, Status } from './schemas.ts';

const ClaimName = z
  .string()
  .min(1)
  .max(CLAIM_NAME_LENGTH_MAX)
  .refine((name) => !REGISTERED_CLAIMS.has(name), 'must not be a registered claim name')
  .refine((name) => name.isWellFormed() && name !== '__proto__', 'must be well-formed Unicode, and not __proto__');

const RateLimit = z
  .strictObject({
    per_minute: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_PER_MINUTE_DEFAULT),
    burst: z.int().min(1).max(RATE_LIMIT_MAX).default(RATE_LIMIT_BURST_DEFAULT),
  })
  .openapi('RateLimit');

/** How the document tells of custom claims. */
export const CLAIMS = { type: 'object' as const, additionalProperties: true, example: { tier: 'gold' } };

/** What can be said of a client, at its creation and later. */
export const ClientFields = z.strictObject({
  client_name: Name.openapi({ example: 'Invoice worker' }),
  ...AuthenticationFields,
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
      `must be JSON of at most ${JSON_DEPTH_MAX} levels, with well-formed text, exact integers and no name __proto__`,
    )
    .pipe(z.record(ClaimName, z.unknown()))
    .refine(
      (claims) => jsonBytes(claims) <= CLAIMS_LIMIT_BYTES,
      `must be at most ${CLAIMS_LIMIT_BYTES / 1024} KiB of JSON`,
    )
    .default({})
    .openapi({ ...CLAIMS, description: 'Added to every token of the client.' }),
  requestable_claims: z
    .array(ClaimName)
    .max(REQUESTABLE_CLAIMS_MAX)
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
