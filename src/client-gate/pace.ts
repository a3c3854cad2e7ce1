import { BUSY_REQUESTS, BUSY_WINDOW } from './constants.ts';

/**
 * How often a client requests tokens, as far as its gate's memory goes back. A row for each request of a quiet client costs less than an
 * alarm that writes the row later: the alarm is a row too, and setting it back to its next deadline is another one.
 */
export class Pace {
  /** When the last `BUSY_REQUESTS` requests came, milliseconds since the epoch. */
  #recent: number[] = [];

  /** Notes a request. */
  add(now: number): void {
    this.#recent.push(now);
    if (this.#recent.length > BUSY_REQUESTS) this.#recent.shift();
  }

  /** Whether `BUSY_REQUESTS` requests came within the last `BUSY_WINDOW`. */
  isBusy(now: number): boolean {
    const [first] = this.#recent;
    return first !== undefined && this.#recent.length === BUSY_REQUESTS && Math.abs(now - first) < BUSY_WINDOW * 1000;
  }
}
