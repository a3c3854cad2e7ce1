import { createRoute } from '@hono/zod-openapi';
import { OAuthError } from '../../oauth/response/oauth-error.ts';
import { errorAnswer, misconfigured, wrongMethod } from './error-responses.ts';

const authorization = {
  path: '/oauth2/authorize',
  tags: ['OAuth'],
  security: [],
  description:
    'Refuses every request, and redirects to no address: there are no users, no login and no authorization codes. The metadata names this endpoint because some clients, such as those of MCP, accept no metadata without one. Machines get tokens at `/oauth2/token`.',
  responses: {
    400: errorAnswer('There is no user flow.', {
      unsupported_response_type: new OAuthError('unsupported_response_type'),
    }),
    ...wrongMethod('GET or POST'),
    ...misconfigured,
  },
};

export const authorizationRoutes = [
  createRoute({
    ...authorization,
    operationId: 'refuseAuthorization',
    method: 'get',
    summary: 'The authorization endpoint: there is no user flow',
  }),
  createRoute({
    ...authorization,
    operationId: 'refusePostedAuthorization',
    method: 'post',
    summary: 'The authorization endpoint, by POST: there is no user flow',
  }),
];
