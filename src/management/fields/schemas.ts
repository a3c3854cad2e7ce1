import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_MAX, CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { isIdentifier } from '../../lib/identifier.ts';
import { parseTime } from '../../lib/rfc3339.ts';
import { kib } from '../../lib/size.ts';
import { SCOPE_TOKEN } from '../../tokens/names.ts';
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
import { namedValues } from './collections.ts';
import { text } from './text.ts';

// Schemas that several resources share. Each check has an error text that says what would be right; its subject is the field.

/** The error text of grants over their limit. */
export const GRANTS_TOO_LARGE = `must be at most ${kib(GRANTS_BYTES_MAX)} of JSON`;

/** Returns the size of a value as JSON in UTF-8, in bytes. */
export function jsonBytes(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).byteLength;
}

const WELL_FORMED = 'must be well-formed Unicode';

// Parts of character classes, without property escapes, because they are also patterns of the OpenAPI document.
const CONTROLS = '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f';
const LINE_BREAKS_AND_TABS = '\\t\\n\\r\\u2028\\u2029';
/** Characters that change the direction of the text after them, so that it reads as another text. */
const DIRECTIONS = '\\u202a-\\u202e\\u2066-\\u2069';

// Without look-arounds, which not every reader of a schema can evaluate.
const NAME = new RegExp(
  `^[^\\s${CONTROLS}${DIRECTIONS}]([^${CONTROLS}${LINE_BREAKS_AND_TABS}${DIRECTIONS}]*[^\\s${CONTROLS}${DIRECTIONS}])?$`,
);
const DESCRIPTION = new RegExp(`^[^${CONTROLS}${DIRECTIONS}]*$`);

/** A name for people. It is stored in NFC, so that one text has one form. */
export const Name = text({ min: 1, max: NAME_LENGTH_MAX }, z.string().normalize('NFC'))
  .regex(
    NAME,
    'must have no control characters, no overrides of the text direction, and no white space at its start or end',
  )
  .refine((name) => name.isWellFormed(), WELL_FORMED);

/** Who answers for something, for people. It is stored as names are. */
export const Owner = Name;

export const Description = text({ max: DESCRIPTION_LENGTH_MAX }, z.string().normalize('NFC'))
  .regex(
    DESCRIPTION,
    'must have no control characters except line breaks and tabs, and no overrides of the text direction',
  )
  .refine((description) => description.isWellFormed(), WELL_FORMED)
  .default('')
  .openapi({
    description:
      'A description for people, without control characters except line breaks and tabs, and without overrides of the text direction. Default: empty.',
  });

export const OrganizationId = text({ max: ORGANIZATION_ID_LENGTH_MAX }).openapi({
  description: 'The id of the organization.',
  example: 'org_7n42DGM5Tflk9n8mt7Fhc7',
});

/** The organization of a new resource that always belongs to one. */
export const OwnerId = OrganizationId.optional().openapi({
  description:
    'The organization that it belongs to. The root key must set it; an API key may only name its own organization.',
});

export const ScopeName = z
  .string()
  .max(SCOPE_NAME_LENGTH_MAX)
  .regex(SCOPE_TOKEN, 'must be printable ASCII characters without space, double quote and backslash')
  .openapi({ example: 'orders:read' });

export const ResourceIdentifier = z
  .string()
  .max(RESOURCE_IDENTIFIER_LENGTH_MAX)
  .refine(
    isIdentifier,
    'must be an absolute URI without a fragment and user information, or a name in ASCII without spaces, quotes, `#` and ' +
      'backslash that does not begin with `rs_`',
  )
  .openapi({
    minLength: 1,
    pattern: '^[\\x21\\x24-\\x5b\\x5d-\\x7e]+$',
    not: { pattern: '^rs_' },
    example: 'https://api.example.com/orders',
  });

/** The lifetime of an access token in seconds. */
export const AccessTokenTtl = z.int().min(ACCESS_TOKEN_TTL_MIN).max(ACCESS_TOKEN_TTL_MAX).nullable().default(null);

export const Metadata = namedValues(
  text({ min: 1, max: METADATA_NAME_LENGTH_MAX }),
  text({ max: METADATA_VALUE_LENGTH_MAX }).refine((value) => value.isWellFormed(), WELL_FORMED),
  METADATA_MEMBERS_MAX,
)
  .default({})
  .openapi({
    description: 'Your own notes, as names with texts. The service stores them and does not use them. Default: none.',
  });

export const StatusName = z.enum(['active', 'disabled']);
export const Status = StatusName.default('active');

/** A resource server by its id or identifier, or a role by its id or name. */
export const Reference = text({ min: 1, max: REFERENCE_LENGTH_MAX }, z.string().normalize('NFC'));

export const Grant = z
  .strictObject({
    resource_server: Reference.openapi({
      description: 'The resource server, by identifier or id.',
      example: 'https://api.example.com/orders',
    }),
    scopes: z.array(ScopeName).max(SCOPES_MAX).default([]).openapi({
      description:
        'The scopes that are granted there. Default: none; the client still gets tokens for it, without scopes.',
    }),
  })
  .openapi('Grant');

export const Grants = z
  .array(Grant)
  .max(GRANTS_MAX)
  .refine((grants) => JSON.stringify(grants).length <= GRANTS_BYTES_MAX, GRANTS_TOO_LARGE)
  .default([]);

/** A time of an answer: RFC 3339, in UTC. */
export const Time = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' });
export const CreatedAt = Time.openapi({ description: 'When it was created.' });
export const UpdatedAt = Time.openapi({ description: 'When it was last changed.' });

/** A time of a request: RFC 3339 with any offset. Its value is in the form that `time` gives. */
export const RequestTime = timeFrom((value) => value);

/** A `RequestTime` in a URL, where clients often forget that a plus sign must be escaped: without that, it is a space. */
export const QueryTime = timeFrom((value) => value.replace(/ (?=\d\d:\d\d$)/, '+'));

/** A `RequestTime` in whole seconds: a fraction is cut off. */
export const RequestSecond = timeFrom(
  (value) => value,
  (milliseconds) => Math.floor(milliseconds / 1000) * 1000,
);

function timeFrom(correct: (value: string) => string, round = (milliseconds: number) => milliseconds) {
  return z
    .string()
    .transform((value, { addIssue }) => {
      const milliseconds = parseTime(correct(value));
      if (milliseconds !== undefined) return time(round(milliseconds));
      addIssue('must be a date-time of RFC 3339, such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00');
      return z.NEVER;
    })
    .openapi({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' });
}

/** Formats milliseconds since the epoch as RFC 3339 in UTC. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Formats a time as `time` does, and returns null if there is none. */
export function timeOrNull(milliseconds: number | null | undefined): string | null {
  return milliseconds === null || milliseconds === undefined ? null : time(milliseconds);
}

/** The id of a resource in its path. */
export const IdParams = z.object({ id: text({ min: 1, max: ID_LENGTH_MAX }) });
export const ClientIdParams = z.object({ client_id: text({ min: 1, max: CLIENT_ID_LENGTH_MAX }) });

/** A number of a URL, from 1. */
export const queryNumber = (max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number)
    .pipe(z.int().min(1).max(max));

/** The parameter `limit` of a list. */
export const pageLimit = (standard: number, max: number) =>
  queryNumber(max)
    .default(standard)
    .openapi({
      type: 'integer',
      minimum: 1,
      maximum: max,
      default: standard,
      description: `The most items of a page. Default: ${standard}.`,
    });

export const PageQuery = z.strictObject({
  limit: pageLimit(PAGE_DEFAULT, PAGE_MAX),
  cursor: z
    .string()
    .max(CURSOR_LENGTH_MAX)
    .regex(/^[\w-]+$/, 'Invalid cursor. Use the `next_cursor` of the previous page.')
    .optional()
    .openapi({ description: 'The `next_cursor` of the page before. Default: the first page.' }),
});

export const OrganizationQuery = {
  organization_id: OrganizationId.optional().openapi({
    description: 'The organization to list, with the root key. An API key always lists its own organization.',
  }),
};

export const Revoked = z.object({ revoked: z.literal(true) }).openapi('Revoked');

/** The progress of a change that continues after its answer. */
export const Change = z
  .object({
    id: z.string().openapi({ description: 'The id of the change.', example: '1042' }),
    status: z.enum(['pending', 'delivered']).openapi({
      description: '`pending`: the change still propagates. `delivered`: it is in effect everywhere.',
    }),
    action: z.string().openapi({ description: 'The action, as its audit event names it.', example: 'role.updated' }),
    target: z
      .string()
      .openapi({ description: 'The id of the changed resource.', example: 'role_7n42DGM5Tflk9n8mt7Fhc7' }),
    gates: z.int().openapi({ description: 'How many gates must receive the change.', example: 501 }),
    delivered: z.int().openapi({ description: 'How many gates have received it.', example: 125 }),
    created_at: CreatedAt,
    settles_at: Time.nullable().openapi({
      description:
        'When the last isolate stops using the old state. Null if no isolate caches it, or if the time is not known yet.',
    }),
  })
  .openapi('Change');

export const Problem = z
  .object({
    type: z.string().openapi({ description: 'The error code, for programs.', example: 'urn:edgemint:problem:invalid' }),
    title: z.string().openapi({ description: 'A summary, for people.', example: 'Validation failed' }),
    status: z.int().openapi({ description: 'The HTTP status.', example: 422 }),
    detail: z.string().optional().openapi({ description: 'The error in one or two sentences, and how to correct it.' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().openapi({
            description: 'A JSON pointer to the field of the body that is wrong.',
            example: '/access_token_ttl',
          }),
          parameter: z
            .string()
            .optional()
            .openapi({ description: 'The URL parameter or header that is wrong, in place of `pointer`.' }),
          detail: z.string().openapi({ description: 'The error of this field or parameter, or a correct value.' }),
        }),
      )
      .optional(),
    orphans: z
      .array(z.object({ type: z.string(), id: z.string(), name: z.string() }))
      .optional()
      .openapi({
        description:
          'The first resources that still depend on the one to delete or change. Only those that the API key may read: a client requires `clients:read`.',
      }),
    orphans_total: z
      .int()
      .optional()
      .openapi({ description: 'How many there are in all, including those that the API key may not read.' }),
    access: z
      .boolean()
      .optional()
      .openapi({ description: 'Only at `/console/session`: whether the browser can sign in by Cloudflare Access.' }),
  })
  .openapi('Problem');
