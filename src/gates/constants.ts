/** Attempts from one address about one client that may be under way, or have failed lately, before others are held back. */
export const ATTEMPTS_PER_ADDRESS = 20;

/** The same about one client from all addresses together, in one isolate. */
export const ATTEMPTS_PER_SUBJECT = 100;

/** How long failures count, and how long an address that failed too often is refused. */
export const ATTEMPTS_WINDOW = 60;

/** How long a credential that passed is known to have passed, and skips the filter. It is still checked by the gate. */
export const PROVEN_CREDENTIAL_AGE = 3600;

/** How long the fingerprints that a gate handed out after a failure tell which credentials are worth asking it about. */
export const FINGERPRINT_AGE = 5;

/** How long an attempt that is held back waits for a gate's fingerprints before it is told to come again. */
export const ATTEMPT_WAIT_MS = 1000;

/** How often an attempt that waits looks again. */
export const ATTEMPT_POLL_MS = 10;

/** Gates that are handed their records at once: as many records are read from D1 in one batch. */
export const PUSHES_AT_ONCE = 25;

/**
 * Pushes that the scheduled handler makes in one run, as far as they are owed: `PUSHES_AT_ONCE` of them take 14 statements, of which the
 * platform allows D1 a thousand in a run.
 */
export const PUSHES_PER_RUN = 1500;

/** How long one run goes on with them: the next begins after a minute. */
export const PUSHES_TIME = 45;
