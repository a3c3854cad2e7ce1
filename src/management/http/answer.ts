import type { ManagementContext } from './context.ts';

/**
 * Casts a response to the type that a handler must return. Hono types a response by its status and body; it cannot know that a 202 may
 * replace any of them, nor the body of a response that was built elsewhere. The routes describe both.
 */
export function asTyped(answer: Response): never {
  return answer as never;
}

/** Builds a JSON response. A 204 has no body. */
export function respond(
  context: ManagementContext,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const json = status === 204 ? null : JSON.stringify(body);
  const contentType = json === null ? {} : { 'Content-Type': 'application/json' };
  return context.newResponse(json, status as 200, { ...contentType, ...headers });
}
