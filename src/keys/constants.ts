// Times are in seconds unless the name says otherwise.

/** How long an isolate uses a key ring that it read. */
export const KEY_RING_LEASE = 60;

/** The age from which an isolate renews its ring in the background. */
export const KEY_RING_RENEWAL_AGE = 30;

/** The age from which an isolate renews a ring that it read from the copy in KV. D1 may be available again. */
export const KEY_RING_COPY_RENEWAL_AGE = 5;

/** How long a request waits for a ring that another request reads or makes: it may ask both stores, and RSA keys take time to generate. */
export const KEY_RING_WAIT_MAX_MS = 15_000;

/** How long an isolate does not ask the stores for the ring after both failed. */
export const KEY_RING_RETRY_AFTER = 1;

/** How far the copy in KV may lag behind D1: the scheduled handler compares them every minute, and KV takes up to a minute to propagate. */
export const KEY_RING_COPY_LAG = 120;

/** How long an isolate may use an outdated ring: the lag of the copy that it was read from, then the lease. */
export const KEY_RING_AGE_MAX = KEY_RING_COPY_LAG + KEY_RING_LEASE;

/** How long after a takeover an emergency must name the compromised key: until then isolates may still sign with the previous key. */
export const TAKEOVER_AGE = KEY_RING_AGE_MAX;
