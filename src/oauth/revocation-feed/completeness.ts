import { FEED_LAG_MS } from '../constants.ts';

/**
 * Tells as of when the feed is complete, from what an isolate has seen of D1. While D1 did not answer, gates could not insert revocations
 * either, and they try again only after a while. So after a failure the feed is complete as of the time before it, until D1 has answered
 * for `FEED_LAG_MS`. All times are in milliseconds since the epoch.
 */
export class Completeness {
  #lastFailure = Number.NEGATIVE_INFINITY;
  #undisturbed: number | undefined;

  /** Notes that D1 did not answer. */
  failed(now: number): void {
    this.#lastFailure = now;
  }

  /**
   * Returns as of when a query's result is complete, or undefined if that is not known: D1 failed in this isolate before it ever answered.
   * @param begunAt when the query began
   */
  asOf(begunAt: number): number | undefined {
    if (begunAt - this.#lastFailure >= FEED_LAG_MS) this.#undisturbed = begunAt;
    return this.#undisturbed === undefined ? undefined : this.#undisturbed - FEED_LAG_MS;
  }
}
