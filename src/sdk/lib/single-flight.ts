import { POLL_MS, TAKEOVER_MS } from './constants.ts';
import { sleep } from './moment.ts';
import { isWorkerd } from './runtime.ts';

interface Flight {
  readonly end: Promise<void>;
  readonly startedAt: number;
  hasEnded: boolean;
}

/**
 * Work that all callers share: at most one run is under way. The work writes its outcome into its owner's state and never rejects.
 * A caller that gives up does not stop it.
 */
export class SingleFlight {
  readonly #work: () => Promise<void>;
  readonly #isShared: boolean;
  #flight: Flight | undefined;

  /** @param isShared whether callers may await the promise of another; by default everywhere but in workerd */
  constructor(work: () => Promise<void>, isShared = !isWorkerd()) {
    this.#work = work;
    this.#isShared = isShared;
  }

  /** Whether a run is under way. In workerd one that takes long may have ended with its request, and does not count. */
  get isUnderWay(): boolean {
    return this.#flight !== undefined && (this.#isShared || !isOld(this.#flight));
  }

  /** Begins a run, even if one is under way. @returns its end */
  start(): Promise<void> {
    const end = this.#work().finally(() => {
      flight.hasEnded = true;
      if (this.#flight === flight) this.#flight = undefined;
    });
    const flight: Flight = { end, startedAt: performance.now(), hasEnded: false };
    this.#flight = flight;
    return end;
  }

  /** Begins a run unless one is under way, and waits for its end. @throws the reason of the signal */
  async join(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let flight = this.#flight;
    if (!flight) return untilAborted(this.start(), signal);
    if (this.#isShared) return untilAborted(flight.end, signal);
    while (!isOld(flight)) {
      await sleep(POLL_MS, signal);
      if (flight.hasEnded) return;
      // Another caller began it again.
      flight = this.#flight ?? flight;
    }
    await untilAborted(this.start(), signal);
  }
}

function isOld({ startedAt }: Flight): boolean {
  return performance.now() - startedAt >= TAKEOVER_MS;
}

function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
