import { createRoute, z } from '@hono/zod-openapi';
import { OrganizationId, Time } from '../management/fields/schemas.ts';
import { API_KEY_SCOPES } from '../management/http/authorization.ts';
import { json, problem } from '../management/http/routes.ts';
import { misconfigured, wrongMethod } from './oauth/error-responses.ts';

// The routes of the console: its session, and its pages.

const Session = z
  .object({
    id: z.string().openapi({ description: 'The id of the session, as audit events name it.' }),
    kind: z.enum(['root', 'api_key', 'person', 'portal']).openapi({
      description:
        'Who has signed in. `root`: the holder of the root key. `api_key`: the holder of an API key. `person`: somebody whom Cloudflare Access identified. `portal`: a user of a portal link.',
    }),
    name: z.string().nullable().openapi({
      description: 'The name of the API key or portal user, or the mail address of the person. Null if there is none.',
    }),
    organization: z
      .object({ id: OrganizationId, name: z.string().openapi({ description: 'Its name.', example: 'Acme' }) })
      .nullable()
      .openapi({ description: 'The organization. Null for an instance administrator.' }),
    scopes: z.array(z.enum(API_KEY_SCOPES)).openapi({ description: 'What the session may do.' }),
    is_instance_admin: z.boolean().openapi({ description: 'Whether it may do everything, in every organization.' }),
    expires_at: Time.openapi({ description: 'When the session ends at the latest.' }),
    return_url: z
      .url()
      .nullable()
      .openapi({ description: 'Where a portal user came from. Null for all others.', format: 'uri' }),
  })
  .openapi('ConsoleSession', {
    example: {
      id: 'ses_7n42DGM5Tflk9n8mt7Fhc7',
      kind: 'api_key',
      name: 'Deployment pipeline',
      organization: { id: 'org_5WqviIVH8PlOCRBcpwltVq', name: 'Acme' },
      scopes: ['clients:read'],
      is_instance_admin: false,
      expires_at: '2026-11-29T20:00:00.000Z',
      return_url: null,
    },
  });

const SignIn = z
  .union([
    z.strictObject({ api_key: z.string().min(1).openapi({ description: 'An API key, or the root key.' }) }),
    z.strictObject({ link: z.string().min(1).openapi({ description: 'The token of a one-time link.' }) }),
    z.strictObject({ access: z.literal(true).openapi({ description: 'By the assertion of Cloudflare Access.' }) }),
  ])
  .openapi('ConsoleSignIn', { example: { api_key: 'emk_…' } });

const session = { path: '/console/session', tags: ['Console'], security: [] };
const FAILURES = {
  401: problem('There is no session, or it has ended; or what was presented to sign in is not valid.'),
  403: problem('The request does not come from a page of this service.'),
  503: problem('A store did not answer. Try again.'),
};
const setCookie = (description: string) => ({ 'Set-Cookie': { description, schema: { type: 'string' as const } } });

const signIn = createRoute({
  ...session,
  method: 'post',
  operationId: 'signInToConsole',
  summary: 'Sign in to the console',
  description:
    'For the pages of the console: browsers only, from the same origin. The session is in a cookie that no script can read. It replaces the session that the browser had.',
  request: { body: { required: true, content: { 'application/json': { schema: SignIn } } } },
  responses: {
    201: { ...json(Session, 'Signed in.'), headers: setCookie('The session.') },
    ...FAILURES,
    422: problem('Validation failed. `errors` points at each field.'),
    429: problem('Too many sign-ins from this address failed.'),
  },
});
const getSession = createRoute({
  ...session,
  method: 'get',
  operationId: 'getConsoleSession',
  summary: 'Get the session of the console',
  responses: { 200: json(Session, 'The session of the cookie.'), ...FAILURES },
});
const signOut = createRoute({
  ...session,
  method: 'delete',
  operationId: 'signOutOfConsole',
  summary: 'Sign out of the console',
  responses: { 204: { description: 'Signed out.', headers: setCookie('Removes the cookie.') }, ...FAILURES },
});

const page = { method: 'get' as const, tags: ['Console'], security: [] };
const failures = { ...wrongMethod('GET'), ...misconfigured };
const html = { 'text/html': { schema: z.string() } };
const missing = { description: 'The console is not part of this deployment.', content: { 'text/plain': {} } };

const entrance = createRoute({
  ...page,
  operationId: 'getEntrance',
  path: '/',
  tags: ['Service'],
  summary: 'Where everything is',
  description: 'Leads a browser to the console, or to a small page if the console is switched off. Programs get JSON.',
  responses: {
    200: json(
      z
        .object({
          issuer: z.string(),
          version: z.string(),
          links: z.object({
            metadata: z.string(),
            jwks: z.string(),
            openapi: z.string(),
            documentation: z.string(),
            health: z.string(),
            console: z.string().optional(),
          }),
        })
        .openapi('Entrance', {
          example: {
            issuer: 'https://auth.example.com',
            version: '1.2.3',
            links: {
              metadata: 'https://auth.example.com/.well-known/oauth-authorization-server',
              jwks: 'https://auth.example.com/.well-known/jwks.json',
              openapi: 'https://auth.example.com/openapi.json',
              documentation: 'https://auth.example.com/docs',
              health: 'https://auth.example.com/healthz',
              console: 'https://auth.example.com/console',
            },
          },
        }),
      'For a program.',
    ),
    302: { description: 'For a browser: the console.' },
    ...failures,
  },
});

const start = createRoute({
  ...page,
  operationId: 'getConsole',
  path: '/console',
  summary: 'The console',
  description: 'The dashboard for administrators. It loads nothing from other hosts.',
  responses: { 200: { description: 'The page.', content: html }, 404: missing, ...failures },
});
const anyPage = createRoute({
  ...page,
  operationId: 'getConsolePage',
  path: '/console/{page}',
  summary: 'A page of the console',
  request: { params: z.object({ page: z.string().openapi({ example: 'organizations' }) }) },
  responses: { 200: { description: 'The page.', content: html }, 404: missing, ...failures },
});
const asset = createRoute({
  ...page,
  operationId: 'getConsoleAsset',
  path: '/console/assets/{file}',
  summary: 'A file of the console',
  request: { params: z.object({ file: z.string().openapi({ example: 'index.js' }) }) },
  responses: {
    200: { description: 'The file. It never changes.', content: { 'text/javascript': {}, 'text/css': {} } },
    404: { description: 'There is no such file.', content: { 'text/plain': {} } },
    ...failures,
  },
});

export const consoleRoutes = [entrance, signIn, getSession, signOut, start, anyPage, asset];
