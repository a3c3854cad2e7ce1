import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestDetails, StoreUse } from './log.ts';
import type { Store } from './reasons.ts';

/** What becomes known of a request while it is answered. */
export class Trace {
  readonly details: Partial<RequestDetails> = {};
  readonly stores: Partial<Record<Store, StoreUse>> = {};
}

const current = new AsyncLocalStorage<Trace>();

/** Runs something, and all that it begins, under a trace. */
export function runWithTrace<T>(trace: Trace, run: () => T): T {
  return current.run(trace, run);
}

/** Adds to the trace of the request that this is done for; outside a request it does nothing. What was noted last stands. */
export function addLogDetails(details: Partial<RequestDetails>): void {
  const trace = current.getStore();
  if (trace) Object.assign(trace.details, details);
}

/** Counts a call to a store, for the request that makes it. @returns what is to be called when the call has ended */
export function startStoreCall(store: Store): () => void {
  const stores = current.getStore()?.stores;
  if (!stores) return () => {};
  const begun = Date.now();
  add(stores, store, { calls: 1, ms: 0 });
  return () => add(stores, store, { calls: 0, ms: Date.now() - begun });
}

function add(stores: Trace['stores'], store: Store, { calls, ms }: StoreUse): void {
  const sum = stores[store];
  stores[store] = { calls: (sum?.calls ?? 0) + calls, ms: (sum?.ms ?? 0) + ms };
}
