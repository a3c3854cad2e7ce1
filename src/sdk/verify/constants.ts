/** The `typ` of access tokens ([RFC 9068 section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)). */
export const TOKEN_TYPES = ['at+jwt'] as const;

/** The algorithms of DPoP proofs, which every runtime verifies. */
export const PROOF_ALGS = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] as const;

/** By how much clocks may differ, in seconds. */
export const CLOCK_TOLERANCE = 5;

/** The largest tolerance, in seconds. Revocations are remembered for that much longer than tokens last. */
export const CLOCK_TOLERANCE_MAX = 60;

/** The longest token that is read, in characters. Headers of common servers end at 16 KiB. */
export const TOKEN_LENGTH_MAX = 16_384;

/** The bounds of the age at which keys are fetched again in the background, in milliseconds, for every `max-age` of their answer. */
export const KEYS_REFRESH_MS = { min: 60_000, max: 300_000 } as const;

/** The age at which keys are fetched again if their answer has no `max-age`, in milliseconds. */
export const KEYS_REFRESH_DEFAULT_MS = 300_000;

/**
 * The age from which on keys are fetched again before they are used, in milliseconds, as after a night without requests: a key that the server
 * removed is refused after it. If that fails once, nobody waits for the next attempts.
 */
export const KEYS_WAIT_MS = 600_000;

/**
 * The age up to which keys are used while the server is down, in milliseconds. No token of Edgemint lasts longer, so after it there is nothing
 * to verify.
 */
export const KEYS_AGE_MAX_MS = 86_400_000;

/** The least time between two fetches for the sake of an unknown `kid`, in milliseconds. */
export const UNKNOWN_KID_INTERVAL_MS = 30_000;

/** The most keys of a set that are read. */
export const KEYS_MAX = 100;

/** The most keys that are tried for one token: a token without `kid` may fit several. */
export const KEYS_TRIED_MAX = 8;

/** How old a DPoP proof may be, in seconds, besides the tolerance. */
export const PROOF_AGE = 60;

/** How far in the future a DPoP proof may be, in seconds, besides the tolerance: clocks of clients are often wrong. */
export const PROOF_AHEAD = 30;

/** The longest DPoP proof that is read, in characters. One with an RSA key of 4096 bits has half of it. */
export const PROOF_LENGTH_MAX = 8192;

/** The most proof keys that stay imported: a client sends the same key with each proof. */
export const PROOF_KEYS_MAX = 1000;

/** The longest `jti` of a proof, in characters. */
export const PROOF_ID_LENGTH_MAX = 256;

/** The most used proofs that a process remembers: about 20 MB. */
export const PROOFS_MAX = 100_000;

/** The least number of proofs that are forgotten at once when the memory is full, so that the search for the busiest key is rare. */
export const PROOFS_FORGOTTEN_MIN = 1000;

/** For how many seconds a nonce is offered. It is accepted for as long again. */
export const NONCE_PERIOD = 150;

/** How long the answer of an introspection is used again, in seconds. */
export const INTROSPECTION_AGE = 5;

/** The most answers of introspections that a process remembers. */
export const INTROSPECTIONS_MAX = 10_000;

/** How many introspections must fail in a row before the server is given a pause. */
export const INTROSPECTION_FAILURES = 3;

/** The longest such pause, in milliseconds, unless the server asks for another. Tokens without a known answer get 503 meanwhile. */
export const INTROSPECTION_PAUSE_MAX_MS = 5000;

/** The least bits of an RSA key ([RFC 7518 section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)). */
export const RSA_BITS_MIN = 2048;

/** `Retry-After` in seconds if nothing better is known. */
export const RETRY_AFTER = 5;

/** How long a client may cache the metadata of a protected resource, in seconds. */
export const METADATA_MAX_AGE = 3600;
