/**
 * The shares of its lifetime between which a token is renewed. Late enough that few tokens are wasted, and early enough that an outage of a
 * tenth of the lifetime goes unnoticed. The span between them keeps a fleet out of step.
 */
export const RENEWAL_SHARES = { from: 0.6, to: 0.9 } as const;

/** The least part of its own period after which a first token is renewed, so that no token is renewed at once. */
export const FIRST_RENEWAL_MIN = 0.1;

/**
 * Milliseconds before its end from which on a token is not handed out: servers count in whole seconds. Of a very short lifetime it is a tenth.
 */
export const END_MARGIN_MS = 1000;

/** The lifetime of a token whose answer does not say it, in seconds (RFC 6749 section 5.1 permits that). */
export const DEFAULT_LIFETIME = 300;

/** How long a call waits for a token, in milliseconds, through all attempts. */
export const WAIT_MS = 30_000;

/** After a refusal that waiting does not help, milliseconds until the server is asked again. It doubles with each further refusal. */
export const REFUSAL_HOLD_MS = 10_000;

/** The longest such hold, in milliseconds. */
export const REFUSAL_HOLD_MAX_MS = 300_000;

/** The least time between two tokens that are fetched because an API refused the one before, in milliseconds. */
export const REPLACEMENT_INTERVAL_MS = 30_000;

/** The lifetime of a client assertion, in seconds: the shortest limit of a server is 60. */
export const ASSERTION_LIFETIME = 60;

/** The most servers whose DPoP nonces are remembered. */
export const NONCES_MAX = 100;

/** Milliseconds after which the lease of a shared store ends if its holder does not release it. Longer than one token request. */
export const LEASE_MS = 15_000;

/** How often a process looks into the shared store while another one has the lease, in milliseconds. */
export const STORE_POLL_MS = 200;

/** Milliseconds after which a call of the shared store is given up. */
export const STORE_TIMEOUT_MS = 2000;

/**
 * By how much the machine's clock may be wrong, in milliseconds. A stored token is judged by that clock only while the server's time cannot be
 * had.
 */
export const CLOCK_ERROR_MS = 900_000;
