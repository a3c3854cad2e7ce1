import { createRoute, z } from '@hono/zod-openapi';
import { invalidApiKey, invalidClient, OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN, CLAIMS } from './examples.ts';

const IntrospectionRequest = z
  .object({
    token: z.string().openapi({ description: 'The access token.', example: ACCESS_TOKEN }),
    token_type_hint: z.string().optional().openapi({ description: 'Taken, and of no effect: all are access tokens.' }),
    scope: z.string().optional().openapi({
      description:
        'Scopes, parted by single spaces, such as `orders:read`: the token is then active only if it was granted all of them.',
    }),
    introspection: z.enum(['strong', 'edge']).optional().openapi({
      description:
        'With `strong`, the client’s gate is asked even where the resource server chose `edge`. `edge` is of no effect: the answer is never weaker than that choice.',
    }),
    ...clientFields,
  })
  .openapi('IntrospectionRequest');

const Introspection = z
  .looseObject({
    active: z.boolean(),
    token_type: z.enum(['Bearer', 'DPoP']).optional(),
    iss: z.string().optional(),
    sub: z.string().optional().openapi({ description: 'The client, or its organization where that is set so.' }),
    aud: z.string().optional().openapi({ description: 'The resource server.' }),
    exp: z.int().optional(),
    iat: z.int().optional(),
    jti: z.string().optional(),
    client_id: z.string().optional(),
    org_id: z.string().optional(),
    scope: z.string().optional(),
    roles: z.array(z.string()).optional(),
    cnf: z.object({ jkt: z.string().optional(), 'x5t#S256': z.string().optional() }).optional().openapi({
      description:
        'What the token is bound to: the thumbprint of a key, of which whoever presents the token must prove the possession by DPoP (RFC 9449 section 6), or of a certificate, which must be that of the connection (RFC 8705 section 3).',
    }),
  })
  .openapi('Introspection', {
    description: 'The claims of an active token, custom ones among them; else `active` alone.',
  });

export const introspection = createRoute({
  operationId: 'introspectToken',
  method: 'post',
  path: '/oauth2/introspect',
  tags: ['OAuth'],
  summary: 'Ask whether an access token stands',
  description:
    'The introspection endpoint of RFC 7662. A token is told about to a client that introspects its resource server, to an API key of its organization with the scope `tokens:introspect`, and to the root key. Everybody else, and every token that is expired, revoked, unknown or malformed, gets `{"active":false}`. By default a revocation shows in the very next answer. Where the resource server chose `edge`, a copy near the caller is read instead: cheaper, and a revocation may show a minute or more later; how much later is not promised.',
  security: [...clientAuthentication, { apiKey: [] }],
  request: {
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: IntrospectionRequest } } },
  },
  responses: {
    200: {
      description: 'What is to be known of the token.',
      content: {
        'application/json': {
          schema: Introspection,
          examples: {
            active: { value: { active: true, token_type: 'Bearer', ...CLAIMS } },
            bound: {
              value: {
                active: true,
                token_type: 'DPoP',
                ...CLAIMS,
                cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
              },
            },
            inactive: { value: { active: false } },
          },
        },
      },
    },
    400: errorAnswer('The request is malformed.', {
      invalid_request: new OAuthError('invalid_request', { description: 'The parameter token is missing.' }),
      invalid_scope: new OAuthError('invalid_scope', {
        description: 'The scope must be a list of scope names, separated by single spaces.',
      }),
    }),
    ...formErrors,
    401: errorAnswer(
      'The caller could not be authenticated.',
      {
        invalid_client: invalidClient(),
        invalid_token: invalidApiKey(),
      },
      formErrors[401].headers,
    ),
  },
});
