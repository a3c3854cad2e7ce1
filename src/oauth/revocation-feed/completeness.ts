import { FEED_BLIP_MS, FEED_LAG_MS } from '../constants.ts';

/**
 * Tells as of when the feed is complete, from what an isolate has seen of D1. While D1 did not answer, gates could not insert revocations
 * either, and they try again only after a while. So after an outage the feed is complete as of the time before it, until D1 has answered
 * for `FEED_LAG_MS`. A few lost queries are no outage. All times are in milliseconds since the epoch.
 */
export class Completeness {
  /** The last failure since the last success. */
  #failedAt: number | undefined;
  #succeededAt = Number.NEGATIVE_INFINITY;
  #waitsUntil = Number.NEGATIVE_INFINITY;
  /** The last success at which no gate could wait. */
  #undisturbed: number | undefined;

  /** Notes that D1 did not answer. */
  failed(now: number): void {
    this.#failedAt = now;
  }

  /**
   * Returns as of when a query's result is complete, or undefined if that is not known: D1 failed in this isolate before it ever answered.
   * @param begunAt when the query began
   */
  asOf(begunAt: number): number | undefined {
    const isAfterOutage = this.#failedAt !== undefined && begunAt - this.#succeededAt > FEED_BLIP_MS;
    if (isAfterOutage) this.#waitsUntil = (this.#failedAt ?? begunAt) + FEED_LAG_MS;
    this.#failedAt = undefined;
    this.#succeededAt = begunAt;
    if (begunAt >= this.#waitsUntil) this.#undisturbed = begunAt;
    return this.#undisturbed === undefined ? undefined : this.#undisturbed - FEED_LAG_MS;
  }
}
