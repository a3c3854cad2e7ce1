import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_MAX, ACCESS_TOKEN_TTL_MIN } from '../constants.ts';
import { isResourceIdentifier, isScopeToken } from '../tokens/names.ts';

// Parts that several resources are described with. A sentence behind a check says what would be right.

export const SCOPES_MAX = 1000;
export const GRANTS_MAX = 100;

/** A name for people: something printable in it, and no control characters. */
export const Name = z
  .string()
  .min(1)
  .max(200)
  .refine(
    (text) => text.trim() === text && text.isWellFormed() && !/\p{Cc}/u.test(text),
    'must have no control characters and no white space at its ends',
  );

const WELL_FORMED = 'must be well-formed Unicode';

export const Description = z
  .string()
  .max(1000)
  .refine((text) => text.isWellFormed(), WELL_FORMED)
  .default('');

export const OrganizationId = z.string().max(100).openapi({ example: 'org_7n42DGM5Tflk9n8mt7Fhc7' });

export const ScopeName = z
  .string()
  .max(200)
  .refine(isScopeToken, 'must be printable ASCII without space, quote or backslash')
  .openapi({ example: 'orders:read' });

export const ResourceIdentifier = z
  .string()
  .max(500)
  .refine(isResourceIdentifier, 'must be an absolute URI without fragment')
  .openapi({ example: 'https://api.example.com/orders' });

/** Seconds. */
export const AccessTokenTtl = z.int().min(ACCESS_TOKEN_TTL_MIN).max(ACCESS_TOKEN_TTL_MAX).nullable().default(null);

export const Metadata = z
  .record(
    z.string().min(1).max(100),
    z
      .string()
      .max(1000)
      .refine((text) => text.isWellFormed(), WELL_FORMED),
  )
  .refine((metadata) => Object.keys(metadata).length <= 50, 'must have at most 50 members')
  .default({});

export const Status = z.enum(['active', 'disabled']).default('active');

/** A resource server or role by its id, or by its identifier or name. */
export const Reference = z.string().min(1).max(500);

export const Grant = z
  .strictObject({
    resource_server: Reference.openapi({ example: 'https://api.example.com/orders' }),
    scopes: z.array(ScopeName).max(SCOPES_MAX).default([]),
  })
  .openapi('Grant');

export const Grants = z.array(Grant).max(GRANTS_MAX).default([]);

/** RFC 3339, in UTC. */
export const Time = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' });

/** Milliseconds since the epoch, as RFC 3339 in UTC. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export const Problem = z
  .object({
    type: z.string().openapi({ example: 'urn:edgemint:problem:invalid' }),
    title: z.string().openapi({ example: 'The request is not valid' }),
    status: z.int().openapi({ example: 422 }),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ pointer: z.string().openapi({ example: '/access_token_ttl' }), detail: z.string() }))
      .optional(),
  })
  .openapi('Problem');
