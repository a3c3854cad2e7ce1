import { createRoute, z } from '@hono/zod-openapi';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN, CLAIMS } from './examples.ts';
import { DPOP_NONCE, RATE_LIMIT } from './headers.ts';

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

const TokenRequestHeaders = z.object({
  DPoP: z.string().optional().openapi({
    description:
      'A proof that the client has a key (RFC 9449), for `POST` and the URL of this endpoint: the token is then bound to that key, as its `cnf.jkt` says. The same proof is taken once.',
  }),
});

const TokenAnswer = z
  .object({
    access_token: z.string().openapi({ description: 'A JWT of RFC 9068.' }),
    token_type: z.enum(['Bearer', 'DPoP']).openapi({ description: '`DPoP` where the request had a DPoP proof.' }),
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
    'The token endpoint of RFC 6749, for the client credentials grant. Ask when the last token is about to expire: there is no refresh token. A token is bound to the key of a `DPoP` proof, or to the certificate of the connection, as its `cnf` says: to the key whenever there is a proof, to the certificate where the client is registered so.',
  security: clientAuthentication,
  request: {
    headers: TokenRequestHeaders,
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: TokenRequest } } },
  },
  responses: {
    200: {
      description: 'An access token for one resource server.',
      headers: { ...RATE_LIMIT, ...DPOP_NONCE },
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
        invalid_dpop_proof: new OAuthError('invalid_dpop_proof'),
        use_dpop_nonce: new OAuthError('use_dpop_nonce'),
      },
      { ...RATE_LIMIT, ...DPOP_NONCE },
    ),
    ...formErrors,
  },
});
