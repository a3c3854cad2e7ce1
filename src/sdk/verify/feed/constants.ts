/** The `typ` of a page of the feed, which no access token has. */
export const FEED_TYPE = 'revocations+jwt';

/** How often the feed is fetched while it is used, in milliseconds. Each wait is up to a quarter longer, so that a fleet does not move in step. */
export const FEED_POLL_MS = 5000;

/** The time since the last fetch from which on a token waits for the next one, in milliseconds, as after a night without requests. */
export const FEED_WAIT_MS = 15_000;

/** For how long after its last use the feed is fetched in the background, in milliseconds. */
export const FEED_USED_MS = 60_000;

/** How often the whole feed is read again, in milliseconds: a database that was restored may have lost what deltas rely on. */
export const FEED_RELOAD_MS = 3_600_000;

/** How often entries of expired tokens are forgotten, in milliseconds. */
export const FEED_PURGE_MS = 60_000;

/** The default age at which the feed is too old, in seconds. */
export const FEED_MAX_AGE = 120;

/** The least `feedMaxAge`, in seconds: a fresh feed is complete up to about 40 seconds ago. */
export const FEED_MAX_AGE_MIN = 60;

/** The longest page that is read, in characters. */
export const FEED_PAGE_LENGTH_MAX = 262_144;

/** The most pages of one reading, so that a server which never ends does not fill the memory: five million entries. */
export const FEED_PAGES_MAX = 2000;

/** How many bytes of a SHA-256 digest a hash in the feed has. */
export const FEED_HASH_BYTES = 16;

/** The most clients whose hashes are remembered. */
export const CLIENT_HASHES_MAX = 10_000;
