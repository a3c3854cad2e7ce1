import { createRoute, z } from '@hono/zod-openapi';
import { AUDIENCE_LENGTH_MAX, FEED_MAX_AGE, FEED_PAGE_ENTRIES } from '../../oauth/constants.ts';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { conditional, notModified } from './discovery.ts';
import { errorAnswer, misconfigured, unavailable, wrongMethod } from './error-responses.ts';
import { CLAIMS } from './examples.ts';
import { CACHEABLE, RETRY_AFTER } from './headers.ts';

const headers = conditional.request.headers;

const query = z.object({
  audience: z
    .string()
    .min(1)
    .max(AUDIENCE_LENGTH_MAX)
    .openapi({ description: 'The identifier of the resource server, in any spelling.', example: CLAIMS.aud }),
  since: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .openapi({ description: 'The `version` of the page that the reader has. Without it: from the beginning.' }),
});

export const revocationFeed = createRoute({
  ...conditional,
  operationId: 'getRevocations',
  method: 'get',
  path: '/oauth2/revocations',
  tags: ['OAuth'],
  summary: 'The revocation feed of an audience',
  description: `What is revoked and has not expired, as a JWT of the type \`revocations+jwt\` that is signed with a key of the JWKS. Verifiers that poll it see revocations without a call for each token. Its claims: \`audience\`; \`as_of\`, the time as of which it is complete; \`since\`, \`version\` and \`more\`, by which pages of at most ${FEED_PAGE_ENTRIES} entries follow one another; \`tokens\`, the hashes of revoked \`jti\`s with their expiry; \`clients\`, the hashes of client ids with cut-off, whether the client is disabled, and expiry; and \`tokens_from\` if an earlier resource server had the identifier. It may be cached for ${FEED_MAX_AGE} seconds.`,
  request: { headers, query },
  responses: {
    200: {
      description: 'A page of the feed.',
      headers: CACHEABLE,
      content: { 'application/jwt': { schema: z.string() } },
    },
    ...notModified,
    400: errorAnswer('A parameter is missing, malformed or repeated.', {
      invalid_request: new OAuthError('invalid_request', { description: 'The parameter audience is missing.' }),
    }),
    404: errorAnswer('No resource server has this audience.', {
      invalid_target: new OAuthError('invalid_target', { description: 'No resource server has this audience.' }),
    }),
    ...wrongMethod('GET'),
    429: errorAnswer(
      'Too many audiences or versions were asked for that this location does not have.',
      { slow_down: new OAuthError('slow_down') },
      { 'Retry-After': RETRY_AFTER },
    ),
    ...misconfigured,
    ...unavailable,
  },
});
