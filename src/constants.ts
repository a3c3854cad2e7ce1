/** Every number that the service lives by. Times are in seconds unless the name says otherwise. */

// Requests

/** The largest body an OAuth endpoint reads. A request for a thousand scopes of usual length fits. */
export const OAUTH_BODY_LIMIT_BYTES = 16 * 1024;
/** The largest body a management endpoint reads: a resource server with its thousand described scopes fits. */
export const MANAGEMENT_BODY_LIMIT_BYTES = 1024 * 1024;
/** The longest client_id that there can be, in characters. */
export const CLIENT_ID_LENGTH_MAX = 200;
/** What a client is told to wait for when a store could not answer. */
export const STORE_RETRY_AFTER = 2;
/** A store that has not answered after this is treated as gone. */
export const STORE_DEADLINE_MS = 5000;

// Tokens

/** The longest token that is issued: in a form, beside the credentials that introspect or revoke it, it must fit into a body. */
export const ACCESS_TOKEN_LENGTH_MAX = OAUTH_BODY_LIMIT_BYTES - 1024;
/** The custom claims of a client, as JSON in UTF-8. */
export const CLAIMS_LIMIT_BYTES = 4096;
/** The `claims` of a token request, in UTF-8, how many they may be, and how long a text among them, in UTF-16 code units. */
export const REQUESTED_CLAIMS_LIMIT_BYTES = 1024;
export const REQUESTED_CLAIMS_MAX = 20;
export const REQUESTED_CLAIM_LENGTH_MAX = 200;

export const ACCESS_TOKEN_TTL_DEFAULT = 3600;
export const ACCESS_TOKEN_TTL_MIN = 60;
export const ACCESS_TOKEN_TTL_MAX = 86_400;
/** How far ahead of this clock an `iat` may lie: gates and edges are different machines. */
export const CLOCK_SKEW = 60;

// What clients sign: assertions and proofs

/** How many seconds the clocks of those who sign them may be off. */
export const SIGNER_CLOCK_SKEW = 30;
/** How long an assertion may be good for: client libraries make theirs for one to five minutes. */
export const ASSERTION_LIFETIME_MAX = 300;
/** How long a token of another issuer may be good for: Kubernetes gives them for an hour, and for a day where it is asked. */
export const FEDERATED_LIFETIME_MAX = 86_400;
/** How long after it was made a DPoP proof is taken, the skew included. */
export const DPOP_PROOF_AGE = 60;
/** A DPoP nonce is of a step of so many seconds, and is taken in so many steps, its own being the first. */
export const DPOP_NONCE_STEP = 60;
export const DPOP_NONCE_STEPS = 5;
/** The longest `jti`, in UTF-16 code units. */
export const JTI_LENGTH_MAX = 200;
/** The longest DPoP header, in characters: a proof of an RSA key fits. */
export const DPOP_HEADER_MAX = 4096;
/** How many used ids a gate keeps in one row, and how often it looks in its memory for those that have expired. */
export const SPENT_IDS_PER_ROW = 32;
export const REPLAY_SWEEP_INTERVAL = 60;

// The strict profile. FAPI 2.0 names no figures for these.

/** How long an assertion may be good for. */
export const STRICT_ASSERTION_LIFETIME_MAX = 60;
/** How long an access token is good for at most, whatever its client and resource server say. */
export const STRICT_ACCESS_TOKEN_TTL_MAX = 900;

// Keys and identities that are registered for a client

/** Keys of one JWK Set, and how long it may be, as JSON. */
export const REGISTERED_KEYS_MAX = 20;
export const REGISTERED_KEYS_BYTES_MAX = 32 * 1024;
/** Workloads of other issuers, and how long they may be in all, as JSON: they are part of the record that a gate keeps in one row of 2 MB at most. */
export const FEDERATED_IDENTITIES_MAX = 20;
export const FEDERATED_IDENTITIES_BYTES_MAX = 64 * 1024;
/** Claims that one of them asks for, and values of which one is enough. */
export const CLAIM_CONDITIONS_MAX = 20;
/** Members of a claim that is a list of which one may be what a condition asks for; those beyond are not looked at. */
export const LISTED_CLAIMS_MAX = 200;

// Secrets that clients bring along

/** How many random bits one must be worth: the least that [NIST SP 800-131A](https://doi.org/10.6028/NIST.SP.800-131Ar2) lets keys have. */
export const SECRET_BITS_MIN = 112;
/** Different characters of one: of 32 random hexadecimal digits fewer are different about once in 10 million times. */
export const SECRET_DIFFERENT_MIN = 8;

// Rate limit of a client's token requests, where the client names none

export const RATE_LIMIT_PER_MINUTE_DEFAULT = 600;
export const RATE_LIMIT_BURST_DEFAULT = 100;
export const RATE_LIMIT_MAX = 1_000_000;
/** A gate writes ahead this share of the burst, so that an eviction loses at most as much. */
export const RESERVED_SHARE_OF_BURST = 0.1;

// Failed authentications. The limit of the Rate Limiting binding stands in wrangler.toml: 20 in 60 s for one (address, client_id).

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

/** How soon a request that waits for what another has begun looks whether that has ended; then ever later, up to the maximum. */
export const SHARED_WORK_POLL_MS = 1;
export const SHARED_WORK_POLL_MAX_MS = 50;

// Isolate memory

/** How long an isolate believes that a client_id does not exist. */
export const UNKNOWN_CLIENT_AGE = 5;
/**
 * How long an isolate goes by what it knows of how a client authenticates, where a credential does not fit that and many have failed: so
 * often it asks the gate once more.
 */
export const AUTHENTICATION_AGE = 5;
/** Of how many clients an isolate knows that, and up to what length of it as JSON; and of how many more with a longer one. */
export const KNOWN_AUTHENTICATIONS = 2000;
export const KNOWN_AUTHENTICATION_LENGTH = 4096;
export const KNOWN_LONG_AUTHENTICATIONS = 100;
/** Keys of DPoP proofs that an isolate keeps imported. */
export const KNOWN_PROOF_KEYS = 1000;
/** How long an isolate believes that an API key which was once ours is no more. */
export const UNKNOWN_KEY_AGE = 5;
/** How long D1 has to tell how a resource server wants its tokens introspected, before the stronger way is taken. */
export const STRENGTH_DEADLINE_MS = 1000;
/** How long an introspection caller's checked credential is believed, and how a resource server wants to be answered. */
export const CALLER_AGE = 10;
/** Entries of any one memory in an isolate; the oldest goes first. */
export const MEMORY_ENTRIES = 10_000;

// Keys

/** How long verifiers may cache the JWKS. A key that rotates in is published for longer than this, and the lease, before it signs. */
export const JWKS_MAX_AGE = 600;
/** How long an isolate uses the key ring that it read. */
export const KEY_RING_LEASE = 60;
/** From this age on the ring is read again in the background. */
export const KEY_RING_RENEWAL_AGE = 30;
/** How long D1 has to hand out the key ring before the copy in KV is taken. */
export const KEY_RING_DEADLINE_MS = 2000;
/** How long a request waits for a ring that another reads, or makes: both stores may be asked, and RSA keys take their time. */
export const KEY_RING_PATIENCE_MS = 15_000;
/** From this age on a ring that was read from the copy in KV is read again: D1 may be back. */
export const KEY_RING_COPY_RENEWAL_AGE = 5;
/** How far the copy in KV may lag behind D1: until the scheduled handler has looked, and until KV has it everywhere. */
export const KEY_RING_COPY_LAG = 120;
/** How long an active key signs before another takes its place, where `SIGNING_KEY_MAX_AGE` does not say. */
export const SIGNING_KEY_MAX_AGE_DEFAULT = 30 * 86_400;
/** The least that it may say: longer than a key is published before it signs. */
export const SIGNING_KEY_MAX_AGE_MIN = 3600;
export const SIGNING_KEY_MAX_AGE_MAX = 366 * 86_400;
/** How long KV remembers a key that was revoked in an emergency: far longer than any copy lags. */
export const REVOKED_KEY_AGE = 30 * 86_400;
/** How long nobody asks the stores for the ring again that they did not give. */
export const KEY_RING_RETRY_AFTER = 1;
/** For how long after a key took over an emergency must name which one is compromised: it may have been the one before. */
export const TAKEOVER_AGE = KEY_RING_COPY_LAG + KEY_RING_LEASE;
/** RFC 7518 section 3.3 asks for 2048 bits at least. */
export const RSA_MODULUS_BITS = 2048;
/** How long the metadata document may be cached. */
export const METADATA_MAX_AGE = 3600;

// Documentation

/** How long the OpenAPI document, and the page that shows it, may be cached. */
export const DOCUMENTATION_MAX_AGE = 600;

// Revocations

/** KV refuses an expiry that is nearer than this. */
export const KV_EXPIRY_MIN = 60;
/** What a gate owes to KV or D1, and they did not take, is tried again after this at most, doubling up to the maximum. */
export const OUTBOX_RETRY_MIN = 1;
export const OUTBOX_RETRY_MAX = 60;
/** After it was tried in vain and then delivered, it is delivered again after this: what hung until now must not stand in its place. */
export const OUTBOX_AGAIN = 120;
/** How much of that a gate delivers in one alarm, and how much at once: no more than the platform opens connections. */
export const DELIVERIES_PER_ALARM = 100;
export const DELIVERIES_AT_ONCE = 6;

/** Revocations of expired tokens are forgotten this often at most, many at once. */
export const PURGE_INTERVAL = 600;

/**
 * The longest that an admission waits to be past a cut-off: one second and what the gate's clock may have gone back. With a clock further
 * behind nothing is issued.
 */
export const CUT_OFF_WAIT_MAX_MS = 2000;

// What a gate knows of its client's activity. Spans of which one is drawn by chance keep gates from acting all at once.

/** How stale the last use of a secret may be in a gate's storage. */
export const LAST_USED_PRECISION = 3600;
/** How long counts may be in memory alone: less than the ten idle seconds after which a gate may be evicted. */
export const ACTIVITY_PERSIST_MIN = 4;
export const ACTIVITY_PERSIST_MAX = 8;
/** How long counts may be missing in D1. */
export const USAGE_FLUSH_MIN = 300;
export const USAGE_FLUSH_MAX = 600;
/** Each time that D1 does not take them doubles the wait, up to this often. */
export const USAGE_FLUSH_DOUBLINGS_MAX = 3;
/** How many hours back a gate keeps what D1 has not taken. */
export const USAGE_HOURS_KEPT = 48;

// Management

/** The most gates that a request waits for after its change. One that touches more is answered 202, and goes on by itself. */
export const PUSHES_PER_REQUEST = 500;
/** Gates that are handed their records at once: as many records are read from D1 in one batch. */
export const PUSHES_AT_ONCE = 25;
/**
 * Pushes that the scheduled handler makes in one run, as far as they are owed: `PUSHES_AT_ONCE` of them take 14 statements, of which the
 * platform allows D1 a thousand in a run.
 */
export const PUSHES_PER_RUN = 1500;
/** How long one run goes on with them: the next begins after a minute. */
export const PUSHES_TIME = 45;
/**
 * The last writes about a target that a later one makes up for: one that is owed to a gate is seldom older than the last, and the scheduled
 * handler finishes all of them.
 */
export const WRITES_LOOKED_AT = 100;
/** How long a secondary secret must go unused before it is called safe to delete: a day, and no token lasts longer. */
export const SECRET_QUIET_TIME = Math.max(86_400, ACCESS_TOKEN_TTL_MAX);
/** How old a secret must be that a client made itself and nobody has used, before the client may make another in its place. */
export const ROTATION_RETRY_AFTER = 60;
/** And how old at most: an older one has more likely been kept than lost. */
export const ROTATION_RETRY_UNTIL = 900;
/** The shortest grace that a client gives its own old secret: it needs that one where the new one was lost. */
export const OWN_GRACE_MIN = 5 * ROTATION_RETRY_AFTER;
/** The longest grace after which an old secret stops by itself. */
export const GRACE_MAX = 90 * 86_400;
/** How long the answer to a request with an `Idempotency-Key` is kept for those that are sent again. */
export const IDEMPOTENCY_AGE = 86_400;
/** How long audit events are kept. */
export const AUDIT_AGE = 365 * 86_400;
/** How long usage by hour is kept. */
export const USAGE_AGE = 31 * 86_400;
/** How long a change that went on after its answer can be asked about. */
export const CHANGE_AGE = 7 * 86_400;
/** Rows that one purge of the scheduled handler deletes from a table, many a minute. */
export const PURGE_ROWS = 5000;
/** Scopes of a resource server, and of a grant. */
export const SCOPES_MAX = 1000;
/** Grants of a role or client, how long they may be by identifier, as JSON, and resource servers that a client introspects for. */
export const GRANTS_MAX = 100;
export const GRANTS_BYTES_MAX = 32 * 1024;
/** Roles of a client. Their grants, and its own, make the record that its gate keeps in one row of 2 MB at most. */
export const ROLES_MAX = 50;
/** Levels of nested JSON. */
export const JSON_DEPTH_MAX = 8;
/** How many of those that would be orphaned are named. */
export const ORPHANS_SHOWN = 100;
/** How many errors are named: a body can be wrong in more places than its sender wants to read, or we to send. */
export const ERRORS_SHOWN = 100;
/** How often a write that others got ahead of is begun anew. */
export const STALE_ATTEMPTS = 5;
/** Clients with a wanted role or resource server that a search checks one by one; of more it walks all by name. */
export const FEW_CLIENTS = 1000;
/** Items of a list where the request names no limit, and at most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;

// Health

/** How long the answer of a store's probe is given again. */
export const HEALTH_PROBE_AGE = 5;

// Remote keys

/** What a client is told to wait for whose keys elsewhere could not be had. */
export const REMOTE_RETRY_AFTER = 5;
/** The largest document that is read from elsewhere, after decompression: twenty RSA keys with a certificate each fit. */
export const REMOTE_BODY_LIMIT_BYTES = 64 * 1024;
/** How long one may take, from the request to the last byte. */
export const REMOTE_DEADLINE_MS = 3000;
/** How long a request waits for keys that are being asked for: an issuer is asked for two documents, one after the other. */
export const REMOTE_PATIENCE_MS = 2 * REMOTE_DEADLINE_MS + 1000;
/** The longest URL that is fetched, in characters. */
export const REMOTE_URL_LENGTH_MAX = 2048;
/** From this age on keys are asked for again, in the background. */
export const REMOTE_KEYS_FRESH = 600;
/** From this age on a request waits for them. */
export const REMOTE_KEYS_LEFT_OVER = 2 * REMOTE_KEYS_FRESH;
/** How long keys are believed whose source does not answer any more. */
export const REMOTE_KEYS_STALE_MAX = 6 * 3600;
/** How often at most a source is asked for a key that it did not have. */
export const REMOTE_KEYS_REFETCH_MIN = 10;
/** How long a source that failed is left alone, doubling with each failure up to the maximum; chance adds up to half as much again. */
export const REMOTE_BACK_OFF_MIN = 1;
export const REMOTE_BACK_OFF_MAX = 60;
/** Keys of a set that are looked at; those beyond are as if they were not there. */
export const REMOTE_KEYS_MAX = 50;
/** Keys with which one signature is tried: where none is named, or several have the same name. */
export const REMOTE_KEYS_TRIED = 4;
/** Sources that an isolate remembers, each with no more than fits into a document. */
export const REMOTE_SOURCES_MAX = 500;
