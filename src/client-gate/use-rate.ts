import { BUSY_INTERVAL, BUSY_USES } from './constants.ts';

/** Counts uses, to tell whether a gate is busy: whether this interval, or the one before it, had at least `BUSY_USES`. */
export class UseRate {
  #from = 0;
  #count = 0;
  #wasBusy = false;

  /** @param now milliseconds since the epoch */
  count(now: number): void {
    const elapsed = now - this.#from;
    const interval = BUSY_INTERVAL * 1000;
    // The clock may have been set back.
    if (elapsed < 0 || elapsed >= interval) {
      this.#wasBusy = elapsed >= 0 && elapsed < 2 * interval && this.#count >= BUSY_USES;
      this.#from = now;
      this.#count = 0;
    }
    this.#count++;
  }

  get isBusy(): boolean {
    return this.#wasBusy || this.#count >= BUSY_USES;
  }
}
