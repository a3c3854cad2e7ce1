import { ACCESS_TOKEN_TTL_MAX } from '../constants.ts';

// Times are in seconds unless the name says otherwise.

/** Random bytes of a generated id: 128 bits, as many as in a UUID. */
export const ID_RANDOM_BYTES = 16;

/** Characters of a generated id after its prefix: 128 bits in base 62. */
export const ID_RANDOM_LENGTH = 22;

/** The interval at which a request polls for the outcome of another request's work: at first, at most, and its growth per poll. */
export const SHARED_WORK_POLL_MS = 1;
export const SHARED_WORK_POLL_MAX_MS = 50;
export const SHARED_WORK_POLL_GROWTH = 1.5;

/** The deadline of D1 for the introspection strength of a resource server. After it, `strong` is used. */
export const STRENGTH_DEADLINE_MS = 1000;

/** The deadline of D1 for the key ring. After it, the copy in KV is used. */
export const KEY_RING_DEADLINE_MS = 2000;

/** How long KV keeps the revocation of a signing key that was revoked in an emergency: much longer than any copy lags. */
export const REVOKED_KEY_AGE = 30 * 86_400;

/** The shortest time to live that KV accepts. */
export const KV_EXPIRY_MIN = 60;

/** The precision of the stored last success of a task that every gate performs. Within it only one of them writes. */
export const FREQUENT_SUCCESS_PRECISION_MS = 60_000;

/**
 * How many of the last writes about a target a request delivers the owed pushes of. Pushes of older writes are rarely still owed, and the
 * scheduled handler delivers all of them.
 */
export const RECENT_WRITES_MAX = 100;

/** How long the progress of a change can be queried. */
export const CHANGE_AGE = 7 * 86_400;

/**
 * How long the identifier of a deleted resource server is reserved: the longest lifetime of a token, and an hour for clocks that differ and
 * for a gate that issued its last token between two runs of the scheduled handler.
 */
export const RESERVATION_AGE = ACCESS_TOKEN_TTL_MAX + 3600;

/** The rest of a reservation below which it is extended if a gate is still owed the deletion. Half of the hour above is left then. */
export const RESERVATION_EXTENDED_BELOW = RESERVATION_AGE - 1800;

/** The most resource servers of older code whose identifiers one run of the scheduled handler brings into comparable form. */
export const IDENTIFIERS_PER_RUN = 1000;

/** The most secrets of older code whose organization one run of the scheduled handler stores: each is up to eight written rows. */
export const SECRETS_PER_RUN = 2000;

/** The most rows of a table that one run of the scheduled handler purges. It runs every minute. */
export const PURGE_ROWS = 5000;

/**
 * If at most so many clients have a property that no index has in the order of a list, the list checks and sorts these; otherwise it walks
 * all clients in its order until the page is full.
 */
export const FEW_CLIENTS = 1000;

/** The most clients that a list checks for one page: ten times the largest page. A page costs some 5,000 rows read at most. */
export const CLIENTS_SCANNED_MAX = 1000;

/**
 * Clients of one organization that a workload's token can find at one key of the index. What they hold stays in an isolate's memory: up to
 * 64 KiB each, so 6 MB of its 128 MB.
 */
export const WORKLOADS_PER_KEY_MAX = 100;

/** Webhooks of one organization, and of the instance. Each event becomes a row for each of them, in the transaction of its change. */
export const WEBHOOKS_PER_OWNER = 20;

/** How long before its end a secret counts as expiring. */
export const SECRET_EXPIRY_NOTICE = 7 * 86_400;

/** The most expiring secrets that one run of the scheduled handler reports. */
export const EXPIRING_SECRETS_PER_RUN = 500;

/**
 * How long before its end a value of an API key counts as expiring, as in the command line: time to ask a holder of a key that may move the
 * end.
 */
export const API_KEY_EXPIRY_NOTICE = 14 * 86_400;

/** The most values of API keys whose ends one run of the scheduled handler reports. */
export const EXPIRING_API_KEYS_PER_RUN = 500;

/** How long before its end a client counts as expiring: time to ask its owner. */
export const CLIENT_EXPIRY_NOTICE = 14 * 86_400;

/** The most expiring clients that one run of the scheduled handler reports. */
export const EXPIRING_CLIENTS_PER_RUN = 500;

/** How long the deliveries of webhooks are kept: longer than an event is tried again, so that a failure can be looked into. */
export const WEBHOOK_DELIVERY_AGE = 30 * 86_400;

/** How long a revocation stays in D1 after it has expired: verifiers may tolerate clocks that differ by so much. */
export const LIVE_REVOCATION_GRACE = 300;

/** How many bytes of the SHA-256 of an id a hash of the revocation feed has: as many as a random id. Verifiers know the number. */
export const FEED_HASH_BYTES = 16;

/** The deadline of D1 for the revocation feed. After it, the isolate serves what it has. */
export const FEED_DEADLINE_MS = 2000;

/** How many clients a day's list of those with the most requests has: as many as a page. A flush rewrites the list, 20 KB if it is full. */
export const TOP_CLIENTS = 100;

/**
 * After so many resource servers of a day, an organization's or the instance's counts of further ones are one sum. A flush rewrites them.
 */
export const RESOURCE_SERVERS_PER_DAY = 200;

/** The most rows of older code that one run of the scheduled handler moves to the usage by day: 100 KB of one bound parameter. */
export const USAGE_ROWS_PER_RUN = 1000;

/** How often the quota of an organization is compared with its usage, seconds, and of how many in one run of the scheduled handler. */
export const QUOTA_CHECK_INTERVAL = 600;
export const QUOTA_CHECKS_PER_RUN = 50;

/** How long gates may take to tell D1 of issued tokens, seconds: `USAGE_FLUSH_MAX` of the gates, and ten minutes until the next check. */
export const QUOTA_USAGE_LAG = 4200;

/** How long a one-time link to the console is kept after its end, so that an error can say that it was used or has expired. */
export const CONSOLE_LINK_AGE = 86_400;
