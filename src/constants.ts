// Numbers that several folders share. Each folder's own numbers are in its `constants.ts`. Times are in seconds unless the name says
// otherwise.

/** The largest body an OAuth endpoint reads. A request for a thousand scopes of usual length fits. */
export const OAUTH_BODY_LIMIT_BYTES = 16 * 1024;

/** The longest client_id, in characters. */
export const CLIENT_ID_LENGTH_MAX = 200;

/** How long a store may take to answer before it counts as unavailable. */
export const STORE_DEADLINE_MS = 5000;

/**
 * The longest wait before a gate tries again to insert revocations into D1 for the feed. The feed calls itself complete only as of a moment
 * that lies further back.
 */
export const FEED_RETRY_MAX = 30;

/** The longest issued token, in characters. It must fit into a body together with the credentials of its introspection or revocation. */
export const ACCESS_TOKEN_LENGTH_MAX = OAUTH_BODY_LIMIT_BYTES - 1024;

/** The lifetime of an access token if neither its client nor its resource server sets one. */
export const ACCESS_TOKEN_TTL_DEFAULT = 3600;

/** The longest lifetime of an access token. */
export const ACCESS_TOKEN_TTL_MAX = 86_400;

/** The longest lifetime of an access token under the strict profile. FAPI 2.0 gives no figure. */
export const STRICT_ACCESS_TOKEN_TTL_MAX = 900;

/** The longest lifetime of a client's own assertions, unless the client sets another. Client libraries choose one to five minutes. */
export const ASSERTION_LIFETIME_DEFAULT = 300;

/** The highest limit that a client can set for its assertions: Authlib's live an hour. */
export const ASSERTION_LIFETIME_LIMIT = 3600;

/** How far an `iat` may be ahead of this clock: gates and edges are different machines. */
export const CLOCK_SKEW = 60;

/** How long an isolate caches that a client_id does not exist. */
export const UNKNOWN_CLIENT_AGE = 5;

/** How long an isolate caches an introspection caller's checked credential, and a resource server's introspection mode. */
export const CALLER_AGE = 10;

/** How long verifiers may cache the JWKS. A next key is published for longer than this plus the ring's lease before it signs. */
export const JWKS_MAX_AGE = 600;

/** The size of generated RSA keys, in bits: the minimum of RFC 7518 section 3.3. */
export const RSA_MODULUS_BITS = 2048;

/** How old the stored last use of a secret or an API key may be before a new use is recorded. */
export const LAST_USED_PRECISION = 3600;

/** The most gates that a management write waits for. A write that affects more is answered 202 and continues in the background. */
export const PUSHES_PER_REQUEST = 500;

/** The longest grace period, after which a rotated secret expires. */
export const GRACE_MAX = 90 * 86_400;

/** How long the answer to a request with an `Idempotency-Key` is stored. */
export const IDEMPOTENCY_AGE = 86_400;

/** How long audit events are kept. */
export const AUDIT_AGE = 365 * 86_400;

/**
 * How long counts may be missing in D1 and so in the sums of all clients, unless D1 fails: as long as a gate waits with them, and a minute
 * for its alarm.
 */
export const USAGE_LAG = 3660;

/** How long usage is kept. */
export const USAGE_AGE = 31 * 86_400;
