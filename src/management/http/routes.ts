import { createRoute, z } from '@hono/zod-openapi';
import { Change, PageQuery, Problem } from '../fields/schemas.ts';
import { allow, type RequiredKey } from './authorization.ts';

// How routes are described: for the OpenAPI document, and for the checks of what comes in.

export const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

const PROBLEMS = {
  401: problem('No API key, or one that is not valid.'),
  403: problem('The API key may not do this.'),
  503: problem('A store did not answer. Nothing is known to have been done: try again.'),
} as const;

const NOT_FOUND = { 404: problem('There is no such thing, or it is another organization’s.') } as const;
const INVALID = { 422: problem('A field is not as it must be; `errors` points at it.') } as const;
const CONFLICT = { 409: problem('This is in conflict with what is there.') } as const;
const STALE = { 412: problem('It was changed since: `If-Match` names another version.') } as const;

export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

const tagged = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  ...json(schema, description),
  headers: { ETag: { description: 'Names this version, for `If-Match`.', schema: { type: 'string' as const } } },
});

const goesOn = {
  202: {
    ...json(Change, 'It stands, and goes on until all have heard of it; `Location` tells how far it is.'),
    headers: { Location: { schema: { type: 'string' as const } } },
  },
} as const;

const security = [{ apiKey: [] }];

const IdempotencyKey = z.object({
  'Idempotency-Key': z.string().optional().openapi({
    description: 'Makes it safe to send the request again: for a day the first answer is given again.',
    example: '0f8fad5b-d9cb-469f-a165-70867728950e',
  }),
});

const IfMatch = z.object({
  'If-Match': z
    .string()
    .optional()
    .openapi({ description: 'An `ETag`: the request fails with 412 if there is another version by now.' }),
});

/** Of a request that says nothing in its path, query or body. */
export const None = z.strictObject({});

interface About<Path extends string> {
  readonly path: Path;
  readonly requires: RequiredKey;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
}

const REQUIRED_KEYS: Partial<Record<RequiredKey, string>> = { any: 'Takes any API key.', root: 'Takes the root key.' };

const about = <Path extends string>({ path, requires, tag, summary, description = '' }: About<Path>) => ({
  path,
  tags: [tag],
  summary,
  description: `${description} ${REQUIRED_KEYS[requires] ?? `Takes the scope \`${requires}\`.`}`.trim(),
  security,
  middleware: allow(requires),
});

/** POST that creates one of a collection. */
export function createRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer) {
  return createRoute({
    ...about(route),
    method: 'post',
    request: {
      params,
      query: None,
      headers: IdempotencyKey,
      body: { required: !body.safeParse({}).success, content: { 'application/json': { schema: body } } },
    },
    responses: { 201: tagged(answer, 'Created.'), ...PROBLEMS, ...NOT_FOUND, ...CONFLICT, ...INVALID },
  });
}

/** GET of a page of a collection. */
export function listRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Query extends z.ZodRawShape,
  Item extends z.ZodType,
>(route: About<Path>, params: Params, query: Query, item: Item) {
  const page = z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().openapi({ description: 'For the next page; null on the last.' }),
  });
  return createRoute({
    ...about(route),
    method: 'get',
    request: { params, query: PageQuery.extend(query) },
    responses: { 200: json(page, 'A page.'), ...PROBLEMS, ...NOT_FOUND, ...INVALID },
  });
}

/** GET of one. */
export function getRouteFor<Path extends string, Params extends z.ZodObject, Answer extends z.ZodType>(
  route: About<Path>,
  params: Params,
  answer: Answer,
) {
  return createRoute({
    ...about(route),
    method: 'get',
    request: { params, query: None },
    responses: { 200: tagged(answer, 'As it stands.'), ...PROBLEMS, ...NOT_FOUND },
  });
}

/** PATCH of one: a JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)). */
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
      200: tagged(answer, 'As it stands now.'),
      ...goesOn,
      ...PROBLEMS,
      ...NOT_FOUND,
      ...CONFLICT,
      ...STALE,
      ...INVALID,
    },
  });
}

export const CascadeQuery = z.strictObject({
  cascade: z
    .enum(['true', 'false'])
    .default('false')
    .openapi({ description: 'Whether what refers to it goes with it. Without, that is a 409 that lists it.' }),
});

/** DELETE of one. */
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
      204: { description: 'It is gone.' },
      ...goesOn,
      ...PROBLEMS,
      ...NOT_FOUND,
      ...CONFLICT,
      ...STALE,
      ...INVALID,
    },
  });
}

/** POST that does something to one. */
export function actionRouteFor<
  Path extends string,
  Params extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(route: About<Path>, params: Params, body: Body, answer: Answer) {
  return createRoute({
    ...about(route),
    method: 'post',
    request: {
      params,
      query: None,
      headers: IdempotencyKey,
      body: { required: false, content: { 'application/json': { schema: body } } },
    },
    responses: { 200: json(answer, 'Done.'), ...goesOn, ...PROBLEMS, ...NOT_FOUND, ...CONFLICT, ...INVALID },
  });
}
