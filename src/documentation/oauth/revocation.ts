import { createRoute, z } from '@hono/zod-openapi';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN } from './examples.ts';

const RevocationRequest = z
  .object({
    token: z.string().openapi({ description: 'An access token of the client.', example: ACCESS_TOKEN }),
    token_type_hint: z.string().optional().openapi({ description: 'Taken, and of no effect: all are access tokens.' }),
    ...clientFields,
  })
  .openapi('RevocationRequest');

export const revocation = createRoute({
  operationId: 'revokeToken',
  method: 'post',
  path: '/oauth2/revoke',
  tags: ['OAuth'],
  summary: 'Revoke an access token of one’s own',
  description:
    'The revocation endpoint of RFC 7009. It answers once the revocation is durable, and the next introspection sees it, where that is not at the edge. A token that is unknown, expired or another client’s is left as it is, with the same answer.',
  security: clientAuthentication,
  request: {
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: RevocationRequest } } },
  },
  responses: {
    200: {
      description: 'The token, if it is the client’s, stands no more.',
      content: { 'application/json': { schema: z.object({}), example: {} } },
    },
    400: errorAnswer('The request is malformed.', {
      invalid_request: new OAuthError('invalid_request', { description: 'The parameter token is missing.' }),
    }),
    ...formErrors,
  },
});
