/** A moment by the two clocks of the machine, in milliseconds. */
export interface Moment {
  /** Since an arbitrary start. It never jumps, but it may stand still while the machine is suspended. */
  readonly monotonic: number;
  /** Since the epoch. It may be wrong, and may jump in both directions. */
  readonly wall: number;
}

/** Returns the current moment. */
export function moment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** Returns the greater time between two moments by the two clocks: one may stand still while the machine is suspended. */
export function elapsed(from: Moment, to: Moment): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
}

/** Returns the seconds until a moment, at least 1. @param at by the monotonic clock, in milliseconds */
export function secondsUntil(at: number): number {
  return Math.max(1, Math.ceil((at - performance.now()) / 1000));
}

/**
 * Waits, or until a signal is aborted.
 * @param ms how long, in milliseconds
 * @throws the reason of the signal
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
