/** How many used ids a gate keeps in one row. Requests that arrive together may put more into it. */
export const SPENT_IDS_PER_ROW = 32;

/**
 * How many uses within `BUSY_INTERVAL` seconds make a gate busy. It then stops writing a row for each. A gate below that writes each use,
 * so a kill loses none of them, and no request is refused for it.
 */
export const BUSY_USES = 64;
export const BUSY_INTERVAL = 60;

/**
 * The length of a window of `iat` for which a busy gate writes no ids, seconds. It writes about one row in this time. If it is killed, the
 * client's new assertions are refused until the window ends.
 */
export const REPLAY_WINDOW = 4;

/** How many windows a gate has open: one for each group of the client's machines whose clocks agree, and one that just ended. */
export const OPEN_WINDOWS_MAX = 16;

/** How many uses a gate keeps in memory only. The row that then holds them is far below the platform's limit of 2 MB for a row. */
export const UNWRITTEN_USES_MAX = 256;

/** The longest `Retry-After` of an assertion or proof that may have been used, seconds. */
export const UNKNOWN_USE_RETRY_MAX = 60;

/** How often, at most, a gate looks for expired ids in its memory, seconds. */
export const REPLAY_SWEEP_INTERVAL = 60;

/** The share of the burst that a gate writes ahead. An eviction loses at most as much. */
export const RESERVED_SHARE_OF_BURST = 0.1;

/** The longest wait before a failed delivery is tried again, seconds: after the first failure, then doubling up to the maximum. */
export const OUTBOX_RETRY_MIN = 1;
export const OUTBOX_RETRY_MAX = 60;

/**
 * When a row that failed and was then delivered is delivered once more, seconds. A failed attempt may still be under way, and must not
 * have the last word.
 */
export const OUTBOX_AGAIN = 120;

/**
 * How old an audit event must be before the gate gives it up, if D1 refuses it, seconds. A week leaves time to deploy a fix that can insert
 * it; without an end, the gate would try again every minute for as long as it exists.
 */
export const REFUSED_EVENT_AGE = 7 * 86_400;

/** How many outbox rows one alarm delivers. */
export const DELIVERIES_PER_ALARM = 100;

/** How many revocations one alarm inserts for the feed, in one statement: 200 KB of JSON. */
export const FEED_ROWS_PER_ALARM = 1000;

/** How often an alarm that waits for slow stores looks for revocations that are due for the feed, milliseconds. */
export const FEED_PAUSE_MS = 500;

/**
 * How many audit events one alarm inserts one by one, if D1 does not take them together. Revocations that are made meanwhile wait for the
 * next alarm before they are copied to KV, and each insert may take up to `STORE_DEADLINE_MS`.
 */
export const SINGLE_INSERTS_PER_ALARM = 10;

/** How many KV entries an alarm writes at once: the platform allows six open connections. */
export const DELIVERIES_AT_ONCE = 6;

/** How often, at most, expired revocations and used ids are deleted, seconds, so that one purge deletes many rows. */
export const PURGE_INTERVAL = 600;

/**
 * The longest time that an admission waits until a token can be active, milliseconds: one second, in which the second of a cut-off ends,
 * and the same again for a clock that was set back or is behind. With a clock further back no token is issued.
 */
export const ISSUE_WAIT_MAX_MS = 2000;

/**
 * How many requests within how many seconds make a client busy. Only a busy client's counts wait for an alarm, which costs as much as three
 * rows: it is set, writes a row, and is set back to its next deadline.
 */
export const BUSY_REQUESTS = 2;
export const BUSY_WINDOW = 6;

// These waits are ranges: a random value keeps gates from acting at the same moment.

/**
 * How long counts of a busy client may be in memory only, seconds. The maximum is less than the ten idle seconds after which a gate may be
 * evicted, so that they are written before that. The minimum is more than `BUSY_WINDOW`: an alarm finds a client that has stopped not busy.
 */
export const ACTIVITY_PERSIST_MIN = 7;
export const ACTIVITY_PERSIST_MAX = 8;

/** How long a client's last use may be missing in D1, seconds. Lists show it from there. */
export const USE_FLUSH_MIN = 300;
export const USE_FLUSH_MAX = 600;

/**
 * How long counts may be missing in D1, seconds. With each last use, once an hour, D1 is told of all counts as well. The minimum and
 * `USE_FLUSH_MIN` are an hour together, so that the counts of a client in steady use cause no other flush.
 */
export const USAGE_FLUSH_MIN = 3300;
export const USAGE_FLUSH_MAX = 3600;

/** How long after a failed flush the gate tries again, seconds, and how often further failures double that wait, at most. */
export const FLUSH_RETRY_MIN = 600;
export const FLUSH_RETRY_MAX = 1200;
export const FLUSH_RETRY_DOUBLINGS_MAX = 2;

/** How many hours a gate tries to tell D1 of counts and of its client's last use. Then it forgets the counts. */
export const USAGE_HOURS_KEPT = 48;

/**
 * How many counts by hour and resource server a gate keeps; tokens for further ones are one count for each hour. A count takes 600 bytes of
 * its row at most, and usually 100: a client has a few resource servers, and D1 takes the counts of an hour within the next one.
 */
export const RESOURCE_COUNTS_MAX = 64;

/** How many refusals a gate keeps: of requests that prove to be the client's, and of others, at least half of it each. */
export const REFUSALS_MAX = 50;

/** How long a refusal is kept, seconds. It has the address of a machine, or of a stranger. */
export const REFUSAL_AGE = 7 * 86_400;

/**
 * The least time between two writes of the refusals, seconds. An eviction loses those of this time at most; less than the ten idle seconds
 * after which a gate may be evicted. A row has 60 KB at most: an edge bounds each refusal to about a kilobyte.
 */
export const REFUSALS_PERSIST = 8;

/** How many scopes that are not granted a gate names in its answer. */
export const UNGRANTED_SCOPES_MAX = 10;

export const HOUR_MS = 3_600_000;

/**
 * What the notes about the use of scopes may need in the meter's row, as JSON: about a thousand scopes at fifty resource servers with names
 * of usual length. What has no room shares one time, and no scope without a note is then called unused.
 */
export const SCOPE_NOTES_BYTES_MAX = 64 * 1024;

/** What the note of a resource server, and of a scope, needs besides its name: four or six numbers and what separates them. */
export const SERVER_NOTE_BYTES = 110;
export const SCOPE_NOTE_BYTES = 45;

/**
 * How long a gate holds scopes that are about to be taken from the client, milliseconds. D1 and then the push may each take
 * `STORE_DEADLINE_MS`; the rest is for the way.
 */
export const SCOPE_HOLD_MS = 12_000;

/** How often a token request that waits for such a hold looks again, and how long it waits before it is answered 503, milliseconds. */
export const SCOPE_HOLD_POLL_MS = 25;
export const SCOPE_HOLD_WAIT_MAX_MS = 2000;

/** How many scopes a gate names that were used although they should be taken from the client. */
export const USED_SCOPES_SHOWN = 20;

/**
 * How many notices of a quota a gate keeps for D1. A period has two, so these last for an outage of days. With the counts of the periods
 * they add at most 2 KB to the row.
 */
export const QUOTA_NOTICES_OWED_MAX = 8;
