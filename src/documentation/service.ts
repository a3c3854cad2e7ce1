import { createRoute, z } from '@hono/zod-openapi';
import { noSuchEndpoint } from '../oauth/response/oauth-error.ts';
import { BACKGROUND_TASKS } from '../store/background-tasks.ts';
import { errorAnswer, misconfigured, wrongMethod } from './oauth/error-responses.ts';
import { CACHEABLE } from './oauth/headers.ts';
import { PAGE_FILES } from './page.ts';

const open = { method: 'get' as const, tags: ['Service'], security: [] };
const failures = { ...wrongMethod('GET'), ...misconfigured };

const Standing = z.enum(['ok', 'unavailable']);
const Health = z
  .object({
    status: z.literal('ok'),
    stores: z.object({ d1: Standing, kv: Standing, gates: Standing }),
    last_success: z.record(z.enum(BACKGROUND_TASKS), z.iso.datetime().nullable()).nullable().openapi({
      description:
        'When each kind of work that nobody asks for was last done, null for never; null as a whole where D1 does not answer. `flush_usage` goes with token requests, the others are done every minute.',
    }),
  })
  .openapi('Health');

export const health = createRoute({
  ...open,
  operationId: 'getHealth',
  path: '/healthz',
  summary: 'Which stores answer',
  description:
    '200 as long as the service runs, whatever its stores do: a lost store is survived, not restarted. Each store is asked at most every 5 seconds.',
  responses: {
    200: {
      description: 'It runs.',
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
  responses: {
    200: {
      description: 'OpenAPI 3.1.',
      headers: CACHEABLE,
      content: { 'application/json': { schema: z.looseObject({ openapi: z.string() }) } },
    },
    304: { description: 'The copy that one has is the newest.', headers: CACHEABLE },
    ...failures,
  },
});

const html = { 'text/html': { schema: z.string() } };

export const page = createRoute({
  ...open,
  operationId: 'getDocs',
  path: '/docs',
  summary: 'A page to read this document, and to try it',
  responses: { 200: { description: 'The page.', content: html }, ...failures },
});

export const pageFile = createRoute({
  ...open,
  operationId: 'getDocsFile',
  path: '/docs/{file}',
  summary: 'A file that the page is made of',
  request: { params: z.object({ file: z.enum(PAGE_FILES) }) },
  responses: {
    200: {
      description: 'The file.',
      content: { 'text/javascript': {}, 'text/css': {}, 'text/plain': {}, 'image/png': {} },
    },
    304: { description: 'The copy that one has is the newest.' },
    404: errorAnswer('The page has no such file.', { invalid_request: noSuchEndpoint() }),
    ...failures,
  },
});
