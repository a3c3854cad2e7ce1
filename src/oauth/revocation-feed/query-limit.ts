import { FEED_QUERIES_AT_ONCE, FEED_QUERY_INTERVAL_MS, FEED_RETRY_AFTER } from '../constants.ts';
import { OAuthError } from '../response/oauth-error.ts';

/** The total of an isolate's queries that strangers can cause, by inventing audiences and versions. */
export class QueryLimit {
  /** When the next query may begin, by `performance.now()`. */
  #freeAt = Number.NEGATIVE_INFINITY;

  isFree(): boolean {
    return performance.now() >= this.#freeAt;
  }

  /** Counts a query that begins now. */
  take(): void {
    const earliest = performance.now() - (FEED_QUERIES_AT_ONCE - 1) * FEED_QUERY_INTERVAL_MS;
    this.#freeAt = Math.max(this.#freeAt, earliest) + FEED_QUERY_INTERVAL_MS;
  }
}

/** Returns the error for a request that needs a query which the limit does not permit now. */
export function tooManyQueries(): OAuthError {
  const description = 'Too many audiences or versions were asked for that this location does not have: try again.';
  return new OAuthError('slow_down', { description, headers: { 'Retry-After': String(FEED_RETRY_AFTER) } });
}
