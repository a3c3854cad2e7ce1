import { ACCESS_TOKEN_TTL_MAX, CLIENT_ID_LENGTH_MAX, USAGE_AGE } from '../constants.ts';

// Limits and defaults of the management API. Lengths are in characters (UTF-16 code units), times in seconds unless the name says
// otherwise.

/** The largest request body. A resource server with a thousand described scopes fits. */
export const MANAGEMENT_BODY_LIMIT_BYTES = 1024 * 1024;

/** The longest `Idempotency-Key`: a UUID or a hash fits many times over, and each key is stored for a day. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;

/** The longest name of an organization, API key, resource server, role or client. */
export const NAME_LENGTH_MAX = 200;

/** The longest description of a scope or role. */
export const DESCRIPTION_LENGTH_MAX = 1000;

/** The longest id in a path that does not name a client. Generated ids have at most 30 characters; the limit only bounds the query. */
export const ID_LENGTH_MAX = 200;

/** The longest `organization_id`, `jti` and `kid`. All three are generated, and have at most 43 characters. */
export const ORGANIZATION_ID_LENGTH_MAX = 100;
export const TOKEN_JTI_LENGTH_MAX = 100;
export const KID_LENGTH_MAX = 100;

/** Digits of the id of a change: every number of so many digits is exact in JSON and JavaScript. */
export const CHANGE_ID_DIGITS_MAX = 15;

/** The longest filter of the audit list. A filter is an actor, a target or an action; a client_id is the longest of these. */
export const AUDIT_FILTER_LENGTH_MAX = CLIENT_ID_LENGTH_MAX;

/** The longest cursor. It holds the name, identifier or time of a page's last item as JSON in base64url, which is always shorter. */
export const CURSOR_LENGTH_MAX = 2000;

/** Items of a page if the request sets no `limit`, and at most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;

/** Members of `metadata`, and the longest name and value of one. */
export const METADATA_MEMBERS_MAX = 50;
export const METADATA_NAME_LENGTH_MAX = 100;
export const METADATA_VALUE_LENGTH_MAX = 1000;

/** Levels of nested JSON in a body or in custom claims. */
export const JSON_DEPTH_MAX = 8;

/** The longest identifier of a resource server. */
export const RESOURCE_IDENTIFIER_LENGTH_MAX = 500;

/** The longest reference to a resource server or role: an id, a name or an identifier, of which identifiers are the longest. */
export const REFERENCE_LENGTH_MAX = RESOURCE_IDENTIFIER_LENGTH_MAX;

/** The longest name of a scope. */
export const SCOPE_NAME_LENGTH_MAX = 200;

/** Scopes of a resource server, and of a grant. */
export const SCOPES_MAX = 1000;

/** Grants of a role or client, and resource servers that a client introspects for. */
export const GRANTS_MAX = 100;

/** The longest list of grants, as JSON with identifiers. */
export const GRANTS_BYTES_MAX = 32 * 1024;

/** Roles of a client. Their grants and the client's own make the record that its gate keeps in one row of at most 2 MB. */
export const ROLES_MAX = 50;

/**
 * The shortest lifetime of an access token that can be set. Clocks of verifiers may differ by as much, so a shorter one would be
 * unreliable.
 */
export const ACCESS_TOKEN_TTL_MIN = 60;

/** A client's rate limit if it sets none, and the highest that can be set, both for requests per minute and for the burst. */
export const RATE_LIMIT_PER_MINUTE_DEFAULT = 600;
export const RATE_LIMIT_BURST_DEFAULT = 100;
export const RATE_LIMIT_MAX = 1_000_000;

/** The highest quota of tokens: twenty times as many as the highest rate limit permits in a month. */
export const QUOTA_MAX = 1_000_000_000_000;

/** The lowest limit that a client can set for the lifetime of its assertions: that of the strict profile. */
export const ASSERTION_LIFETIME_MIN = 60;

/**
 * How many ids of assertions a gate may have to remember if a client's assertions live longer than by default. The gate keeps them in
 * memory, about 150 bytes each, and the platform gives it 128 MB.
 */
export const REMEMBERED_ASSERTIONS_MAX = 200_000;

/** Custom claims of a client, as JSON in UTF-8. They are part of every token. */
export const CLAIMS_LIMIT_BYTES = 4096;

/** The longest name of a custom claim, and how many names a client may have in `requestable_claims`. */
export const CLAIM_NAME_LENGTH_MAX = 100;
export const REQUESTABLE_CLAIMS_MAX = 50;

/** The shortest and longest client secret that can be imported. */
export const IMPORTED_SECRET_LENGTH_MIN = 24;
export const IMPORTED_SECRET_LENGTH_MAX = 256;

/** The longest text that can be reported as a leaked secret. Every secret and API key of this service is shorter. */
export const REPORTED_SECRET_LENGTH_MAX = 512;

/** How long a secondary secret must be unused before it is reported as safe to delete: a day, or the longest token lifetime if longer. */
export const SECRET_QUIET_TIME = Math.max(86_400, ACCESS_TOKEN_TTL_MAX);

/** Keys of one JWK Set, and the size of the set as JSON. */
export const REGISTERED_KEYS_MAX = 20;
export const REGISTERED_KEYS_BYTES_MAX = 32 * 1024;

/** The longest `kty` of a JWK. Only `EC`, `RSA` and `OKP` are of use; the limit keeps other texts out of the record. */
export const KEY_TYPE_LENGTH_MAX = 20;

/** The longest certificate subject: a distinguished name, DNS name, URI, address or e-mail address. */
export const CERTIFICATE_SUBJECT_LENGTH_MAX = 500;

/** Federated identities of a client, and their size as JSON. They are part of the record that a gate keeps in one row of at most 2 MB. */
export const FEDERATED_IDENTITIES_MAX = 20;
export const FEDERATED_IDENTITIES_BYTES_MAX = 64 * 1024;

/** The longest issuer, audience, subject or claim value of a federated identity. */
export const IDENTITY_TEXT_LENGTH_MAX = 500;

/** Claims that a federated identity requires, alternative values of one of them, and the longest name or JSON pointer of one. */
export const CLAIM_CONDITIONS_MAX = 20;
export const CLAIM_CONDITION_NAME_LENGTH_MAX = 200;

/** Levels of the JSON of a federated identity's `claims`: an object of lists of values. */
export const CLAIM_CONDITIONS_DEPTH = 2;

/** How many dependents an error names. The total is given beside them. */
export const DEPENDENTS_SHOWN = 100;

/** How many errors of a body are named. A body can have more errors than anyone wants to read. */
export const ERRORS_SHOWN = 100;

/** How many available scopes an error about an unknown scope names. */
export const SCOPES_SHOWN = 20;

/** Attempts of a write while concurrent writes keep changing the same resource. */
export const STALE_ATTEMPTS = 5;

/** How long the old signing secret of a webhook signs after a rotation, if the request does not say. */
export const WEBHOOK_GRACE_DEFAULT = 86_400;

/** Webhooks whose secrets one request reseals, each a cryptographic operation: a few milliseconds, and 300 KB of one bound parameter. */
export const RESEALED_WEBHOOKS_MAX = 500;

/** How long before the end of a client or a secret its diagnosis warns of it. */
export const ENDS_SOON = 7 * 86_400;

/** How many resource servers, and how many scopes, a finding of a diagnosis names. */
export const DIAGNOSED_NAMES_MAX = 10;

/** The longest range of one request for usage: as long as usage is kept, and a day for ranges that begin or end within one. */
export const USAGE_RANGE_MAX = USAGE_AGE + 86_400;

/** How many clients a report of usage lists if the request does not say. */
export const TOP_CLIENTS_DEFAULT = 10;

/** The most days of a policy for unused clients: ten years. */
export const UNUSED_DAYS_MAX = 3650;

/** Clients that a policy for unused clients leaves alone: up to 200 KB in an answer if they have imported ids, and 33 KB otherwise. */
export const EXCEPTIONS_MAX = 1000;

/** For how many days a scope must not have been used to be called unused, if the request does not say, and at most. */
export const UNUSED_FOR_DEFAULT = 90;
export const UNUSED_FOR_MAX = 3650;

/** The least of them: so long may a token live, in which a scope can be used that is not requested again. */
export const UNUSED_FOR_MIN = ACCESS_TOKEN_TTL_MAX / 86_400;

/** How many scopes an error names that cannot be removed, because they were used. */
export const USED_SCOPES_NAMED = 20;

/** Clients of a page of an organization's least privilege, and at most: the gate of each is asked, and each may have a thousand scopes. */
export const LEAST_PRIVILEGE_PAGE_DEFAULT = 25;
export const LEAST_PRIVILEGE_PAGE_MAX = 50;

/** Secrets of a page of an organization's secrets, and at most: the gate of each client is asked. */
export const SECRET_LIST_DEFAULT = 25;
export const SECRET_LIST_MAX = 50;

/** How many gates one request asks at the same time. */
export const GATES_ASKED_AT_ONCE = 25;

/** The most pages of one stream. Each is a D1 query, of which one request may make 1,000. */
export const STREAMED_PAGES_MAX = 500;

/** How long a link to the console can be used: it is opened at once. */
export const CONSOLE_LINK_TTL = 300;

/** How long a portal link can be used if the request does not say, at least and at most: it is made for a user who is waiting. */
export const PORTAL_LINK_TTL_DEFAULT = 600;
export const PORTAL_LINK_TTL_MIN = 60;
export const PORTAL_LINK_TTL_MAX = 3600;

/** The longest URL that a portal leads back to. */
export const RETURN_URL_LENGTH_MAX = 2000;
