/** How soon a request that waits for what another has begun looks whether that has ended; then ever later, up to the maximum. */
export const SHARED_WORK_POLL_MS = 1;
export const SHARED_WORK_POLL_MAX_MS = 50;

/** How long D1 has to tell how a resource server wants its tokens introspected, before the stronger way is taken. */
export const STRENGTH_DEADLINE_MS = 1000;

/** How long D1 has to hand out the key ring before the copy in KV is taken. */
export const KEY_RING_DEADLINE_MS = 2000;

/** How long KV remembers a key that was revoked in an emergency: far longer than any copy lags. */
export const REVOKED_KEY_AGE = 30 * 86_400;

/** KV refuses an expiry that is nearer than this. */
export const KV_EXPIRY_MIN = 60;

/**
 * The last writes about a target that a later one makes up for: one that is owed to a gate is seldom older than the last, and the scheduled
 * handler finishes all of them.
 */
export const WRITES_LOOKED_AT = 100;

/** How long a change that went on after its answer can be asked about. */
export const CHANGE_AGE = 7 * 86_400;

/** Rows that one purge of the scheduled handler deletes from a table, many a minute. */
export const PURGE_ROWS = 5000;

/** Clients with a wanted role or resource server that a search checks one by one; of more it walks all by name. */
export const FEW_CLIENTS = 1000;
