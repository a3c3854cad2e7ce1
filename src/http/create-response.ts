import { currentTrace } from '../log/trace.ts';

/**
 * Creates an answer with the headers that every answer has (`Trace.headers`). To pass them with the others costs less than to add them to a
 * finished response.
 */
export function createResponse(
  body: string | null,
  status: number,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(body, { status, headers: { ...currentTrace()?.headers, ...headers } });
}
