import { createRoute, z } from '@hono/zod-openapi';
import { OAuthError } from '../../oauth/errors.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './errors.ts';
import { ACCESS_TOKEN, CLAIMS } from './examples.ts';
import { RATE_LIMIT } from './headers.ts';

const TokenRequest = z
  .object({
    grant_type: z.literal('client_credentials'),
    scope: z
      .string()
      .optional()
      .openapi({
        description: `Scopes, parted by single spaces, all of which must be granted, such as \`${CLAIMS.scope}\`. Without it: all that are.`,
      }),
    resource: z
      .string()
      .optional()
      .openapi({
        description: `The resource server that the token is for (RFC 8707), such as \`${CLAIMS.aud}\`. Without it: the client’s only one, else its default one.`,
      }),
    audience: z.string().optional().openapi({ description: 'Another name for `resource`.' }),
    claims: z.string().optional().openapi({
      description:
        'A JSON object of further claims for the token: strings, numbers and booleans, by names that the client’s `requestable_claims` lists.',
    }),
    ...clientFields,
  })
  .openapi('TokenRequest');

const TokenAnswer = z
  .object({
    access_token: z.string().openapi({ description: 'A JWT of RFC 9068.' }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().openapi({ description: 'Seconds.' }),
    scope: z.string().optional().openapi({ description: 'What was granted; absent where that is nothing.' }),
  })
  .openapi('TokenAnswer');

export const token = createRoute({
  operationId: 'requestToken',
  method: 'post',
  path: '/oauth2/token',
  tags: ['OAuth'],
  summary: 'Get an access token',
  description:
    'The token endpoint of RFC 6749, for the client credentials grant. Ask when the last token is about to expire: there is no refresh token.',
  security: clientAuthentication,
  request: { body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: TokenRequest } } } },
  responses: {
    200: {
      description: 'An access token for one resource server.',
      headers: RATE_LIMIT,
      content: {
        'application/json': {
          schema: TokenAnswer,
          example: { access_token: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 3600, scope: CLAIMS.scope },
        },
      },
    },
    400: errorAnswer(
      'The request is malformed, or asks for what the client may not have. Where the client was authenticated there are `RateLimit` headers.',
      {
        invalid_request: new OAuthError('invalid_request'),
        unsupported_grant_type: new OAuthError('unsupported_grant_type'),
        invalid_scope: new OAuthError('invalid_scope'),
        invalid_target: new OAuthError('invalid_target'),
        unauthorized_client: new OAuthError('unauthorized_client'),
      },
      RATE_LIMIT,
    ),
    ...formErrors,
  },
});
