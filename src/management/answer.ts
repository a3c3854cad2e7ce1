import type { ManagementContext } from './context.ts';

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
