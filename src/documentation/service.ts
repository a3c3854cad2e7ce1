import { createRoute, z } from '@hono/zod-openapi';
import { noSuchEndpoint } from '../oauth/response/oauth-error.ts';
import { BACKGROUND_TASKS } from '../store/background-tasks.ts';
import { errorAnswer, misconfigured, wrongMethod } from './oauth/error-responses.ts';
import { CACHEABLE } from './oauth/headers.ts';
import { PAGE_FILES } from './page.ts';

const open = { method: 'get' as const, tags: ['Service'], security: [] };
const failures = { ...wrongMethod('GET'), ...misconfigured };

const StoreHealth = z.enum(['ok', 'unavailable']);
const Health = z
  .object({
    status: z.literal('ok'),
    stores: z.object({ d1: StoreHealth, kv: StoreHealth, gates: StoreHealth }),
    last_success: z.record(z.enum(BACKGROUND_TASKS), z.iso.datetime().nullable()).nullable().openapi({
      description:
        'When each background task last succeeded: null if it never did. The whole field is null if D1 does not answer. `flush_usage` runs with token requests, the other tasks run every minute.',
    }),
  })
  .openapi('Health');

export const health = createRoute({
  ...open,
  operationId: 'getHealth',
  path: '/healthz',
  summary: 'Which stores answer',
  description:
    'Answers 200 while the service runs, even if its stores do not answer: the service survives a lost store, and a restart would not help. If `MASTER_KEY` does not fit the stored keys, the answer is 500. It asks each store at most every 5 seconds.',
  responses: {
    200: {
      description: 'The service runs.',
      content: {
        'application/json': {
          schema: Health,
          example: {
            status: 'ok',
            stores: { d1: 'ok', kv: 'ok', gates: 'ok' },
            last_success: Object.fromEntries(BACKGROUND_TASKS.map((task) => [task, '2026-11-22T01:44:00.000Z'])),
          },
        },
      },
    },
    ...failures,
  },
});

export const openApi = createRoute({
  ...open,
  operationId: 'getOpenApi',
  path: '/openapi.json',
  summary: 'This document',
  description:
    'Describes every endpoint, with the schemas of requests and answers. It is made of the code that checks the requests.',
  responses: {
    200: {
      description: 'OpenAPI 3.1.',
      headers: CACHEABLE,
      content: { 'application/json': { schema: z.looseObject({ openapi: z.string() }) } },
    },
    304: { description: 'The cached copy is current.', headers: CACHEABLE },
    ...failures,
  },
});

const html = { 'text/html': { schema: z.string() } };

export const page = createRoute({
  ...open,
  operationId: 'getDocs',
  path: '/docs',
  summary: 'A page that shows this document and tries its requests',
  description: 'The page is Swagger UI. It loads nothing from other hosts.',
  responses: { 200: { description: 'The page.', content: html }, ...failures },
});

export const pageFile = createRoute({
  ...open,
  operationId: 'getDocsFile',
  path: '/docs/{file}',
  summary: 'A file of the documentation page',
  description: 'The scripts, the style sheet, the icon and the licences of Swagger UI.',
  request: { params: z.object({ file: z.enum(PAGE_FILES).openapi({ example: PAGE_FILES[0] }) }) },
  responses: {
    200: {
      description: 'The file.',
      content: { 'text/javascript': {}, 'text/css': {}, 'text/plain': {}, 'image/png': {} },
    },
    304: { description: 'The cached copy is current.' },
    404: errorAnswer('The page has no such file.', { invalid_request: noSuchEndpoint() }),
    ...failures,
  },
});
