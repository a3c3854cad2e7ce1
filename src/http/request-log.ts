import { type Loggable, log, loggable, type Outcome, type RequestEvent } from '../log/log.ts';
import { runWithTrace, Trace } from '../log/trace.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const RAY = /^[0-9a-f]{16}(-[A-Z]{3})?$/;

/**
 * Answers a request under an id of its own, `X-Request-Id`, and writes its one line to the log.
 * @param answer must not throw
 */
export async function answerAndLog(request: Request, answer: () => Promise<Response>): Promise<Response> {
  const begun = Date.now();
  const requestId = loggable(crypto.randomUUID());
  const trace = new Trace();
  const response = await runWithTrace(trace, answer);
  const { route = null, reason = null, ...details } = trace.details;
  log({
    event: 'request',
    request_id: requestId,
    ...rayOf(request),
    method: METHODS.find((method) => method === request.method) ?? 'other',
    route,
    status: response.status,
    outcome: outcomeOf(response.status),
    reason,
    ...details,
    ms: Date.now() - begun,
    ...trace.stores,
  });
  return withHeader(response, 'X-Request-Id', requestId);
}

/** How the log, as the document, writes the path of a route. */
export function toRoutePattern(path: string): Loggable {
  return loggable(path.replace(/:(\w+)/g, '{$1}'));
}

// Only as Cloudflare writes it: anything else is what a client made up.
function rayOf(request: Request): Pick<RequestEvent, 'ray'> {
  const ray = request.headers.get('CF-Ray');
  return ray !== null && RAY.test(ray) ? { ray: loggable(ray) } : {};
}

function outcomeOf(status: number): Outcome {
  if (status < 400) return 'ok';
  if (status === 429) return 'throttled';
  if (status === 503) return 'unavailable';
  return status < 500 ? 'refused' : 'error';
}

function withHeader(response: Response, name: string, value: Loggable): Response {
  try {
    response.headers.set(name, value);
    return response;
  } catch {
    // One that was fetched, or redirects, takes no more headers.
    const changeable = new Response(response.body, response);
    changeable.headers.set(name, value);
    return changeable;
  }
}
