import { type Loggable, log, loggable, type Outcome, type RequestEvent } from '../log/log.ts';
import { runWithTrace, Trace } from '../log/trace.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const RAY = /^[0-9a-f]{16}(-[A-Z]{3})?$/;

/**
 * Answers a request and writes its log line, unless it is a success outside the sample. The answer and the line carry the same new id,
 * `X-Request-Id`.
 * @param answer must not throw
 */
export async function answerAndLog(request: Request, answer: () => Promise<Response>): Promise<Response> {
  const startedAt = Date.now();
  const trace = new Trace();
  const response = await runWithTrace(trace, answer);
  const isSuccess = response.status < 400 && trace.details.reason === undefined;
  if (!isSuccess || trace.logsSuccess) log(requestEvent(request, response, trace, startedAt, isSuccess));
  return response === trace.created ? response : withHeaders(response, trace.headers);
}

function requestEvent(
  request: Request,
  response: Response,
  trace: Trace,
  startedAt: number,
  isSuccess: boolean,
): RequestEvent {
  const { route = null, reason = null, ...details } = trace.details;
  return {
    event: 'request',
    request_id: loggable(trace.requestId),
    ...readRay(request),
    method: METHODS.find((method) => method === request.method) ?? 'other',
    route,
    status: response.status,
    outcome: toOutcome(response.status),
    reason,
    ...details,
    ms: Date.now() - startedAt,
    ...(isSuccess && trace.successShare < 1 && { share: trace.successShare }),
    ...trace.stores,
  };
}

/** Converts a Hono path such as `/clients/:id` to the form that the log and the OpenAPI document use: `/clients/{id}`. */
export function toRoutePattern(path: string): Loggable {
  return loggable(path.replace(/:(\w+)/g, '{$1}'));
}

// Only the format that Cloudflare writes is accepted: any other value was invented by a client.
function readRay(request: Request): Pick<RequestEvent, 'ray'> {
  const ray = request.headers.get('CF-Ray');
  return ray !== null && RAY.test(ray) ? { ray: loggable(ray) } : {};
}

function toOutcome(status: number): Outcome {
  if (status < 400) return 'ok';
  if (status === 429) return 'throttled';
  if (status === 503) return 'unavailable';
  return status < 500 ? 'refused' : 'error';
}

/** Adds headers to a response that was not made by `createResponse`. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const add = (answer: Response) => {
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    return answer;
  };
  try {
    return add(response);
  } catch {
    // The headers of a fetched response and of a redirect are immutable.
    return add(new Response(response.body, response));
  }
}
