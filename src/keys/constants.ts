/** How long an isolate uses the key ring that it read. */
export const KEY_RING_LEASE = 60;

/** From this age on the ring is read again in the background. */
export const KEY_RING_RENEWAL_AGE = 30;

/** How long a request waits for a ring that another reads, or makes: both stores may be asked, and RSA keys take their time. */
export const KEY_RING_WAIT_MAX_MS = 15_000;

/** From this age on a ring that was read from the copy in KV is read again: D1 may be back. */
export const KEY_RING_COPY_RENEWAL_AGE = 5;

/** How far the copy in KV may lag behind D1: until the scheduled handler has looked, and until KV has it everywhere. */
export const KEY_RING_COPY_LAG = 120;

/** How long nobody asks the stores for the ring again that they did not give. */
export const KEY_RING_RETRY_AFTER = 1;

/** For how long after a key took over an emergency must name which one is compromised: it may have been the one before. */
export const TAKEOVER_AGE = KEY_RING_COPY_LAG + KEY_RING_LEASE;
