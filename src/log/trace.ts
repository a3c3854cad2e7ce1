import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestDetails, StoreUse } from './log.ts';
import type { Store } from './reasons.ts';

/** Data for a request's log line, collected while the request is answered. */
export class Trace {
  readonly details: Partial<RequestDetails> = {};
  readonly stores: Partial<Record<Store, StoreUse>> = {};
}

const current = new AsyncLocalStorage<Trace>();

/** Runs a function under a trace. Asynchronous work that it starts belongs to the same trace. */
export function runWithTrace<T>(trace: Trace, run: () => T): T {
  return current.run(trace, run);
}

/** Adds fields to the log line of the current request. A later value replaces an earlier one. Does nothing outside a request. */
export function addLogDetails(details: Partial<RequestDetails>): void {
  const trace = current.getStore();
  if (trace) Object.assign(trace.details, details);
}

/** Counts a store call for the current request. @returns a function to call when the store call has ended */
export function startStoreCall(store: Store): () => void {
  const stores = current.getStore()?.stores;
  if (!stores) return () => {};
  const startedAt = Date.now();
  add(stores, store, { calls: 1, ms: 0 });
  return () => add(stores, store, { calls: 0, ms: Date.now() - startedAt });
}

function add(stores: Trace['stores'], store: Store, { calls, ms }: StoreUse): void {
  const total = stores[store];
  stores[store] = { calls: (total?.calls ?? 0) + calls, ms: (total?.ms ?? 0) + ms };
}
