import { createRoute, z } from '@hono/zod-openapi';
import type { HonoRequest } from 'hono';
import { createMiddleware } from 'hono/factory';
import { IDEMPOTENCY_AGE } from '../../constants.ts';
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../constants.ts';
import { Change, PageQuery, Problem } from '../fields/schemas.ts';
import { allow, type RequiredKey } from './authorization.ts';
import type { ManagementEnv } from './context.ts';

// Builders for route definitions, which give the OpenAPI document and the validation of requests.

export const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

const PROBLEMS = {
  401: problem('The API key is missing or invalid.'),
  403: problem('The API key lacks permission.'),
  503: problem('A store did not answer. The request may have been applied; retry it.'),
} as const;

const NOT_FOUND = { 404: problem('Not found, or owned by another organization.') } as const;
const INVALID = { 422: problem('Validation failed; `errors` points to the fields.') } as const;
const CONFLICT = { 409: problem('Conflicts with the current state.') } as const;
const STALE = { 412: problem('The resource has changed: `If-Match` does not match its version.') } as const;

export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

const tagged = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  ...json(schema, description),
  headers: {
    ETag: { description: 'The version of the resource, for `If-Match`.', schema: { type: 'string' as const } },
  },
});

const stillPropagating = {
  202: {
    ...json(Change, 'Committed and still propagating; poll `Location`.'),
    headers: {
      Location: { description: 'The URL of the progress.', schema: { type: 'string' as const, format: 'uri' } },
    },
  },
} as const;

const security = [{ apiKey: [] }];

// `idempotent` checks it, before the route does.
const IDEMPOTENCY_KEY = { minLength: 1, maxLength: IDEMPOTENCY_KEY_LENGTH_MAX, pattern: '^[\\x21-\\x7e]+$' };
const IdempotencyKey = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .openapi({
      ...IDEMPOTENCY_KEY,
      description: `Makes a retry safe: for ${IDEMPOTENCY_AGE / 3600} hours, a request with the same key gets the first answer again.`,
      example: '0f8fad5b-d9cb-469f-a165-70867728950e',
    }),
});

const IfMatch = z.object({
  'If-Match': z
    .string()
    .optional()
    .openapi({ description: 'An `ETag`. The request fails with 412 if the resource has another version by now.' }),
});

const GuardedHeaders = IdempotencyKey.extend({
  'If-Match': z.string().openapi({
    description:
      'The `ETag` of what was judged. The request fails with 412 if the resource has another version by now.',
    example: '"41"',
  }),
});

/** The schema of a path, query or body without members. */
export const None = z.strictObject({});

interface About<Path extends string> {
  readonly path: Path;
  readonly requires: RequiredKey;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
}

const REQUIRED_KEYS: Partial<Record<RequiredKey, string>> = {
  any: 'Requires any API key.',
  root: 'Requires the root key.',
};

/**
 * Removes the `Content-Type` of a request without a body. Generated clients send `application/json` with every POST, and the empty body
 * would be refused as malformed JSON.
 */
async function ignoreTypeOfNoBody(request: HonoRequest): Promise<void> {
  if (request.header('Content-Type') === undefined || (await request.arrayBuffer()).byteLength > 0) return;
  const headers = new Headers(request.raw.headers);
  headers.delete('Content-Type');
  request.raw = new Request(request.raw.url, { method: request.raw.method, headers });
}

function allowWithoutBody(requires: RequiredKey) {
  const requirePermission = allow(requires);
  return createMiddleware<ManagementEnv>((context, next) =>
    requirePermission(context, async () => {
      await ignoreTypeOfNoBody(context.req);
      await next();
    }),
  );
}

/** Describes a JSON body. It may be left out if the schema requires no member. */
const jsonBody = <Body extends z.ZodType>(schema: Body) => ({
  required: !isOptional(schema),
  content: { 'application/json': { schema } },
});

const isOptional = (body: z.ZodType) => body.safeParse({}).success;

const about = <Path extends string>(
  { path, requires, tag, summary, description = '' }: About<Path>,
  hasOptionalBody = false,
) => ({
  path,
  tags: [tag],
  summary,
  description: `${description} ${REQUIRED_KEYS[requires] ?? `Requires the scope \`${requires}\`.`}`.trim(),
  security,
  middleware: hasOptionalBody ? allowWithoutBody(requires) : allow(requires),
});

/** Defines a POST that creates a resource in a collection. */
export function createRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer) {
  return createRoute({
    ...about(route, isOptional(body)),
    method: 'post',
    request: { params, query: None, headers: IdempotencyKey, body: jsonBody(body) },
    responses: { 201: tagged(answer, 'Created.'), ...PROBLEMS, ...NOT_FOUND, ...CONFLICT, ...INVALID },
  });
}

/** Defines a GET of a page of a collection. @param more further members of the page */
export function listRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Query extends z.ZodRawShape,
  Item extends z.ZodType,
  More extends z.ZodRawShape = Record<never, never>,
>(route: About<Path>, params: Params, query: Query, item: Item, more?: More) {
  const page = z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().openapi({ description: 'The cursor of the next page; null on the last page.' }),
    ...(more as More),
  });
  return createRoute({
    ...about(route),
    method: 'get',
    request: { params, query: PageQuery.extend(query) },
    responses: { 200: json(page, 'A page of the list.'), ...PROBLEMS, ...NOT_FOUND, ...INVALID },
  });
}

/** Defines a GET of one resource. */
export function getRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Answer extends z.ZodType,
  Query extends z.ZodRawShape,
>(route: About<Path>, params: Params, answer: Answer, query: Query = {} as Query) {
  return createRoute({
    ...about(route),
    method: 'get',
    request: { params, query: z.strictObject(query) },
    responses: { 200: tagged(answer, 'The resource.'), ...PROBLEMS, ...NOT_FOUND, ...INVALID },
  });
}

/** Defines a GET of something that has no version. */
export function readRouteFor<Path extends string, Answer extends z.ZodType, Query extends z.ZodRawShape>(
  route: About<Path>,
  answer: Answer,
  query?: Query,
) {
  return createRoute({
    ...about(route),
    method: 'get',
    request: { query: None.extend(query ?? ({} as Query)) },
    responses: { 200: json(answer, 'The answer.'), ...PROBLEMS, ...(query && NOT_FOUND), ...INVALID },
  });
}

/** Defines a GET of something about one resource that has no version of its own. */
export function reportRouteFor<Path extends string, Params extends z.ZodObject, Answer extends z.ZodType>(
  route: About<Path>,
  params: Params,
  answer: Answer,
) {
  return createRoute({
    ...about(route),
    method: 'get',
    request: { params, query: None },
    responses: { 200: json(answer, 'The answer.'), ...PROBLEMS, ...NOT_FOUND, ...INVALID },
  });
}

/** Defines a PATCH of one resource by a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)). */
export function updateRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer, query: typeof CascadeQuery | typeof None = None) {
  const content = { 'application/merge-patch+json': { schema: body }, 'application/json': { schema: body } };
  return createRoute({
    ...about(route),
    method: 'patch',
    request: { params, query, headers: IfMatch, body: { required: true, content } },
    responses: {
      200: tagged(answer, 'The updated resource.'),
      ...stillPropagating,
      ...PROBLEMS,
      ...NOT_FOUND,
      ...CONFLICT,
      ...STALE,
      ...INVALID,
    },
  });
}

export const CascadeQuery = z.strictObject({
  cascade: z.enum(['true', 'false']).default('false').openapi({
    description:
      'Whether to remove everything that refers to it as well. If `false`, the answer is a 409 that lists these references.',
  }),
});

/** Defines a DELETE of one resource. */
export function deleteRouteFor<Path extends string, Params extends z.ZodObject>(
  route: About<Path>,
  params: Params,
  query: typeof CascadeQuery | typeof None = None,
) {
  return createRoute({
    ...about(route),
    method: 'delete',
    request: { params, query, headers: IfMatch },
    responses: {
      204: { description: 'Deleted.' },
      ...stillPropagating,
      ...PROBLEMS,
      ...NOT_FOUND,
      ...CONFLICT,
      ...STALE,
      ...INVALID,
    },
  });
}

/** Defines a POST that performs an action on one resource. */
export function actionRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer) {
  return createRoute({
    ...about(route, isOptional(body)),
    method: 'post',
    request: { params, query: None, headers: IdempotencyKey, body: jsonBody(body) },
    responses: { 200: json(answer, 'Done.'), ...stillPropagating, ...PROBLEMS, ...NOT_FOUND, ...CONFLICT, ...INVALID },
  });
}

/** Defines a POST that changes one resource, if it still has the version that the request must name. */
export function guardedActionRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer) {
  return createRoute({
    ...about(route),
    method: 'post',
    request: { params, query: None, headers: GuardedHeaders, body: jsonBody(body) },
    responses: {
      200: tagged(answer, 'The updated resource.'),
      ...stillPropagating,
      ...PROBLEMS,
      ...NOT_FOUND,
      ...CONFLICT,
      ...STALE,
      ...INVALID,
    },
  });
}
