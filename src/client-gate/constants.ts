/** How many used ids a gate keeps in one row, and how often it looks in its memory for those that have expired. */
export const SPENT_IDS_PER_ROW = 32;
export const REPLAY_SWEEP_INTERVAL = 60;

/** A gate writes ahead this share of the burst, so that an eviction loses at most as much. */
export const RESERVED_SHARE_OF_BURST = 0.1;

/** What a gate owes to KV or D1, and they did not take, is tried again after this at most, doubling up to the maximum. */
export const OUTBOX_RETRY_MIN = 1;
export const OUTBOX_RETRY_MAX = 60;

/** After it was tried in vain and then delivered, it is delivered again after this: what hung until now must not stand in its place. */
export const OUTBOX_AGAIN = 120;

/**
 * How old an audit event must be before the gate gives it up, if D1 refuses it, seconds. A week leaves time to deploy a fix that can insert
 * it; without an end, the gate would try again every minute for as long as it exists.
 */
export const REFUSED_EVENT_AGE = 7 * 86_400;

/** How much of that a gate delivers in one alarm, and how much at once: no more than the platform opens connections. */
export const DELIVERIES_PER_ALARM = 100;
export const DELIVERIES_AT_ONCE = 6;

/** Revocations of expired tokens are forgotten this often at most, many at once. */
export const PURGE_INTERVAL = 600;

/**
 * The longest that an admission waits to be past a cut-off: one second and what the gate's clock may have gone back. With a clock further
 * behind nothing is issued.
 */
export const CUT_OFF_WAIT_MAX_MS = 2000;

/** How long counts may be in memory alone: less than the ten idle seconds after which a gate may be evicted. */
export const ACTIVITY_PERSIST_MIN = 4;
export const ACTIVITY_PERSIST_MAX = 8;

/** How long counts may be missing in D1. */
export const USAGE_FLUSH_MIN = 300;
export const USAGE_FLUSH_MAX = 600;

/** Each time that D1 does not take them doubles the wait, up to this often. */
export const USAGE_FLUSH_DOUBLINGS_MAX = 3;

/** How many hours back a gate keeps what D1 has not taken. */
export const USAGE_HOURS_KEPT = 48;
