import { createRoute, z } from '@hono/zod-openapi';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { clientAuthentication, clientFields } from './client-authentication.ts';
import { errorAnswer, formErrors } from './error-responses.ts';
import { ACCESS_TOKEN } from './examples.ts';

const RevocationRequest = z
  .object({
    token: z.string().min(1).openapi({ description: 'An access token of the client.', example: ACCESS_TOKEN }),
    token_type_hint: z
      .string()
      .optional()
      .openapi({ description: 'Accepted and ignored: every token is an access token.' }),
    ...clientFields,
  })
  .openapi('RevocationRequest');

export const revocation = createRoute({
  operationId: 'revokeToken',
  method: 'post',
  path: '/oauth2/revoke',
  tags: ['OAuth'],
  summary: 'Revoke an access token of the client',
  description:
    'The revocation endpoint of RFC 7009. It answers when the revocation is durable. The next strong introspection sees it, edge introspection later. A token that is unknown, expired or of another client is not changed, and the answer is the same.',
  security: clientAuthentication,
  request: {
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: RevocationRequest } } },
  },
  responses: {
    200: {
      description: 'The token is revoked, if it belongs to the client.',
      content: { 'application/json': { schema: z.object({}), example: {} } },
    },
    400: errorAnswer('The request is malformed.', {
      invalid_request: new OAuthError('invalid_request', { description: 'The parameter token is missing.' }),
    }),
    ...formErrors,
  },
});
