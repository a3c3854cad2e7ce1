/** How many reports may be sent at once, and the time until one more may be, milliseconds. */
export interface AllowanceLimit {
  readonly atOnce: number;
  readonly intervalMs: number;
}

/** Counts reports, so that there are never more than a limit permits. */
export class ReportAllowance {
  readonly #limit: AllowanceLimit;
  #left: number;
  #at = 0;

  constructor(limit: AllowanceLimit) {
    this.#limit = limit;
    this.#left = limit.atOnce;
  }

  /** Whether one more may be sent now. @param now milliseconds since the epoch */
  take(now: number): boolean {
    const { atOnce, intervalMs } = this.#limit;
    this.#left = Math.min(atOnce, this.#left + Math.max(0, now - this.#at) / intervalMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
