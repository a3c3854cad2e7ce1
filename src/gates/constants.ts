// The Rate Limiting binding counts failures beyond one isolate. Its limit is in wrangler.toml, 20 in 60 s for one (address, client_id), and
// must be the same as ATTEMPTS_PER_ADDRESS and ATTEMPTS_WINDOW.

/** Attempts from one address about one client that may be under way, or have failed within the window, before others are held back. */
export const ATTEMPTS_PER_ADDRESS = 20;

/** The same limit for one client and all addresses together, in one isolate. */
export const ATTEMPTS_PER_SUBJECT = 100;

/** How long failures count, and how long an address with too many of them is held back, seconds. */
export const ATTEMPTS_WINDOW = 60;

/** How long a credential that passed skips the filter, seconds. The gate still checks it. */
export const PROVEN_CREDENTIAL_AGE = 3600;

/** How long the fingerprints that a gate returned with a failure decide which credentials it is asked about, seconds. */
export const FINGERPRINT_AGE = 5;

/** How long an attempt that is held back waits for a gate's fingerprints before it is refused, milliseconds. */
export const ATTEMPT_WAIT_MS = 1000;

/** How often a waiting attempt checks whether it may go on, milliseconds. */
export const ATTEMPT_POLL_MS = 10;

/** How many gates are pushed to at once. Their records are read from D1 in one batch. */
export const PUSHES_AT_ONCE = 25;

/**
 * How many owed pushes the scheduled handler makes in one run. `PUSHES_AT_ONCE` of them take 14 statements, and the platform allows a
 * thousand D1 statements in a run.
 */
export const PUSHES_PER_RUN = 1500;

/** How long one run makes pushes, seconds. The next run starts a minute after it. */
export const PUSHES_TIME = 45;
