import { AsyncLocalStorage } from 'node:async_hooks';
import type { Loggable, RequestDetails, StoreUse } from './log.ts';
import type { Store } from './reasons.ts';
import { isInSample } from './sample.ts';

type Writable<T> = { -readonly [Member in keyof T]: T[Member] };

/** What is known about a request while it is answered: the headers of its answer, and the data for its log line. */
export class Trace {
  readonly requestId: string = crypto.randomUUID();
  /** The headers that the answer has in any case. */
  readonly headers: Record<string, string> = {
    'X-Request-Id': this.requestId,
    // A browser must not take the JSON of an answer for a script or a page.
    'X-Content-Type-Options': 'nosniff',
  };
  readonly details: Writable<Partial<RequestDetails>> = {};
  readonly stores: Partial<Record<Store, Writable<StoreUse>>> = {};
  /** The last answer that was made with these headers. */
  created: Response | undefined;
  /** The client that the request proved to come from. */
  authenticatedClient: string | undefined;
  /** The share of the successes of this kind that are logged, 0 to 1. Everything else is logged in any case. */
  successShare = 1;

  /** Whether the request is logged if it succeeds. */
  get logsSuccess(): boolean {
    return isInSample(this.requestId, this.successShare);
  }
}

const current = new AsyncLocalStorage<Trace>();

/** Runs a function under a trace. Asynchronous work that it starts belongs to the same trace. */
export function runWithTrace<T>(trace: Trace, run: () => T): T {
  return current.run(trace, run);
}

/** Returns the trace of the current request, or undefined outside a request. */
export function currentTrace(): Trace | undefined {
  return current.getStore();
}

/** Adds headers that the answer to the current request has in any case, even if it is an error. */
export function addAnswerHeaders(headers: Readonly<Record<string, string>>): void {
  const trace = current.getStore();
  if (trace) Object.assign(trace.headers, headers);
}

/** Adds fields to the log line of the current request. A later value replaces an earlier one. Does nothing outside a request. */
export function addLogDetails(details: Partial<RequestDetails>): void {
  const trace = current.getStore();
  if (trace) Object.assign(trace.details, details);
}

/** Notes the client that the current request proved to come from. */
export function noteAuthenticated(clientId: Loggable): void {
  const trace = current.getStore();
  if (!trace) return;
  trace.details.client_id = clientId;
  trace.authenticatedClient = clientId;
}

/** Notes the route of the current request, and the share of the successes on this route that are logged. */
export function noteRoute(route: Loggable, successShare: number): void {
  const trace = current.getStore();
  if (!trace) return;
  trace.details.route = route;
  trace.successShare = successShare;
}

/** Logs the current request even if it succeeds and is not in the sample. */
export function logEverySuccess(): void {
  const trace = current.getStore();
  if (trace) trace.successShare = 1;
}

/** Counts a store call for the current request. @returns a function to call when the store call has ended */
export function startStoreCall(store: Store): () => void {
  const stores = current.getStore()?.stores;
  if (!stores) return () => {};
  const startedAt = Date.now();
  stores[store] ??= { calls: 0, ms: 0 };
  const use = stores[store];
  use.calls += 1;
  return () => {
    use.ms += Date.now() - startedAt;
  };
}
