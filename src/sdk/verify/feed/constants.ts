/** The `typ` of a page of the feed, which no access token has. */
export const FEED_TYPE = 'revocations+jwt';

/** How often the feed is fetched while it is used, in milliseconds. Each wait is up to a quarter longer, so that a fleet does not move in step. */
export const FEED_POLL_MS = 5000;

/** How many failures lengthen the wait if the server asks for no other: to 4 to 8 s, so that the feed is fresh soon after an outage. */
export const FEED_BACK_OFFS_MAX = 5;

/** The time without an attempt from which on a token waits for the next one, in milliseconds: a night, or a Worker with few requests. */
export const FEED_PAUSE_MS = 10_000;

/** How long a token waits then if what is known is fresh enough, or if the last attempt failed, in milliseconds. */
export const FEED_WAIT_MS = 2000;

/** For how long after its last use the feed is fetched in the background, in milliseconds. */
export const FEED_USED_MS = 60_000;

/** How often the whole feed is read again, in milliseconds: a database that was restored may have lost what deltas rely on. */
export const FEED_RELOAD_MS = 3_600_000;

/** How often entries of expired tokens are forgotten, in seconds. */
export const FEED_PURGE_INTERVAL = 300;

/** The default age at which the feed is too old, in seconds. */
export const FEED_MAX_AGE = 120;

/** The least `feedMaxAge`, in seconds: a fresh feed is complete up to about 40 seconds ago. */
export const FEED_MAX_AGE_MIN = 60;

/** By how much a feed may be complete beyond the time of the server, in seconds: `Date` and the clock of a cache are not exact. */
export const FEED_AHEAD_MAX = 60;

/** The longest page that is read, in characters: `ANSWER_BYTES_MAX`. Edgemint's have up to 180,000. */
export const FEED_PAGE_LENGTH_MAX = 262_144;

/** The most pages that one attempt reads. The next one goes on from there. */
export const FEED_PAGES_MAX = 1000;

/** The most entries that are kept: 34 to 69 MB. */
export const FEED_ENTRIES_MAX = 1_000_000;

/** The most clients whose hashes are remembered. */
export const CLIENT_HASHES_MAX = 10_000;
