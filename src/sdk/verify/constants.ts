/** The `typ` of access tokens ([RFC 9068 section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)). */
export const TOKEN_TYPES = ['at+jwt', 'application/at+jwt'] as const;

/** The accepted signature algorithms: all of jose's with a public key. A symmetric one would make every verifier an issuer. */
export const TOKEN_ALGS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
] as const;

/** The algorithms of DPoP proofs, which every runtime verifies. */
export const PROOF_ALGS = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] as const;

/** By how much clocks may differ, in seconds. */
export const CLOCK_TOLERANCE = 5;

/** The largest tolerance, in seconds. Revocations are remembered for that much longer than tokens last. */
export const CLOCK_TOLERANCE_MAX = 60;

/** The longest token that is read, in characters. Headers of common servers end at 16 KiB. */
export const TOKEN_LENGTH_MAX = 16_384;

/** The ages between which keys are fetched again, in milliseconds. The `max-age` of their answer counts only between them. */
export const KEYS_REFRESH_MS = { min: 60_000, max: 600_000 } as const;

/** The age at which keys are fetched again if their answer has no `max-age`, in milliseconds. */
export const KEYS_REFRESH_DEFAULT_MS = 300_000;

/** The age up to which keys are used while the server is down, in milliseconds. */
export const KEYS_AGE_MAX_MS = 86_400_000;

/** The least time between two fetches for the sake of an unknown `kid`, in milliseconds. */
export const UNKNOWN_KID_INTERVAL_MS = 30_000;

/** The most keys of a set that are read. */
export const KEYS_MAX = 100;

/** The most keys that are tried for one token: a token without `kid` may fit several. */
export const KEYS_TRIED_MAX = 4;

/** How old a DPoP proof may be, and how far in the future, in seconds, besides the tolerance. */
export const PROOF_AGE = 60;

/** The longest `jti` of a proof, in characters. */
export const PROOF_ID_LENGTH_MAX = 256;

/** The most proofs that a process remembers. One that fits no more is refused with 503. */
export const PROOFS_MAX = 100_000;

/** The lifetime of a nonce, in seconds. A new one is offered after half of it. */
export const NONCE_LIFETIME = 300;

/** How long the answer of an introspection is used again, in seconds. */
export const INTROSPECTION_AGE = 5;

/** The most answers of introspections that a process remembers. */
export const INTROSPECTIONS_MAX = 10_000;

/** `Retry-After` in seconds if nothing better is known. */
export const RETRY_AFTER = 5;

/** How long a client may cache the metadata of a protected resource, in seconds. */
export const METADATA_MAX_AGE = 3600;
