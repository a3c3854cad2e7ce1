import { createRoute, z } from '@hono/zod-openapi';
import { JWT_BEARER_GRANT } from '../../oauth/client-authentication/assertion-grant.ts';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN, CLAIMS } from './examples.ts';
import { SCOPES } from './forms.ts';
import { DPOP_NONCE, RATE_LIMIT } from './headers.ts';

const TokenRequest = z
  .object({
    grant_type: z.enum(['client_credentials', JWT_BEARER_GRANT]).openapi({
      description:
        'With the jwt-bearer grant (RFC 7523 section 2.1) the parameter `assertion` both is the grant and authenticates the client.',
      example: 'client_credentials',
    }),
    assertion: z.string().optional().openapi({
      description:
        'Required for the jwt-bearer grant: the token of an issuer that a client trusts, for the issuer or the token endpoint; or an assertion that the client signed itself, by the same rules as `client_assertion`, except that `jti` is optional. Client authentication besides is optional. If there is any, it must be valid and of the same client.',
    }),
    scope: z
      .string()
      .regex(SCOPES)
      .optional()
      .openapi({
        description: `Scopes separated by spaces, such as \`${CLAIMS.scope}\`. Each must be granted to the client; if the \`scope_policy\` of the resource server is \`narrow\`, one is enough, and the others are left out. Without this field the token gets all granted scopes.`,
      }),
    resource: z
      .string()
      .optional()
      .openapi({
        description: `The resource server that the token is for (RFC 8707), such as \`${CLAIMS.aud}\`: its identifier, in any spelling that means the same. Without this field: the only one of the client, else its default one.`,
      }),
    audience: z.string().optional().openapi({
      description: 'Another name for `resource`. It may also be an identifier that is not a URI.',
    }),
    claims: z.string().optional().openapi({
      description:
        'A JSON object of additional claims for the token. The names must be in the `requestable_claims` of the client, the values are strings, numbers and booleans.',
    }),
    ...clientFields,
  })
  .openapi('TokenRequest');

const TokenRequestHeaders = z.object({
  DPoP: z.string().optional().openapi({
    description:
      'A proof of possession of a key (RFC 9449), for `POST` and the URL of this endpoint. It binds the token to the key, whose thumbprint is in `cnf.jkt`. Each proof is accepted once.',
  }),
});

const TokenAnswer = z
  .object({
    access_token: z.string().openapi({ description: 'A JWT of RFC 9068.' }),
    token_type: z.enum(['Bearer', 'DPoP']).openapi({ description: '`DPoP` if the request had a DPoP proof.' }),
    expires_in: z.int().openapi({ description: 'The lifetime of the token in seconds.' }),
    scope: z.string().optional().openapi({ description: 'The granted scopes. Absent if there are none.' }),
  })
  .openapi('TokenAnswer');

export const token = createRoute({
  operationId: 'requestToken',
  method: 'post',
  path: '/oauth2/token',
  tags: ['OAuth'],
  summary: 'Get an access token',
  description:
    'The token endpoint of RFC 6749, for the client credentials grant and the jwt-bearer grant. There are no refresh tokens: request a new token shortly before the last one expires. A `DPoP` proof binds the token to its key. The certificate of the connection binds it if the client is registered for that. The claim `cnf` holds the binding.',
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
      'The request is malformed, or the client may not have what it asks for. If the client was authenticated, there are `RateLimit` headers, and `error_description` names what it requested and is not granted.',
      {
        invalid_request: new OAuthError('invalid_request'),
        invalid_grant: new OAuthError('invalid_grant'),
        unsupported_grant_type: new OAuthError('unsupported_grant_type'),
        invalid_scope: new OAuthError('invalid_scope', {
          description: `Not granted at ${CLAIMS.aud}: orders:delete.`,
        }),
        invalid_target: new OAuthError('invalid_target', {
          description: 'Not granted to the client, or unknown: https://api.example.com/stock.',
        }),
        unauthorized_client: new OAuthError('unauthorized_client'),
        invalid_dpop_proof: new OAuthError('invalid_dpop_proof'),
        use_dpop_nonce: new OAuthError('use_dpop_nonce'),
      },
      { ...RATE_LIMIT, ...DPOP_NONCE },
    ),
    ...formErrors,
  },
});
