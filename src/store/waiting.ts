import { waitUntil } from 'cloudflare:workers';
import type { Store } from '../log/reasons.ts';
import { SHARED_WORK_POLL_MAX_MS, SHARED_WORK_POLL_MS } from './constants.ts';
import { StoreUnavailableError } from './errors.ts';

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Work on a store that one request begins and others wait for as well. They look again and again whether it has ended: a promise of one
 * request is not another's to wait for, since the runtime would go on in that one's context, where this one's I/O is out of reach.
 */
export class SharedWork<T> {
  readonly #store: Store;
  #outcome: Outcome<T> | undefined;

  /** To be called in the request that began the work; it goes on when that request is gone. */
  constructor(store: Store, work: Promise<T>) {
    this.#store = store;
    const settled = work.then(
      (value) => {
        this.#outcome = { value };
      },
      (error) => {
        this.#outcome = { error };
      },
    );
    waitUntil(settled);
  }

  /** Waits for it, in whatever request. @throws what the work throws; StoreUnavailableError at the deadline */
  async result(deadlineMs: number): Promise<T> {
    await pollUntil(() => this.#outcome !== undefined, deadlineMs);
    if (!this.#outcome) throw new StoreUnavailableError(this.#store, 'deadline');
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}

/** Waits until something is so, and no longer than `deadlineMs`. A crowd that waits for long must not keep the isolate busy. */
export async function pollUntil(isSo: () => boolean, deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (let wait = SHARED_WORK_POLL_MS; !isSo() && performance.now() < until; ) {
    await scheduler.wait(wait);
    wait = Math.min(SHARED_WORK_POLL_MAX_MS, wait * 1.5);
  }
}
