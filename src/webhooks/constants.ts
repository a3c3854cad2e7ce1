// Times are in seconds unless the name says otherwise.

/** Random bytes of a signing secret. Standard Webhooks asks for 24 to 64. */
export const WEBHOOK_SECRET_BYTES = 32;

/** How long one request may take, until the headers of its answer: a receiver should only store the event. */
export const WEBHOOK_DEADLINE_MS = 15_000;

/** How much of an answer's body is read, and for how long, so that the connection can be used again. Its content is ignored. */
export const WEBHOOK_ANSWER_LIMIT_BYTES = 4096;
export const WEBHOOK_ANSWER_TIME_MS = 1000;

/** The largest body of a request. An event with more is sent without its `changes`. */
export const WEBHOOK_BODY_LIMIT_BYTES = 64 * 1024;

/** How long an event is tried again. */
export const WEBHOOK_RETRY_AGE = 3 * 86_400;

/** The waits after the first attempts of an event that failed. The last one repeats. Up to a fifth is added at random. */
export const WEBHOOK_RETRY_WAITS = [10, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 12 * 3600];
export const WEBHOOK_RETRY_JITTER = 0.2;

/** The longest `Retry-After` of a receiver that is obeyed. */
export const WEBHOOK_RETRY_AFTER_MAX = 3600;

/** After so many failures in a row, nothing is sent to a webhook until its back-off ends. One poisonous event alone causes fewer. */
export const WEBHOOK_FAILURES_TOLERATED = 3;

/** The first back-off of a webhook, which doubles with each failure, and the longest. */
export const WEBHOOK_BACK_OFF_MIN = 10;
export const WEBHOOK_BACK_OFF_MAX = 600;

/** A webhook is disabled if an event was given up and no attempt has succeeded for so long. */
export const WEBHOOK_DISABLED_AFTER = 2 * 86_400;

/** How many events one lease covers. Their results are recorded together. */
export const WEBHOOK_BATCH = 20;

/**
 * Webhooks that are served at the same time, and events of one webhook. The platform gives an invocation six connections: one serves the
 * webhooks that fail, so that they cannot delay the others.
 */
export const WEBHOOKS_AT_ONCE = 4;
export const FAILING_WEBHOOKS_AT_ONCE = 1;
export const EVENTS_AT_ONCE = 4;

/** The most webhooks that one run of the scheduled handler serves. */
export const WEBHOOKS_PER_RUN = 1000;
export const FAILING_WEBHOOKS_PER_RUN = 200;

/** How long a run starts requests: the scheduled handler's, which comes every minute, and one after a write, which lives for 30 s. */
export const SCHEDULED_SENDING_MS = 40_000;
export const PROMPT_SENDING_MS = 10_000;

/** The length of a lease: the longest run, its last request, and time to record the results. */
export const WEBHOOK_LEASE = 90;
