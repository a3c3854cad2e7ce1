import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_MAX, CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { isResourceIdentifier, isScopeToken } from '../../tokens/names.ts';
import {
  ACCESS_TOKEN_TTL_MIN,
  CURSOR_LENGTH_MAX,
  DESCRIPTION_LENGTH_MAX,
  GRANTS_BYTES_MAX,
  GRANTS_MAX,
  ID_LENGTH_MAX,
  METADATA_MEMBERS_MAX,
  METADATA_NAME_LENGTH_MAX,
  METADATA_VALUE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  ORGANIZATION_ID_LENGTH_MAX,
  PAGE_DEFAULT,
  PAGE_MAX,
  REFERENCE_LENGTH_MAX,
  RESOURCE_IDENTIFIER_LENGTH_MAX,
  SCOPE_NAME_LENGTH_MAX,
  SCOPES_MAX,
} from '../constants.ts';

// Parts that several resources are described with. A sentence behind a check says what would be right.

export const GRANTS_TOO_LARGE = `must be at most ${GRANTS_BYTES_MAX / 1024} KiB of JSON`;

/** How long a value is as JSON, in UTF-8. */
export function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
}

/** A name for people: something printable in it, and no control characters. */
export const Name = z
  .string()
  .min(1)
  .max(NAME_LENGTH_MAX)
  .refine(
    (text) => text.trim() === text && text.isWellFormed() && !/\p{Cc}/u.test(text),
    'must have no control characters and no white space at its ends',
  );

const WELL_FORMED = 'must be well-formed Unicode';

export const Description = z
  .string()
  .max(DESCRIPTION_LENGTH_MAX)
  .refine((text) => text.isWellFormed(), WELL_FORMED)
  .default('');

export const OrganizationId = z
  .string()
  .max(ORGANIZATION_ID_LENGTH_MAX)
  .openapi({ example: 'org_7n42DGM5Tflk9n8mt7Fhc7' });

export const ScopeName = z
  .string()
  .max(SCOPE_NAME_LENGTH_MAX)
  .refine(isScopeToken, 'must be printable ASCII without space, quote or backslash')
  .openapi({ example: 'orders:read' });

export const ResourceIdentifier = z
  .string()
  .max(RESOURCE_IDENTIFIER_LENGTH_MAX)
  .refine(isResourceIdentifier, 'must be an absolute URI without fragment')
  .openapi({ example: 'https://api.example.com/orders' });

/** Seconds. */
export const AccessTokenTtl = z.int().min(ACCESS_TOKEN_TTL_MIN).max(ACCESS_TOKEN_TTL_MAX).nullable().default(null);

export const Metadata = z
  .record(
    z.string().min(1).max(METADATA_NAME_LENGTH_MAX),
    z
      .string()
      .max(METADATA_VALUE_LENGTH_MAX)
      .refine((text) => text.isWellFormed(), WELL_FORMED),
  )
  .refine(
    (metadata) => Object.keys(metadata).length <= METADATA_MEMBERS_MAX,
    `must have at most ${METADATA_MEMBERS_MAX} members`,
  )
  .default({});

export const MetadataPatch = z.record(z.string(), z.string().nullable());

export const StatusName = z.enum(['active', 'disabled']);
export const Status = StatusName.default('active');

/** A resource server or role by its id, or by its identifier or name. */
export const Reference = z.string().min(1).max(REFERENCE_LENGTH_MAX);

export const Grant = z
  .strictObject({
    resource_server: Reference.openapi({ example: 'https://api.example.com/orders' }),
    scopes: z.array(ScopeName).max(SCOPES_MAX).default([]),
  })
  .openapi('Grant');

export const Grants = z
  .array(Grant)
  .max(GRANTS_MAX)
  .refine((grants) => JSON.stringify(grants).length <= GRANTS_BYTES_MAX, GRANTS_TOO_LARGE)
  .default([]);

/** RFC 3339, in UTC. */
export const Time = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' });

/** Milliseconds since the epoch, as RFC 3339 in UTC. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export function timeOrNull(milliseconds: number | null | undefined): string | null {
  return milliseconds === null || milliseconds === undefined ? null : time(milliseconds);
}

/** An object's own id in a path. */
export const IdParams = z.object({ id: z.string().max(ID_LENGTH_MAX) });
export const ClientIdParams = z.object({ client_id: z.string().max(CLIENT_ID_LENGTH_MAX) });

export const PageQuery = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PAGE_MAX)
    .default(PAGE_DEFAULT)
    .openapi({ description: 'How many items a page has at most.' }),
  cursor: z
    .string()
    .max(CURSOR_LENGTH_MAX)
    .optional()
    .openapi({ description: 'The `next_cursor` of the page before.' }),
});

export const OrganizationQuery = {
  organization_id: OrganizationId.optional().openapi({
    description: 'With the root key: whose. An API key sees its own organization’s.',
  }),
};

export const Revoked = z.object({ revoked: z.literal(true) }).openapi('Revoked');

/** How far a change is that goes on after its answer. */
export const Change = z
  .object({
    id: z.string().openapi({ example: '1042' }),
    status: z
      .enum(['pending', 'delivered'])
      .openapi({ description: '`delivered`: nobody goes by what was before any more.' }),
    action: z.string().openapi({ example: 'role.updated' }),
    target: z.string().openapi({ example: 'role_7n42DGM5Tflk9n8mt7Fhc7' }),
    gates: z.int().openapi({ description: 'How many gates must hear of it.', example: 501 }),
    delivered: z.int().openapi({ description: 'How many have.', example: 125 }),
    created_at: Time,
    settles_at: Time.nullable().openapi({
      description:
        'When nothing goes by what was before any more, where that takes longer than telling the gates and is known yet.',
    }),
  })
  .openapi('Change');

export const Problem = z
  .object({
    type: z.string().openapi({ example: 'urn:edgemint:problem:invalid' }),
    title: z.string().openapi({ example: 'Validation failed' }),
    status: z.int().openapi({ example: 422 }),
    detail: z.string().optional(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().openapi({
            description: 'A JSON pointer to the field of the body.',
            example: '/access_token_ttl',
          }),
          parameter: z.string().optional().openapi({ description: 'Or the parameter of the URL or header.' }),
          detail: z.string().openapi({ description: 'What would be right.' }),
        }),
      )
      .optional(),
    orphans: z
      .array(z.object({ type: z.string(), id: z.string(), name: z.string() }))
      .optional()
      .openapi({ description: 'What refers to that which cannot go.' }),
    orphans_total: z.int().optional(),
  })
  .openapi('Problem');
