/** Milliseconds after which a request to a server is given up. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** The largest answer that is read, in bytes. Metadata, key sets and token answers of large servers have a tenth of it. */
export const ANSWER_BYTES_MAX = 262_144;

/** The first back-off, in milliseconds. It doubles with each further failure. */
export const BACK_OFF_MS = 500;

/** The longest back-off, in milliseconds: an outage is noticed to be over within about a minute. */
export const BACK_OFF_MAX_MS = 60_000;

/**
 * The longest `Retry-After` that is followed, in seconds. A wrong header must not stop a fleet for days.
 */
export const RETRY_AFTER_MAX = 3600;

/** In workerd, how often a request looks whether the work of another request has ended, in milliseconds. */
export const POLL_MS = 20;

/**
 * In workerd, after how many milliseconds a request starts the work itself: the request that began it may have ended, and its work with it.
 */
export const TAKEOVER_MS = 2000;

/** The age from which on metadata are fetched again, in milliseconds. */
export const METADATA_AGE_MS = 3_600_000;

/** If metadata cannot be fetched again, milliseconds until the next attempt. The old ones are used. */
export const METADATA_RETRY_MS = 60_000;

/**
 * By how many milliseconds the two clocks of the machine may pass time differently before the time of a server counts as unknown: one of them
 * was set, or stood still while the machine was suspended.
 */
export const CLOCK_JUMP_MS = 5000;
