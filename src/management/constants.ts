import { ACCESS_TOKEN_TTL_MAX } from '../constants.ts';

/** The largest body a management endpoint reads: a resource server with its thousand described scopes fits. */
export const MANAGEMENT_BODY_LIMIT_BYTES = 1024 * 1024;

/** The custom claims of a client, as JSON in UTF-8. */
export const CLAIMS_LIMIT_BYTES = 4096;

export const ACCESS_TOKEN_TTL_MIN = 60;

/** Keys of one JWK Set, and how long it may be, as JSON. */
export const REGISTERED_KEYS_MAX = 20;
export const REGISTERED_KEYS_BYTES_MAX = 32 * 1024;

/** Workloads of other issuers, and how long they may be in all, as JSON: they are part of the record that a gate keeps in one row of 2 MB at most. */
export const FEDERATED_IDENTITIES_MAX = 20;
export const FEDERATED_IDENTITIES_BYTES_MAX = 64 * 1024;

/** Claims that one of them asks for, and values of which one is enough. */
export const CLAIM_CONDITIONS_MAX = 20;

export const RATE_LIMIT_PER_MINUTE_DEFAULT = 600;
export const RATE_LIMIT_BURST_DEFAULT = 100;
export const RATE_LIMIT_MAX = 1_000_000;

/** How long a secondary secret must go unused before it is called safe to delete: a day, and no token lasts longer. */
export const SECRET_QUIET_TIME = Math.max(86_400, ACCESS_TOKEN_TTL_MAX);

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

/** Items of a list where the request names no limit, and at most. */
export const PAGE_DEFAULT = 50;
export const PAGE_MAX = 100;
