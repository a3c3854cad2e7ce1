import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TTL_DEFAULT, CALLER_AGE } from '../../constants.ts';
import { kib } from '../../lib/size.ts';
import { isRegisteredClaim, REGISTERED_CLAIMS } from '../../tokens/reserved-claims.ts';
import {
  CLAIM_NAME_LENGTH_MAX,
  CLAIMS_LIMIT_BYTES,
  GRANTS_MAX,
  RATE_LIMIT_BURST_DEFAULT,
  RATE_LIMIT_MAX,
  RATE_LIMIT_PER_MINUTE_DEFAULT,
  REQUESTABLE_CLAIMS_MAX,
  ROLES_MAX,
} from '../constants.ts';
import { AuthenticationFields } from './authentication-fields.ts';
import { distinct, named, plainJson } from './collections.ts';
import { ClientQuota } from './quota-fields.ts';
import {
  AccessTokenTtl,
  Description,
  Grants,
  jsonBytes,
  Metadata,
  Name,
  Owner,
  Reference,
  RequestSecond,
  Status,
} from './schemas.ts';
import { text } from './text.ts';

const ClaimName = text({ min: 1, max: CLAIM_NAME_LENGTH_MAX })
  .refine((name) => !isRegisteredClaim(name), 'must not be a registered claim name, such as `iss` or `scope`')
  .refine(
    (name) => name.isWellFormed() && name !== '__proto__',
    'must be well-formed Unicode, and must not be __proto__',
  )
  .openapi({ not: { enum: [...REGISTERED_CLAIMS, '__proto__'] } });

const RESERVED =
  'A name that verifiers obey, such as `groups`, is reserved, in every case and form. A client may have it if a resource ' +
  'server that it gets tokens for has it in `accepted_claims`, and only the tokens for that one contain it. `scope`, `scp`, `cnf`, `act` and ' +
  'other registered names are never allowed.';

const RateLimit = z
  .strictObject({
    per_minute: z
      .int()
      .min(1)
      .max(RATE_LIMIT_MAX)
      .default(RATE_LIMIT_PER_MINUTE_DEFAULT)
      .openapi({
        description: `Token requests per minute. Default: ${RATE_LIMIT_PER_MINUTE_DEFAULT}.`,
      }),
    burst: z
      .int()
      .min(1)
      .max(RATE_LIMIT_MAX)
      .default(RATE_LIMIT_BURST_DEFAULT)
      .openapi({
        description: `Token requests that may come at once after a pause. Default: ${RATE_LIMIT_BURST_DEFAULT}.`,
      }),
  })
  .openapi('RateLimit');

/** The fields of a client that a create and an update take. */
export const ClientFields = z.strictObject({
  client_name: Name.openapi({ description: 'A name for people.', example: 'Invoice worker' }),
  description: Description,
  owner: Owner.nullable().default(null).openapi({
    description:
      'Who answers for the client: a team, an address or a URL, of at most 200 characters, without control characters. Default: null.',
    example: 'billing@example.com',
  }),
  ...AuthenticationFields,
  grants: Grants.openapi({ description: 'The scopes that the client is granted itself. Default: none.' }),
  roles: z
    .array(Reference)
    .max(ROLES_MAX)
    .default([])
    .openapi({ description: 'The roles of the client, by name or id. Default: none.', example: ['order-reader'] }),
  introspects: z.array(Reference).max(GRANTS_MAX).default([]).openapi({
    description: 'The resource servers whose tokens the client may introspect, by identifier or id. Default: none.',
    example: [],
  }),
  default_resource: Reference.nullable().default(null).openapi({
    description:
      'The resource server of token requests that name none, for a client with grants at several. By identifier or id. Default: none.',
  }),
  access_token_ttl: AccessTokenTtl.openapi({
    description: `The lifetime of access tokens in seconds. Default: that of the resource server, else ${ACCESS_TOKEN_TTL_DEFAULT}.`,
  }),
  rate_limit: RateLimit.default({ per_minute: RATE_LIMIT_PER_MINUTE_DEFAULT, burst: RATE_LIMIT_BURST_DEFAULT }),
  quota: ClientQuota.nullable().default(null).openapi({
    description: 'How many tokens the client may be issued in a day and in a month. Default: null, for any number.',
  }),
  claims: plainJson(named(ClaimName, z.unknown()))
    .refine((claims) => jsonBytes(claims) <= CLAIMS_LIMIT_BYTES, `must be at most ${kib(CLAIMS_LIMIT_BYTES)} of JSON`)
    .default({})
    .openapi({
      example: { tier: 'gold' },
      description: `Custom claims that every token of the client has. ${RESERVED} Default: none.`,
    }),
  requestable_claims: distinct(ClaimName, REQUESTABLE_CLAIMS_MAX, 'must name each claim once')
    .default([])
    .openapi({
      description: `The names of claims that a token request may set with its parameter \`claims\`. ${RESERVED} Default: none.`,
      example: ['tenant'],
    }),
  may_rotate_secret: z.boolean().default(false).openapi({
    description: 'Whether the client may rotate its own secret at `/oauth2/rotate-secret`. Default: false.',
  }),
  log: z
    .enum(['sampled', 'all'])
    .default('sampled')
    .openapi({
      description: `Which of its successful requests for tokens and introspections the service logs: \`all\`, or \`sampled\`, the share that \`LOG_SUCCESS_SHARE\` sets. Refusals are always logged. A change applies to introspections within ${CALLER_AGE} seconds. Default: \`sampled\`.`,
    }),
  metadata: Metadata,
  status: Status.openapi({
    description:
      'A `disabled` client gets no tokens, and the tokens that it has end for good, even if it becomes `active` again. Default: `active`.',
  }),
  expires_at: RequestSecond.nullable()
    .default(null)
    .openapi({
      description:
        'When the client ends, to the second. From then on it gets no tokens, none of its credentials is accepted, and its tokens are inactive. ' +
        'No token lives longer. It must be in the future; a later time, or null, brings an expired client back, but not its tokens. Default: null, which means never.',
    }),
});

export type ClientBody = z.infer<typeof ClientFields>;
