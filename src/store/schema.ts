import { sql } from 'drizzle-orm';
import {
  type AnySQLiteColumn,
  check,
  foreignKey,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import { ASSERTION_LIFETIME_DEFAULT } from '../constants.ts';
import type {
  AuthMethod,
  Quota,
  QuotaThresholds,
  RegisteredIdentity,
  RegisteredKey,
  TlsSubject,
} from '../gates/protocol.ts';
import { ACCESS_TOKEN_TYPS, SIGNING_ALGS } from '../jwt/signing-algs.ts';
import { ASSERTION_AUDIENCES, AUTH_METHODS, SECURITY_PROFILES } from './client-authentication.ts';

// Foreign keys never cascade: a migration that rebuilds a referenced table would delete the referring rows (D1 ignores
// PRAGMA foreign_keys=OFF), and a DELETE request must list its dependents. Times are milliseconds since the epoch.

const time = (name: string) => integer(name).notNull();
const json = <T>(name: string) => text(name, { mode: 'json' }).$type<T>();
/** The comparable form of a name. Null if older code wrote the row and the name has other characters than ASCII. */
const foldedName = () => text('folded_name');
const lower = (column: AnySQLiteColumn) => sql`lower(${column})`;

/** A single row with the version of the last management write. A gate never replaces its record with one of a lower version. */
export const versionSequence = sqliteTable(
  'version_sequence',
  { id: integer('id').primaryKey(), value: integer('value').notNull() },
  (table) => [check('version_sequence_is_one_row', sql`${table.id} = 1`)],
);

export const organizations = sqliteTable(
  'organizations',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    foldedName: foldedName(),
    subject: text('subject', { enum: ['client', 'organization'] }).notNull(),
    metadata: json<Record<string, string>>('metadata').notNull(),
    status: text('status', { enum: ['active', 'disabled'] }).notNull(),
    /** The minimum profile of all of its clients. */
    securityProfile: text('security_profile', { enum: SECURITY_PROFILES }).notNull().default('standard'),
    /** The version of the write that last revoked the tokens of all of its clients; 0 if there was none. */
    revocationEpoch: integer('revocation_epoch').notNull().default(0),
    /** After how many days without use a client is reported; null for never. */
    unusedReportDays: integer('unused_report_days'),
    /** After how many days without use a client is disabled; null for never. */
    unusedDisableDays: integer('unused_disable_days'),
    /** When those numbers were last changed. */
    unusedPolicySince: integer('unused_policy_since'),
    /** When the scheduled handler next looks for unused clients; null without numbers. It leaves the version as it is. */
    unusedCheckAt: integer('unused_check_at'),
    /** The last use and the id of the client up to which it has looked; null for the beginning. */
    unusedCursor: json<[at: number, clientId: string]>('unused_cursor'),
    /** When the organization was last enabled; null if it never was disabled. Older code does not set it. */
    enabledAt: integer('enabled_at'),
    /** How many tokens all of its clients together should be issued at most. */
    quota: json<Quota & { readonly action: 'warn' }>('quota'),
    /** The thresholds of the quota that webhooks were last told of. Null for none. Written by the scheduled handler, as the next one. */
    quotaNotices: json<QuotaThresholds>('quota_notices'),
    /** When the quota was last compared with the usage. */
    quotaCheckedAt: integer('quota_checked_at').notNull().default(0),
    version: integer('version').notNull(),
    createdAt: time('created_at'),
    updatedAt: time('updated_at'),
  },
  (table) => [
    uniqueIndex('organizations_name').on(lower(table.name)),
    uniqueIndex('organizations_folded_name').on(table.foldedName),
    index('organizations_unused_check_at').on(table.unusedCheckAt).where(sql`${table.unusedCheckAt} IS NOT NULL`),
    index('organizations_quota').on(table.quotaCheckedAt).where(sql`${table.quota} IS NOT NULL`),
  ],
);

export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text('id').primaryKey(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    name: text('name').notNull(),
    foldedName: foldedName(),
    hash: text('hash').notNull(),
    hint: text('hint').notNull(),
    scopes: json<string[]>('scopes').notNull(),
    createdAt: time('created_at'),
    expiresAt: integer('expires_at'),
    /** Of the primary value. Precise to `LAST_USED_PRECISION`. */
    lastUsedAt: integer('last_used_at'),
    version: integer('version').notNull().default(0),
    // `hash` and `hint` are the primary value's: older code accepts only that one. The columns below are the secondary value's, which a
    // rotation replaced; null if there is none.
    secondaryHash: text('secondary_hash'),
    secondaryHint: text('secondary_hint'),
    /** When the secondary value stops being accepted, if that is before the key expires. */
    secondaryExpiresAt: integer('secondary_expires_at'),
    secondaryLastUsedAt: integer('secondary_last_used_at'),
    /** When the primary value was made by a rotation; null if it is the key's first. */
    rotatedAt: integer('rotated_at'),
    /** The ends that `api_key.expiring` was sent for, or would have been if there were a webhook for it. A new end counts anew. */
    noticedEnd: integer('noticed_end'),
    secondaryNoticedEnd: integer('secondary_noticed_end'),
  },
  (table) => [
    uniqueIndex('api_keys_hash').on(table.hash),
    uniqueIndex('api_keys_secondary_hash').on(table.secondaryHash),
    index('api_keys_expires_at').on(table.expiresAt).where(sql`${table.expiresAt} IS NOT NULL`),
    index('api_keys_secondary_expires_at')
      .on(table.secondaryExpiresAt)
      .where(sql`${table.secondaryExpiresAt} IS NOT NULL`),
    uniqueIndex('api_keys_name').on(table.organizationId, lower(table.name)),
    uniqueIndex('api_keys_folded_name').on(table.foldedName, table.organizationId),
  ],
);

/** A resource server without an organization is shared: the roles and clients of every organization can be granted its scopes. */
export const resourceServers = sqliteTable(
  'resource_servers',
  {
    id: text('id').primaryKey(),
    organizationId: text('organization_id').references(() => organizations.id),
    identifier: text('identifier').notNull(),
    name: text('name').notNull(),
    accessTokenTtl: integer('access_token_ttl'),
    signingAlg: text('signing_alg', { enum: SIGNING_ALGS }).notNull(),
    accessTokenTyp: text('access_token_typ', { enum: ACCESS_TOKEN_TYPS }).notNull().default('at+jwt'),
    introspection: text('introspection', { enum: ['strong', 'edge'] }).notNull(),
    scopePolicy: text('scope_policy', { enum: ['exact', 'narrow'] })
      .notNull()
      .default('exact'),
    /** The reserved claims that clients may set in its tokens. */
    acceptedClaims: json<string[]>('accepted_claims').notNull().default([]),
    /** The form in which identifiers are compared. Null in a row of older code, until the scheduled handler stores it. */
    comparable: text('comparable'),
    /**
     * Tokens issued before are those of an earlier resource server with this identifier, which was deleted: seconds since the epoch. Null
     * if there was none.
     */
    tokensFrom: integer('tokens_from'),
    version: integer('version').notNull(),
    createdAt: time('created_at'),
    updatedAt: time('updated_at'),
  },
  (table) => [
    // Unique across organizations: a token for an audience must mean the same to every verifier.
    uniqueIndex('resource_servers_identifier').on(table.identifier),
    uniqueIndex('resource_servers_comparable').on(table.comparable),
    index('resource_servers_organization').on(table.organizationId, table.identifier),
  ],
);

/** The identifiers of deleted resource servers, for as long as tokens for them may be valid. */
export const reservedIdentifiers = sqliteTable(
  'reserved_identifiers',
  {
    /** In the form in which identifiers are compared. */
    comparable: text('comparable').primaryKey(),
    // No foreign key: the organization may be deleted as well.
    /** The organization that may use the identifier; null if the resource server was shared, empty for none. */
    organizationId: text('organization_id'),
    /** The version of the write that deleted the resource server. */
    version: integer('version').notNull(),
    expiresAt: time('expires_at'),
  },
  (table) => [
    index('reserved_identifiers_expires_at').on(table.expiresAt),
    index('reserved_identifiers_version').on(table.version),
  ],
);

export const scopes = sqliteTable(
  'scopes',
  {
    resourceServerId: text('resource_server_id')
      .notNull()
      .references(() => resourceServers.id),
    name: text('name').notNull(),
    description: text('description').notNull(),
  },
  (table) => [primaryKey({ columns: [table.resourceServerId, table.name] })],
);

/** A role without an organization is shared: the clients of every organization can have it. */
export const roles = sqliteTable(
  'roles',
  {
    id: text('id').primaryKey(),
    organizationId: text('organization_id').references(() => organizations.id),
    name: text('name').notNull(),
    foldedName: foldedName(),
    description: text('description').notNull(),
    version: integer('version').notNull(),
    createdAt: time('created_at'),
    updatedAt: time('updated_at'),
  },
  (table) => [
    uniqueIndex('roles_name').on(lower(table.name), table.organizationId),
    // SQLite treats NULLs as distinct, so the index above does not cover shared roles.
    uniqueIndex('roles_shared_name').on(lower(table.name)).where(sql`${table.organizationId} IS NULL`),
    uniqueIndex('roles_folded_name').on(table.foldedName, table.organizationId),
    uniqueIndex('roles_shared_folded_name').on(table.foldedName).where(sql`${table.organizationId} IS NULL`),
    index('roles_organization').on(table.organizationId, lower(table.name)),
  ],
);

export const roleGrants = sqliteTable(
  'role_grants',
  {
    roleId: text('role_id')
      .notNull()
      .references(() => roles.id),
    resourceServerId: text('resource_server_id')
      .notNull()
      .references(() => resourceServers.id),
  },
  (table) => [
    primaryKey({ columns: [table.roleId, table.resourceServerId] }),
    index('role_grants_resource_server').on(table.resourceServerId),
  ],
);

export const roleGrantScopes = sqliteTable(
  'role_grant_scopes',
  {
    roleId: text('role_id').notNull(),
    resourceServerId: text('resource_server_id').notNull(),
    scope: text('scope').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.roleId, table.resourceServerId, table.scope] }),
    foreignKey({
      columns: [table.roleId, table.resourceServerId],
      foreignColumns: [roleGrants.roleId, roleGrants.resourceServerId],
    }),
    foreignKey({
      columns: [table.resourceServerId, table.scope],
      foreignColumns: [scopes.resourceServerId, scopes.name],
    }),
    index('role_grant_scopes_scope').on(table.resourceServerId, table.scope),
  ],
);

/** The columns with a client's authentication methods. */
type MethodColumns = Record<'tokenEndpointAuthMethod' | 'additionalAuthMethods', AnySQLiteColumn>;

/** The name of the index of the clients that have an authentication method. */
export const methodIndex = (method: AuthMethod) => `clients_${method}`;

/** Whether a client has an authentication method. Without parameters, because SQLite compares this text with that of the partial index. */
export const acceptsMethod = (table: MethodColumns, method: AuthMethod) =>
  sql`(${table.tokenEndpointAuthMethod} = ${sql.raw(`'${method}'`)} OR instr(${table.additionalAuthMethods}, ${sql.raw(`'"${method}"'`)}) > 0)`;

/** When a client was last used, or created if it never was. Not `coalesce`, because drizzle-kit splits an expression at its commas. */
export const lastUseOf = (table: Record<'lastUsedAt' | 'createdAt', AnySQLiteColumn>) =>
  sql<number>`CASE WHEN ${table.lastUsedAt} IS NULL THEN ${table.createdAt} ELSE ${table.lastUsedAt} END`;

export const clients = sqliteTable(
  'clients',
  {
    clientId: text('client_id').primaryKey(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organizations.id),
    clientName: text('client_name').notNull(),
    foldedName: foldedName(),
    description: text('description').notNull().default(''),
    /** Who answers for the client: a team, an address or a URL. */
    owner: text('owner'),
    tokenEndpointAuthMethod: text('token_endpoint_auth_method', { enum: AUTH_METHODS }).notNull(),
    /** Methods that are accepted as well, for example while a client migrates to another method. */
    additionalAuthMethods: json<AuthMethod[]>('additional_auth_methods').notNull().default([]),
    /** The keys of the client's `jwks`. */
    keys: json<RegisteredKey[]>('keys').notNull().default([]),
    jwksUri: text('jwks_uri'),
    tlsSubject: json<TlsSubject>('tls_subject'),
    federatedIdentities: json<RegisteredIdentity[]>('federated_identities').notNull().default([]),
    /** The longest lifetime of the client's own assertions, in seconds. */
    assertionLifetimeMax: integer('assertion_lifetime_max').notNull().default(ASSERTION_LIFETIME_DEFAULT),
    assertionAudience: text('assertion_audience', { enum: ASSERTION_AUDIENCES }).notNull().default('issuer'),
    dpopBoundAccessTokens: integer('dpop_bound_access_tokens', { mode: 'boolean' }).notNull().default(false),
    dpopNonceRequired: integer('dpop_nonce_required', { mode: 'boolean' }).notNull().default(false),
    tlsClientCertificateBoundAccessTokens: integer('tls_client_certificate_bound_access_tokens', { mode: 'boolean' })
      .notNull()
      .default(false),
    securityProfile: text('security_profile', { enum: SECURITY_PROFILES }).notNull().default('standard'),
    defaultResourceServerId: text('default_resource_server_id').references(() => resourceServers.id),
    accessTokenTtl: integer('access_token_ttl'),
    rateLimitPerMinute: integer('rate_limit_per_minute').notNull(),
    rateLimitBurst: integer('rate_limit_burst').notNull(),
    claims: json<Record<string, unknown>>('claims').notNull(),
    /** The names of the claims that a token request may ask for. */
    requestableClaims: json<string[]>('requestable_claims').notNull().default([]),
    /**
     * Those names of `claims` and `requestable_claims` that only a resource server gets that accepts them. Other reserved names belong to
     * the client since before they were reserved: all of its tokens have them.
     */
    restrictedClaims: json<string[]>('restricted_claims').notNull().default([]),
    /** Whether the client may rotate its secret with its own credentials. */
    mayRotateSecret: integer('may_rotate_secret', { mode: 'boolean' }).notNull().default(false),
    /** Which of its successful requests are logged. */
    log: text('log', { enum: ['sampled', 'all'] })
      .notNull()
      .default('sampled'),
    /** The version of the write that last revoked all of the client's tokens; initially that of the write that created the client. */
    revocationEpoch: integer('revocation_epoch').notNull().default(0),
    metadata: json<Record<string, string>>('metadata').notNull(),
    status: text('status', { enum: ['active', 'disabled'] }).notNull(),
    /** How many tokens it may be issued in a day and in a month. */
    quota: json<Quota>('quota'),
    /** When it ends, a whole second. From then on it gets no tokens, and its tokens are inactive. */
    expiresAt: integer('expires_at'),
    /** Whether the event `client.expiring` was sent for that time, or would have been if there were a webhook for it. */
    expiryNoticed: integer('expiry_noticed', { mode: 'boolean' }).notNull().default(false),
    /** When it last authenticated, precise to `LAST_USED_PRECISION`. Written by its gate, which leaves the version as it is. */
    lastUsedAt: integer('last_used_at'),
    /** Whether the policy for unused clients leaves it alone. */
    unusedExcepted: integer('unused_excepted', { mode: 'boolean' }).notNull().default(false),
    /** When the event `client.unused` was last sent, or would have been if there were a webhook for it. It leaves the version as it is. */
    unusedReportedAt: integer('unused_reported_at'),
    /**
     * If the policy for unused clients disabled it: when it was last used until then, 0 for never. Null if something else disabled it.
     * Older code leaves it when it enables the client.
     */
    unusedSince: integer('unused_since'),
    /** When it was last enabled; null if it never was disabled. Older code does not set it. */
    enabledAt: integer('enabled_at'),
    /**
     * Set by a restore of a backup, for the revocations that only the old gate knew: tokens issued up to the end of this second are revoked,
     * in seconds since the epoch.
     */
    restoredCutOff: integer('restored_cut_off'),
    version: integer('version').notNull(),
    createdAt: time('created_at'),
    updatedAt: time('updated_at'),
  },
  (table) => [
    uniqueIndex('clients_name').on(table.organizationId, lower(table.clientName)),
    uniqueIndex('clients_folded_name').on(table.foldedName, table.organizationId),
    index('clients_status').on(table.organizationId, table.status, lower(table.clientName)),
    index('clients_owner').on(table.organizationId, table.owner, lower(table.clientName)),
    // Partial, because most clients have no end, and a row of an index costs as much as a row of the table.
    index('clients_expires_at')
      .on(table.organizationId, table.expiresAt, lower(table.clientName))
      .where(sql`${table.expiresAt} IS NOT NULL`),
    index('clients_expiring')
      .on(table.expiresAt)
      .where(sql`${table.expiresAt} IS NOT NULL AND ${table.expiryNoticed} = 0 AND ${table.status} = 'active'`),
    index('clients_default_resource_server').on(table.defaultResourceServerId),
    index('clients_created').on(table.organizationId, table.createdAt, table.clientId),
    // Each flush of a last use writes an entry of this index, so no other one may contain `last_used_at`.
    index('clients_last_use').on(table.organizationId, table.status, lastUseOf(table), table.clientId),
    ...AUTH_METHODS.map((method) =>
      index(methodIndex(method)).on(table.organizationId, lower(table.clientName)).where(acceptsMethod(table, method)),
    ),
    index('clients_unused_excepted').on(table.organizationId, table.clientId).where(sql`${table.unusedExcepted} = 1`),
  ],
);

/**
 * The index of `clients.federated_identities`: by issuer and selector, the clients that a token of that issuer may belong to. It only
 * proposes clients; their identities decide. Code of an older version does not maintain it, so a row must not keep that code from deleting
 * its client.
 */
export const clientWorkloads = sqliteTable(
  'client_workloads',
  {
    issuer: text('issuer').notNull(),
    /** One condition of the identity, such as `sub=…` (see `federation/selector.ts`); empty if it has none that can be indexed. */
    selector: text('selector').notNull(),
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId, { onDelete: 'cascade' }),
  },
  (table) => [
    primaryKey({ columns: [table.issuer, table.selector, table.clientId] }),
    index('client_workloads_client').on(table.clientId),
  ],
);

export const clientGrants = sqliteTable(
  'client_grants',
  {
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId),
    resourceServerId: text('resource_server_id')
      .notNull()
      .references(() => resourceServers.id),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.resourceServerId] }),
    index('client_grants_resource_server').on(table.resourceServerId),
  ],
);

export const clientGrantScopes = sqliteTable(
  'client_grant_scopes',
  {
    clientId: text('client_id').notNull(),
    resourceServerId: text('resource_server_id').notNull(),
    scope: text('scope').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.resourceServerId, table.scope] }),
    foreignKey({
      columns: [table.clientId, table.resourceServerId],
      foreignColumns: [clientGrants.clientId, clientGrants.resourceServerId],
    }),
    foreignKey({
      columns: [table.resourceServerId, table.scope],
      foreignColumns: [scopes.resourceServerId, scopes.name],
    }),
    index('client_grant_scopes_scope').on(table.resourceServerId, table.scope),
  ],
);

export const clientRoles = sqliteTable(
  'client_roles',
  {
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId),
    roleId: text('role_id')
      .notNull()
      .references(() => roles.id),
  },
  (table) => [primaryKey({ columns: [table.clientId, table.roleId] }), index('client_roles_role').on(table.roleId)],
);

/** The resource servers whose tokens the client may introspect. */
export const clientIntrospects = sqliteTable(
  'client_introspects',
  {
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId),
    resourceServerId: text('resource_server_id')
      .notNull()
      .references(() => resourceServers.id),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.resourceServerId] }),
    index('client_introspects_resource_server').on(table.resourceServerId),
  ],
);

/** From when on the disuse of a secondary secret counts. */
export const quietSince = (table: Record<'quietFrom' | 'rotatedAt' | 'createdAt', AnySQLiteColumn>) =>
  sql<number>`CASE WHEN ${table.quietFrom} IS NOT NULL THEN ${table.quietFrom} WHEN ${table.rotatedAt} IS NOT NULL THEN ${table.rotatedAt} ELSE ${table.createdAt} END`;

export const clientSecrets = sqliteTable(
  'client_secrets',
  {
    id: text('id').primaryKey(),
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId),
    rank: text('rank', { enum: ['primary', 'secondary'] }).notNull(),
    hash: text('hash').notNull(),
    hint: text('hint').notNull(),
    createdAt: time('created_at'),
    expiresAt: integer('expires_at'),
    /** When it became the secondary secret. */
    rotatedAt: integer('rotated_at'),
    /** When the secret was reported as leaked. It is not accepted since then. */
    leakedAt: integer('leaked_at'),
    /** Whether the client itself created it, with its own credentials. */
    selfMade: integer('self_made', { mode: 'boolean' }).notNull().default(false),
    /** Whether the event `secret.expiring` was sent, or would have been if there were a webhook for it. */
    expiryNoticed: integer('expiry_noticed', { mode: 'boolean' }).notNull().default(false),
    /** Of a secondary secret: from when on its disuse counts, if not from `rotated_at`. Set when it was found in use. */
    quietFrom: integer('quiet_from'),
    /** Of a secondary secret: whether the event `secret.unused_secondary` was sent, or need not be. */
    disuseNoticed: integer('disuse_noticed', { mode: 'boolean' }).notNull().default(false),
    /** That of its client, for lists. Null in a row of older code, until the scheduled handler stores it. */
    organizationId: text('organization_id'),
  },
  (table) => [
    // A client has at most two secrets, one of each rank.
    uniqueIndex('client_secrets_rank').on(table.clientId, table.rank),
    index('client_secrets_expiring')
      .on(table.expiresAt)
      .where(sql`${table.expiresAt} IS NOT NULL AND ${table.expiryNoticed} = 0`),
    index('client_secrets_quiet')
      .on(quietSince(table))
      .where(sql`${table.rank} = 'secondary' AND ${table.disuseNoticed} = 0`),
    uniqueIndex('client_secrets_hash').on(table.hash),
    index('client_secrets_created').on(table.organizationId, table.createdAt, table.id),
    index('client_secrets_ends')
      .on(table.organizationId, table.expiresAt, table.id)
      .where(sql`${table.expiresAt} IS NOT NULL AND ${table.leakedAt} IS NULL`),
    index('client_secrets_replaced')
      .on(table.organizationId, quietSince(table), table.id)
      .where(sql`${table.rank} = 'secondary'`),
  ],
);

export const signingKeys = sqliteTable(
  'signing_keys',
  {
    kid: text('kid').primaryKey(),
    alg: text('alg', { enum: SIGNING_ALGS }).notNull(),
    status: text('status', { enum: ['next', 'active', 'retiring'] }).notNull(),
    publicJwk: text('public_jwk').notNull(),
    sealedPrivateJwk: text('sealed_private_jwk').notNull(),
    createdAt: time('created_at'),
    activatedAt: integer('activated_at'),
    retiredAt: integer('retired_at'),
    /** From this time on every cached JWKS contains the key. Older code does not set it. */
    signsFrom: integer('signs_from'),
  },
  (table) => [
    // One active and one next key per algorithm, even if several isolates create keys at the same time.
    uniqueIndex('signing_keys_role').on(table.alg, table.status).where(sql`${table.status} <> 'retiring'`),
  ],
);

/** Signing keys that were revoked in an emergency and whose revocation is not copied to KV yet. */
export const revokedSigningKeys = sqliteTable('revoked_signing_keys', {
  kid: text('kid').primaryKey(),
  /** The version of the write that revoked it. */
  version: integer('version').notNull(),
});

/** Retired master keys: the keys derived from them for hashes and tags, which are still accepted, sealed under the current master key. */
export const retiredMasterKeys = sqliteTable('retired_master_keys', {
  id: text('id').primaryKey(),
  sealedKeys: text('sealed_keys').notNull(),
  createdAt: time('created_at'),
});

/** When each background task last succeeded. */
export const backgroundTasks = sqliteTable('background_tasks', {
  name: text('name').primaryKey(),
  succeededAt: time('succeeded_at'),
});

/** The register of gates: each holds a client's record, and must receive its changes. */
export const gates = sqliteTable(
  'gates',
  {
    name: text('name').primaryKey(),
    clientId: text('client_id')
      .notNull()
      .references(() => clients.clientId),
  },
  (table) => [index('gates_client').on(table.clientId)],
);

/** The pushes that are still owed: the gate must receive a record that is at least as new as `version`. */
export const gatePushes = sqliteTable(
  'gate_pushes',
  {
    gate: text('gate').notNull(),
    version: integer('version').notNull(),
    // No foreign keys: the deletion of a client is still owed to its gate after the client's row is deleted.
    clientId: text('client_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.gate, table.version] }),
    index('gate_pushes_version').on(table.version, table.gate),
    index('gate_pushes_client').on(table.clientId),
  ],
);

/** Changes that propagate after their request was answered 202, by their version. */
export const changes = sqliteTable(
  'changes',
  {
    version: integer('version').primaryKey(),
    organizationId: text('organization_id'),
    action: text('action').notNull(),
    target: text('target').notNull(),
    gates: integer('gates').notNull(),
    createdAt: time('created_at'),
    /** When every isolate will have seen the change; null until that is known. 0 if only gates must see it. */
    settlesAt: integer('settles_at').default(0),
  },
  (table) => [index('changes_created_at').on(table.createdAt)],
);

/** The answers of requests with an `Idempotency-Key`, for their retries. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    actor: text('actor').notNull(),
    key: text('key').notNull(),
    /** An HMAC of method, path and body, made like that of a secret. */
    fingerprint: text('fingerprint').notNull(),
    version: integer('version').notNull(),
    status: integer('status').notNull(),
    /** A JWE, because the body may contain a secret. */
    sealedBody: text('sealed_body').notNull(),
    createdAt: time('created_at'),
  },
  (table) => [
    primaryKey({ columns: [table.actor, table.key] }),
    index('idempotency_keys_created_at').on(table.createdAt),
  ],
);

/**
 * How many token requests of a client had which outcome, by hour, as older code writes them. The scheduled handler moves the rows to
 * `client_usage_days`.
 */
export const clientUsage = sqliteTable(
  'client_usage',
  {
    clientId: text('client_id').notNull(),
    /** The start of the hour. */
    hour: integer('hour').notNull(),
    /** `issued`, or the reason of a refusal. */
    outcome: text('outcome').notNull(),
    count: integer('count').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.hour, table.outcome] }),
    index('client_usage_hour').on(table.hour),
  ],
);

/**
 * A client's usage on a day, as its gate counts it: the values are absolute, so that a repeated flush is harmless. `usage_days` has the
 * sums of exactly these counts.
 */
export const clientUsageDays = sqliteTable(
  'client_usage_days',
  {
    clientId: text('client_id').notNull(),
    /** The start of the day in UTC. */
    day: integer('day').notNull(),
    counts: json<DayCounts>('counts').notNull(),
  },
  (table) => [primaryKey({ columns: [table.clientId, table.day] }), index('client_usage_days_day').on(table.day)],
);

/** The usage of all clients of an organization, or of the instance, on a day. One row, so that a flush writes one and a read reads one. */
export const usageDays = sqliteTable(
  'usage_days',
  {
    /** The organization; empty for the instance. No foreign key: the counts of a deleted organization stay part of the instance's. */
    owner: text('owner').notNull(),
    /** The start of the day in UTC. */
    day: integer('day').notNull(),
    counts: json<DayCounts>('counts').notNull(),
    /** The clients with the most requests on that day, up to `TOP_CLIENTS`. */
    clients: json<Record<string, ClientDay>>('clients').notNull(),
  },
  (table) => [primaryKey({ columns: [table.owner, table.day] }), index('usage_days_day').on(table.day)],
);

/** Counts by the hour of the day in UTC, `0` to `23`. */
export type HourCounts = Readonly<Record<string, number>>;

/** What was counted on a day. Absent: nothing. */
export interface DayCounts {
  /** Token requests by outcome: `issued`, or the reason of a refusal. */
  readonly outcomes?: Readonly<Record<string, HourCounts>>;
  /** Issued tokens by the identifier of their resource server; empty for those beyond the limits. */
  readonly resource_servers?: Readonly<Record<string, HourCounts>>;
}

/** The token requests of one client on a day. */
export interface ClientDay {
  readonly requests: number;
  /** By the hour of the day: how many tokens were issued, and how many requests were refused. */
  readonly hours: Readonly<Record<string, readonly [issued: number, refused: number]>>;
}

export const auditEvents = sqliteTable(
  'audit_events',
  {
    id: text('id').primaryKey(),
    at: time('at'),
    // No foreign keys: an event outlives the resources that it names.
    organizationId: text('organization_id'),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    target: text('target').notNull(),
    address: text('address'),
    changes: json<Record<string, unknown>>('changes').notNull(),
    /** The version of the management write that the event records; null if it records something else. */
    version: integer('version'),
    /** The id of the request in the log; null if there was none, or if older code wrote the row. */
    requestId: text('request_id'),
  },
  (table) => [
    index('audit_events_at').on(table.at),
    index('audit_events_organization').on(table.organizationId, table.at),
    index('audit_events_actor').on(table.actor, table.at),
    index('audit_events_target').on(table.target, table.at),
    index('audit_events_request').on(table.requestId).where(sql`${table.requestId} IS NOT NULL`),
  ],
);

/** The public part of a webhook's signing secret; the secret itself is sealed in `webhooks.sealed_secrets`, at the same position. */
export interface WebhookSecretInfo {
  readonly hint: string;
  /** Times are milliseconds since the epoch. */
  readonly createdAt: number;
  /** When it stops signing; null if it has no end. */
  readonly expiresAt: number | null;
}

/** An endpoint to which events are sent: those of an organization, or, without one, those of the whole instance. */
export const webhooks = sqliteTable(
  'webhooks',
  {
    id: text('id').primaryKey(),
    // Cascades, because code of an older version deletes an organization without its webhooks.
    organizationId: text('organization_id').references(() => organizations.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    foldedName: foldedName(),
    description: text('description').notNull(),
    url: text('url').notNull(),
    /** The types of the events that it receives; null for all. */
    events: json<string[]>('events'),
    status: text('status', { enum: ['active', 'disabled'] }).notNull(),
    /** Why the service disabled it; null if an administrator did, and if it is active. */
    disabledReason: text('disabled_reason', { enum: ['failing', 'gone'] }),
    /** The newest secret is first. At most two. */
    secrets: json<WebhookSecretInfo[]>('secrets').notNull(),
    /** A JWE of the secrets, in the order of `secrets`. */
    sealedSecrets: text('sealed_secrets').notNull(),
    /** The id of the master key that sealed them. */
    sealedUnder: text('sealed_under').notNull(),
    /** When there is next something to send; null if nothing is pending. Deliveries leave the version as it is. */
    dueAt: integer('due_at'),
    /** Until then it is leased by a sender, or waits after failures. The lease's end identifies the sender. */
    heldUntil: integer('held_until').notNull().default(0),
    /** Failed attempts since the last success. */
    failures: integer('failures').notNull().default(0),
    /** When the first of them was; null if the last attempt succeeded. */
    failingSince: integer('failing_since'),
    version: integer('version').notNull(),
    createdAt: time('created_at'),
    updatedAt: time('updated_at'),
  },
  (table) => [
    uniqueIndex('webhooks_name').on(table.organizationId, lower(table.name)),
    uniqueIndex('webhooks_folded_name').on(table.foldedName, table.organizationId),
    // SQLite treats NULLs as distinct, so the indexes above do not cover the webhooks of the instance.
    uniqueIndex('webhooks_instance_name').on(lower(table.name)).where(sql`${table.organizationId} IS NULL`),
    uniqueIndex('webhooks_instance_folded_name').on(table.foldedName).where(sql`${table.organizationId} IS NULL`),
    index('webhooks_due').on(table.dueAt).where(sql`${table.dueAt} IS NOT NULL`),
    index('webhooks_sealed_under').on(table.sealedUnder),
  ],
);

/**
 * The outbox and the log of webhooks: one row for each event and webhook, written in the transaction of the event. No foreign keys: rows of
 * a deleted webhook are never sent, and are deleted when they are old.
 */
export const webhookDeliveries = sqliteTable(
  'webhook_deliveries',
  {
    eventId: text('event_id').notNull(),
    webhookId: text('webhook_id').notNull(),
    event: text('event').notNull(),
    status: text('status', { enum: ['pending', 'delivered', 'failed'] }).notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** When the next attempt is due; null if there is none. */
    dueAt: integer('due_at'),
    createdAt: time('created_at'),
    /** From then on it is tried for `WEBHOOK_RETRY_AGE`: the creation, or the last redelivery. */
    queuedAt: time('queued_at'),
    lastAttemptAt: integer('last_attempt_at'),
    /** The HTTP status of the last answer; null if there was none. */
    lastStatus: integer('last_status'),
    /** Why the last attempt failed; null if it did not. */
    lastFault: text('last_fault'),
  },
  (table) => [
    primaryKey({ columns: [table.eventId, table.webhookId] }),
    index('webhook_deliveries_log').on(table.webhookId, table.createdAt, table.eventId),
    index('webhook_deliveries_due').on(table.webhookId, table.dueAt).where(sql`${table.dueAt} IS NOT NULL`),
    index('webhook_deliveries_created_at').on(table.createdAt),
  ],
);

/** Events for webhooks that are no audit events: nobody changed anything. */
export const webhookNotices = sqliteTable(
  'webhook_notices',
  {
    id: text('id').primaryKey(),
    at: time('at'),
    // No foreign key: an event outlives what it names.
    organizationId: text('organization_id'),
    type: text('type').notNull(),
    target: text('target').notNull(),
    data: json<Record<string, unknown>>('data').notNull(),
  },
  (table) => [index('webhook_notices_at').on(table.at)],
);

/** The revocations that may still matter, for the revocation feed. Only gates insert them. A replaced row gets a new version. */
export const liveRevocations = sqliteTable(
  'live_revocations',
  {
    /** Rises with each row, also over a restored database: it is at least the time of the insert, in milliseconds. */
    version: integer('version').primaryKey(),
    /**
     * The audience of the revoked token; empty if it is not known, and for a client: then the row belongs to all of the client's audiences.
     */
    audience: text('audience').notNull(),
    // No foreign key: the organization may be deleted first.
    /** The client's organization; empty if its gate does not know it. */
    organizationId: text('organization_id').notNull(),
    kind: text('kind', { enum: ['token', 'client'] }).notNull(),
    /** The first 16 bytes of the SHA-256 of the `jti` or the client_id, in base64url. */
    hash: text('hash').notNull(),
    /** The same of the client_id, for a token whose client was not verified; else empty. */
    client: text('client').notNull(),
    /**
     * All tokens of the client issued up to the end of this second are revoked, seconds since the epoch; null for none, and for a token.
     */
    cutOff: integer('cut_off'),
    isDisabled: integer('is_disabled', { mode: 'boolean' }).notNull(),
    /** Orders the states of one client or token: the version of the client's record, or the token's expiry. */
    state: integer('state').notNull(),
    /** When the row says nothing any more, seconds since the epoch. */
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('live_revocations_subject').on(table.hash, table.client, table.kind, table.audience),
    index('live_revocations_audience').on(table.audience, table.version),
    index('live_revocations_organization').on(table.organizationId, table.version).where(sql`${table.audience} = ''`),
    index('live_revocations_expires_at').on(table.expiresAt),
  ],
);

/** Who signs in to the console: in a one-time link, and then in the session that it opens. */
const signInColumns = {
  id: text('id').notNull(),
  kind: text('kind', { enum: ['root', 'api_key', 'person', 'portal'] }).notNull(),
  /** The actor of audit events. */
  actor: text('actor').notNull(),
  /** Null for instance administrators. No foreign key: the session ends with the organization. */
  organizationId: text('organization_id'),
  /** The name of a person or portal user; null if it has none. */
  name: text('name'),
  /** The scopes of a person or portal user; null for all, and for an API key: it has those of the key. */
  scopes: json<string[]>('scopes'),
  returnUrl: text('return_url'),
  /** The API key that was presented, or that made the link; null if it was another credential. */
  apiKeyId: text('api_key_id'),
  /** The keyed hash of the API key's value, of the root key or of the rules of Cloudflare Access. Once it is not accepted, this ends. */
  credential: text('credential').notNull(),
  createdAt: time('created_at'),
  expiresAt: time('expires_at'),
};

export const consoleSessions = sqliteTable(
  'console_sessions',
  {
    /** Of the cookie's value, made like that of a secret. */
    hash: text('hash').primaryKey(),
    ...signInColumns,
    /** The sessions that are bounded together. */
    holder: text('holder').notNull(),
  },
  (table) => [
    index('console_sessions_holder').on(table.holder, table.createdAt),
    index('console_sessions_expires_at').on(table.expiresAt),
  ],
);

/** One-time links to the console. Used and expired ones stay for a while, so that an error can say what happened. */
export const consoleLinks = sqliteTable(
  'console_links',
  {
    /** Of the link's token, made like that of a secret. */
    hash: text('hash').primaryKey(),
    ...signInColumns,
    usedAt: integer('used_at'),
  },
  (table) => [index('console_links_expires_at').on(table.expiresAt)],
);
