import { currentTrace } from '../log/trace.ts';

/**
 * Creates an answer with the headers that every answer has (`Trace.headers`). To pass them with the others costs less than to add them to a
 * finished response.
 */
export function createResponse(
  body: string | null,
  status: number,
  ...headers: readonly Readonly<Record<string, string>>[]
): Response {
  const trace = currentTrace();
  const response = new Response(body, { status, headers: Object.assign({}, trace?.headers, ...headers) });
  if (trace) trace.created = response;
  return response;
}
