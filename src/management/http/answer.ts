import type { ManagementContext } from './context.ts';

/**
 * An answer in the place of the one that a handler's type asks for. Hono tells answers apart by their status and body, and cannot know
 * that a 202 stands for any of them, nor what a body is that was made elsewhere: the routes describe both.
 */
export function asTyped(answer: Response): never {
  return answer as never;
}

/** An answer of this status. With 204 there is no body. */
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
