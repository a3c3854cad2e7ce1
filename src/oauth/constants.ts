import { FEED_RETRY_MAX, STORE_DEADLINE_MS } from '../constants.ts';

// The numbers of the OAuth endpoints. Times are in seconds unless the name says otherwise.

// ── Requests ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The largest `claims` parameter of a token request, in bytes of UTF-8. */
export const REQUESTED_CLAIMS_LIMIT_BYTES = 1024;

/** The most claims that a token request may name. */
export const REQUESTED_CLAIMS_MAX = 20;

/** The longest string among requested claims, in UTF-16 code units. */
export const REQUESTED_CLAIM_LENGTH_MAX = 200;

// ── Assertions and proofs ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How far the clock of the signer of an assertion or a proof may be off. */
export const SIGNER_CLOCK_SKEW = 30;

/** The longest lifetime of a client assertion under the strict profile. */
export const STRICT_ASSERTION_LIFETIME_MAX = 60;

/**
 * The longest lifetime of a token of another issuer. Kubernetes issues them for an hour by default, and for a day on request; those of
 * Azure's managed identities live a day and some minutes. This is 25 hours.
 */
export const FEDERATED_LIFETIME_MAX = 90_000;

/** The longest `jti` of an assertion or a proof, in UTF-16 code units. A gate stores it until it expires. */
export const PROOF_JTI_LENGTH_MAX = 200;

/** The longest DPoP header, in characters. A proof with an RSA key fits. */
export const DPOP_HEADER_MAX = 4096;

/** The greatest age of a DPoP proof, by its `iat`. The signer's clock skew is included. */
export const DPOP_PROOF_AGE = 60;

/** How often the DPoP nonce changes. */
export const DPOP_NONCE_STEP = 60;

/** For how many steps a DPoP nonce is accepted, including the step it was made in. */
export const DPOP_NONCE_STEPS = 5;

// ── Caches of an isolate ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How old a cached client authentication may get while credentials keep failing against it. Then the gate is asked once more. */
export const AUTHENTICATION_AGE = 5;

/** How many cached client authentications an isolate keeps, of those that are short. */
export const CACHED_AUTHENTICATIONS_MAX = 2000;

/** Up to what length of its JSON a client authentication counts as short, in UTF-16 code units. */
export const SHORT_AUTHENTICATION_LENGTH_MAX = 4096;

/** How many longer ones an isolate keeps besides. They are fewer, so that they cannot fill its memory. */
export const CACHED_LONG_AUTHENTICATIONS_MAX = 100;

/** How old the cached clients of a workload may get before they are read again in the background. */
export const WORKLOAD_AGE = 60;

/**
 * How often an isolate looks up workloads, milliseconds, and how many look-ups it may make at once after a pause. Strangers can cause no
 * more than that: 80 in the first minute, then 60.
 */
export const WORKLOAD_QUERY_INTERVAL_MS = 1000;
export const WORKLOAD_QUERIES_AT_ONCE = 20;

/** The keys that one look-up asks for, as JSON in UTF-16 code units: thousands of usual ones. D1 binds values of up to 2 MB. */
export const WORKLOAD_KEYS_LENGTH_MAX = 600_000;

/** Of how many clients that trust a token by its claims the keys are tried. A token that fits more is ambiguous. */
export const WORKLOAD_CLIENTS_MAX = 10;

/** How many imported keys of DPoP proofs an isolate keeps. */
export const CACHED_PROOF_KEYS_MAX = 1000;

/** How long the result of a probe of the stores is used again. */
export const HEALTH_PROBE_AGE = 5;

// ── Introspection ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * How long an isolate caches that a resource server exists, for tokens whose client is not granted anything there any more. It keeps a
 * popular one of these tokens from asking D1 at each introspection.
 */
export const RECHECK_AGE = 1;

// ── The revocation feed ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How long the feed may be cached, and how old an isolate's copy may get before it asks D1 again. */
export const FEED_MAX_AGE = 5;

/** After what time an isolate asks D1 again for a version that it does not know: another isolate may have read it. */
export const FEED_RECHECK_MS = 1000;

/**
 * How far `as_of` lies behind the query, because the feed is complete only up to then: a gate that failed may wait for `FEED_RETRY_MAX`,
 * and its insert may take as long as `STORE_DEADLINE_MS`. A second is added for the alarm.
 */
export const FEED_LAG_MS = FEED_RETRY_MAX * 1000 + STORE_DEADLINE_MS + 1000;

/**
 * The longest time without an answer of D1 that is no outage: no gate then waits for longer than `FEED_LAG_MS`, because its waits double.
 * By the end of such a time a gate's wait is at most as long, and its next insert may take `STORE_DEADLINE_MS`.
 */
export const FEED_BLIP_MS = (FEED_RETRY_MAX * 1000) / 2;

/** How fast a failed query of the feed must have failed to be tried once more at once, milliseconds. */
export const FEED_FAST_FAILURE_MS = 500;

/** The most entries of a page. A page of tokens has about 100 KB. */
export const FEED_PAGE_ENTRIES = 2000;

/** How many of a feed's newest entries an isolate reads first. Readers that lag by no more than these cost no query. */
export const FEED_FIRST_ENTRIES = 500;

/** How many of a feed's newest entries an isolate keeps: 300 KB. When it has more, it forgets the older half. */
export const FEED_KEPT_ENTRIES = 2000;

/** How many feeds an isolate keeps: 30 MB if all of them are full. */
export const FEEDS_MAX = 100;

/** How many of the older pages an isolate keeps, of all feeds: 20 MB. They never change. */
export const FEED_OLDER_PAGES_MAX = 64;

/** How many signed pages an isolate keeps. */
export const FEED_SIGNED_PAGES_MAX = 64;

/** How long an isolate remembers that an audience does not exist, and how many of them. */
export const FEED_UNKNOWN_AGE = 5;

/**
 * How often an isolate asks D1 for an audience or an older page that it does not have, milliseconds, and how many times at once after a
 * pause. A feed with 100,000 entries has 50 pages. Strangers who invent audiences and versions can cause no more.
 */
export const FEED_QUERY_INTERVAL_MS = 500;
export const FEED_QUERIES_AT_ONCE = 60;

/** How long a look-up of an audience waits for such a query and its answer. */
export const FEED_QUERY_WAIT_MS = 3000;

/** How many audiences one query looks up: at most a megabyte. */
export const FEED_LOOK_UPS_PER_QUERY = 1000;

/** The `Retry-After` once these queries are used up, in seconds. */
export const FEED_RETRY_AFTER = 2;

/** The longest audience that is looked up, in UTF-16 code units. Identifiers have up to 500. */
export const AUDIENCE_LENGTH_MAX = 500;

// ── A client's rotation of its own secret ───────────────────────────────────────────────────────────────────────────────────────────

/** The least age at which an unused secret that the client made itself counts as lost, so that the client may replace it. */
export const ROTATION_RETRY_AFTER = 60;

/** The greatest age at which it does. An older secret has more likely been kept than lost. */
export const ROTATION_RETRY_UNTIL = 900;

/** The shortest grace period that a client may give its old secret. It still needs the old one if the new one was lost. */
export const OWN_GRACE_MIN = 5 * ROTATION_RETRY_AFTER;

// ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How long the metadata document may be cached. */
export const METADATA_MAX_AGE = 3600;

/** How long a browser may keep the answer to a preflight. Chromium keeps it for two hours at most, Firefox for a day. */
export const PREFLIGHT_MAX_AGE = 86_400;

/** How many bytes of a SHA-256 digest an ETag has. */
export const ETAG_BYTES = 16;

// ── Refusals that are noted for the diagnosis ───────────────────────────────────────────────────────────────────────────────────────

/**
 * How often an isolate tells a client's gate of refusals, seconds, and how many times at once after a pause: of requests that prove to be
 * the client's, and of others, which anybody may send. Equal refusals in between are counted, and told with the next.
 */
export const PROVEN_REPORT_INTERVAL = 1;
export const PROVEN_REPORTS_AT_ONCE = 10;
export const UNPROVEN_REPORT_INTERVAL = 60;
export const UNPROVEN_REPORTS_AT_ONCE = 5;

/** The same for all clients together, of requests that prove nothing: 300 gate calls a minute at most after the first minute. */
export const UNPROVEN_REPORT_INTERVAL_OF_ALL = 0.2;
export const UNPROVEN_REPORTS_AT_ONCE_OF_ALL = 100;

/** How many different refusals of one client wait for the next report. */
export const WAITING_REFUSALS_MAX = 8;

/** How many clients with refusals an isolate remembers, of each kind: 10 MB if all refusals wait. */
export const REFUSED_CLIENTS_MAX = 1000;

/** How long the texts of a refusal are at most, in characters, and how many scopes it has. Together they are less than a kilobyte. */
export const NOTED_DESCRIPTION_MAX = 240;
export const NOTED_RESOURCE_MAX = 200;
export const NOTED_SCOPE_MAX = 60;
export const NOTED_SCOPES_MAX = 5;

/** How often an isolate looks up an imported client_id that only a refused request has named, seconds, and how many times at once. */
export const CLAIMED_LOOK_UP_INTERVAL = 10;
export const CLAIMED_LOOK_UPS_AT_ONCE = 10;

/** How much of what a client requested, and is not granted, the description of the error names; lengths in characters. */
export const DESCRIBED_RESOURCE_MAX = 200;
export const DESCRIBED_SCOPE_MAX = 100;
export const DESCRIBED_SCOPES_MAX = 10;
