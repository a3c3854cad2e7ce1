import { waitUntil } from 'cloudflare:workers';
import type { Store } from '../log/reasons.ts';
import { SHARED_WORK_POLL_GROWTH, SHARED_WORK_POLL_MAX_MS, SHARED_WORK_POLL_MS } from './constants.ts';
import { StoreUnavailableError } from './errors.ts';

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Work on a store that one request starts and that others wait for too. They poll for its outcome. A request must not await another
 * request's promise: the runtime would continue it in the other request's context, which cannot use this request's I/O.
 */
export class SharedWork<T> {
  readonly #store: Store;
  readonly #lostAt: number;
  #outcome: Outcome<T> | undefined;

  /**
   * Must be called in the request that starts the work. The work continues when that request has ended.
   * @param deadlineMs how long the work may take. Then it counts as lost: the work of a request that was killed never ends.
   */
  constructor(store: Store, deadlineMs: number, work: Promise<T>) {
    this.#store = store;
    this.#lostAt = performance.now() + deadlineMs;
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

  /** Whether the work may still end. */
  isPending(): boolean {
    return !this.#outcome && performance.now() < this.#lostAt;
  }

  /** Waits for the work's result, in any request. @throws the work's error; StoreUnavailableError at the deadline */
  async result(): Promise<T> {
    await pollUntil(() => this.#outcome !== undefined, this.#lostAt - performance.now());
    if (!this.#outcome) throw new StoreUnavailableError(this.#store, 'deadline');
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}

/**
 * Lets work end even if its request is killed, as when the caller hangs up: otherwise nothing after the next `await` runs, not even
 * `finally`. The runtime allows half a minute.
 * @returns the work
 */
export function outliveRequest<T>(work: Promise<T>): Promise<T> {
  waitUntil(work.catch(() => undefined));
  return work;
}

/** Polls until a condition holds, for at most `deadlineMs`. The interval grows, so that many long waits do not keep the isolate busy. */
export async function pollUntil(isDone: () => boolean, deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (let wait = SHARED_WORK_POLL_MS; !isDone() && performance.now() < until; ) {
    await scheduler.wait(wait);
    wait = Math.min(SHARED_WORK_POLL_MAX_MS, wait * SHARED_WORK_POLL_GROWTH);
  }
}
