// The Rate Limiting binding FAILED_ATTEMPTS counts failures beyond one isolate. Its limit is in wrangler.toml, 20 in 60 s for one key, and
// must be the same as ATTEMPTS_PER_ADDRESS and ATTEMPTS_WINDOW.

/**
 * How many attempts of one address may fail within the window before each further failure is answered as too many; and how many checks
 * about one client, or look-ups of ids that may be invented, may be under way or have failed before others are held back. One number for
 * all three: otherwise the step from 401 to 429 would reveal which ids exist.
 */
export const ATTEMPTS_PER_ADDRESS = 20;

/** How many checks about one client may be under way or have failed within the window, from all addresses together, in one isolate. */
export const ATTEMPTS_PER_SUBJECT = 100;

/** How long failures count, and how long an address with too many of them is held back, seconds. */
export const ATTEMPTS_WINDOW = 60;

/** How many tallies an isolate keeps of addresses, and how many of clients. Tallies that hold somebody back do not count. */
export const TALLIES_MAX = 10_000;

/** How long a credential that passed skips the filter, seconds. The gate still checks it. */
export const PROVEN_CREDENTIAL_AGE = 3600;

/** How long the fingerprints that a gate returned with a failure decide which credentials it is asked about, seconds. */
export const FINGERPRINT_AGE = 5;

/** How long an attempt that is held back waits for a gate's fingerprints before it is refused, milliseconds. */
export const ATTEMPT_WAIT_MS = 1000;

/** How often a waiting attempt checks whether it may go on, milliseconds. */
export const ATTEMPT_POLL_MS = 10;

// The Rate Limiting binding CLIENT_LOOK_UPS counts look-ups beyond one isolate. Its limit is in wrangler.toml: 1,200 queries in 60 s at one
// location, those of five isolates that do nothing else.

/** The least time from the start of one query for ids that may be invented to the next, milliseconds: 240 queries a minute at most. */
export const LOOK_UP_INTERVAL_MS = 250;

/** The most ids that one query looks up. As many may wait for the next query; an isolate thus looks up 24,000 ids a minute at most. */
export const LOOK_UPS_PER_QUERY = 100;

/** How long D1 may take for a look-up. Then the client's gate is asked, which has its record if the client was ever served. */
export const LOOK_UP_DEADLINE_MS = 2000;

/** How many gates an isolate asks in a minute because D1 did not answer a look-up. */
export const GATES_ASKED_WITHOUT_D1 = 100;

/** How long an isolate makes no look-ups after its location used up its share, seconds. */
export const LOOK_UP_BACK_OFF = 5;

/** How many gates are pushed to at once. Their records are read from D1 in one batch. */
export const PUSHES_AT_ONCE = 25;

/**
 * How many owed pushes the scheduled handler makes in one run. `PUSHES_AT_ONCE` of them take 14 statements, and the platform allows a
 * thousand D1 statements in a run.
 */
export const PUSHES_PER_RUN = 1500;

/** How long one run makes pushes, seconds. The next run starts a minute after it. */
export const PUSHES_TIME = 45;

/**
 * The longest list of scopes, in characters, that the introspection of a token tells the token's gate. Of a longer one it is told nothing.
 */
export const INTROSPECTED_SCOPES_LENGTH_MAX = 4096;
