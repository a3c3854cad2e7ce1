import { waitUntil } from 'cloudflare:workers';
import { currentTrace, runWithTrace, Trace } from '../../log/trace.ts';
import { type Parameters, type ReadOptions, readParameters } from '../request/parameters.ts';
import { explainError } from '../response/error-response.ts';
import type { RefusalServices } from '../services.ts';
import { describeRefusal, isAboutClient, isProving, type RefusedAs, type RefusedRequest } from './noted-refusal.ts';

/** An endpoint that takes a form: the last part of its path, and how its body is read. */
export interface FormEndpoint extends ReadOptions {
  readonly endpoint: string;
}

/** Reads a request's form and answers it. If it is refused, its client's gate is told, after the answer. */
export async function answerForm(
  services: RefusalServices,
  request: Request,
  form: FormEndpoint,
  answer: (parameters: Parameters) => Promise<Response>,
): Promise<Response> {
  let parameters: Parameters | undefined;
  try {
    parameters = await readParameters(request, form);
    return await answer(parameters);
  } catch (error) {
    const { answer: refusal, log } = explainError(error);
    const { code, status, specificDescription } = refusal;
    const description = log.detail === undefined ? specificDescription : `Fault: ${log.detail}.`;
    if (log.reason) {
      const refusedAs = { reason: log.reason, status, error: code, description };
      noteRefusal(services, { request, endpoint: form.endpoint, parameters }, refusedAs);
    }
    throw error;
  }
}

/**
 * Tells the gate of a refused request's client of it, in the background: the answer does not wait, and no failure is seen. Says nothing of
 * requests that name no client, of the callers with an API key, and of failures of the service.
 */
export function noteRefusal(services: RefusalServices, refused: RefusedRequest, refusedAs: RefusedAs): void {
  const trace = currentTrace();
  if (!trace || !isAboutClient(refusedAs.reason) || isOfAdministrator(refused)) return;
  const { requestId, details } = trace;
  const now = Date.now();
  const tell = async () => {
    const clientId = details.client_id ?? (await services.claimedClients.find(refused.request, refused.parameters));
    if (clientId === undefined) return;
    // Compared, because the request of one client may name another one.
    const isProven = trace.authenticatedClient === clientId || isProving(refusedAs.reason);
    const refusal = describeRefusal(refused, refusedAs, { requestId, isProven, now });
    const refusals = services.refusalReports.add(clientId, refusal, now);
    if (refusals.length > 0) await services.gates.noteRefusals({ client_id: clientId, refusals });
  };
  // A trace of its own: the log line of the request has only the calls that its answer took.
  waitUntil(runWithTrace(new Trace(), () => tell().catch(() => undefined)));
}

/** Whether the caller is the holder of an API key, which only introspection takes. */
function isOfAdministrator({ request, endpoint }: RefusedRequest): boolean {
  return endpoint === 'introspect' && /^bearer /i.test(request.headers.get('Authorization') ?? '');
}
