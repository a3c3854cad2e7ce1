import { createRoute, z } from '@hono/zod-openapi';
import { invalidApiKey, invalidClient, OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN, CLAIMS } from './examples.ts';
import { SCOPES } from './forms.ts';

const IntrospectionRequest = z
  .object({
    token: z.string().min(1).openapi({ description: 'The access token.', example: ACCESS_TOKEN }),
    token_type_hint: z
      .string()
      .optional()
      .openapi({ description: 'Accepted and ignored: every token is an access token.' }),
    scope: z.string().regex(SCOPES).optional().openapi({
      description:
        'Scopes separated by spaces, such as `orders:read`. The token is then active only if it has all of them.',
    }),
    introspection: z.enum(['strong', 'edge']).optional().openapi({
      description:
        'With `strong`, the answer sees a revocation at once, even if the resource server chose `edge`. `edge` has no effect: a caller cannot weaken the choice of the resource server.',
    }),
    ...clientFields,
  })
  .openapi('IntrospectionRequest');

const Introspection = z
  .looseObject({
    active: z.boolean(),
    token_type: z.enum(['Bearer', 'DPoP']).optional(),
    iss: z.string().optional(),
    sub: z
      .string()
      .optional()
      .openapi({ description: 'The client, or its organization if the organization’s `subject` says so.' }),
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
        'The binding of the token. `jkt` is the thumbprint of a key: the presenter of the token must prove possession of it by DPoP (RFC 9449 section 6). `x5t#S256` is the thumbprint of a certificate: it must be the certificate of the connection (RFC 8705 section 3).',
    }),
  })
  .openapi('Introspection', {
    description: 'The claims of an active token, including custom ones. Otherwise only `active`.',
  });

export const introspection = createRoute({
  operationId: 'introspectToken',
  method: 'post',
  path: '/oauth2/introspect',
  tags: ['OAuth'],
  summary: 'Introspect an access token',
  description:
    'The introspection endpoint of RFC 7662. Allowed callers are a client that introspects the resource server of the token, an API key of its organization with the scope `tokens:introspect`, and the root key; pages of the console have the rights of their session. Other callers get `{"active":false}`, and so does a token that is expired, revoked, unknown or malformed. By default the next answer sees a revocation. If the resource server chose `edge`, a copy near the caller answers instead: this is cheaper, but may see a revocation a minute or more later, with no promise how much later.',
  security: [...clientAuthentication, { apiKey: [] }],
  request: {
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: IntrospectionRequest } } },
  },
  responses: {
    200: {
      description: 'The introspection response.',
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
        description: 'The scope must be a list of scope names, separated by spaces.',
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
