import { eq, type SQL, sql } from 'drizzle-orm';
import { ASSERTION_LIFETIME_DEFAULT } from '../constants.ts';
import type { ClientAuthentication, ClientRecord, Grant } from '../gates/protocol.ts';
import { type SecurityProfile, STRICT_METHODS, usesSecrets } from './client-authentication.ts';
import {
  byClient,
  selectIntrospected,
  selectOwnScopes,
  selectOwnServers,
  selectRoleScopes,
  selectRoleServers,
  selectRoles,
} from './client-links.ts';
import type { Client } from './clients.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { clientSecrets, clients, gates, organizations, resourceServers, versionSequence } from './schema.ts';
import { among, listOf } from './sql.ts';

/** The records of clients, all read at one moment. */
export interface ReadRecords {
  /** The version of the last write before that moment. */
  readonly version: number;
  /** The records by client_id, without clients that do not exist. */
  readonly records: ReadonlyMap<string, ClientRecord>;
  /** The ids of the clients' registered gates, which receive their changes. */
  readonly registered: ReadonlySet<string>;
}

/**
 * Registers a gate for a client and reads the client's record, in one batch: a concurrent write either finds the gate registered, or is
 * already in the record.
 * @returns the record; undefined if the client does not exist, and then nothing was written
 * @throws StoreUnavailableError
 */
export async function registerGate(db: Database, gate: string, clientId: string): Promise<ClientRecord | undefined> {
  const [, ...rows] = await askStore('d1', () =>
    db.batch([register(db, gate, clientId), ...selectRecords(db, listOf([clientId]))]),
  );
  return resolveRecords(rows).records.get(clientId);
}

/** Reads the records of clients, all at one moment. @throws StoreUnavailableError */
export async function readRecords(db: Database, clientIds: readonly string[]): Promise<ReadRecords> {
  return resolveRecords(await askStore('d1', () => db.batch(selectRecords(db, listOf(clientIds)))));
}

// Registers nothing if the client does not exist.
function register(db: Database, gate: string, clientId: string) {
  const name = sql<string>`${gate}`.as('name');
  const existing = db.select({ name, clientId: clients.clientId }).from(clients).where(eq(clients.clientId, clientId));
  return db.insert(gates).select(existing).onConflictDoNothing();
}

function selectRecords(db: Database, ids: SQL) {
  return tuple(
    db.select({ value: versionSequence.value }).from(versionSequence),
    selectClients(db, ids),
    db.select().from(clientSecrets).where(among(clientSecrets.clientId, ids)),
    selectOwnServers(db, ids),
    selectOwnScopes(db, ids),
    selectRoles(db, ids),
    selectRoleServers(db, ids),
    selectRoleScopes(db, ids),
    selectIntrospected(db, ids),
    db.select({ name: gates.name }).from(gates).where(among(gates.clientId, ids)),
  );
}

function selectClients(db: Database, ids: SQL) {
  const columns = {
    client: clients,
    // Renamed: in a batch D1 returns rows as objects, in which columns of one name are one.
    organizationStatus: sql<'active' | 'disabled'>`${organizations.status}`.as('organization_status'),
    organizationEpoch: sql<number>`${organizations.revocationEpoch}`.as('organization_epoch'),
    organizationProfile: sql<SecurityProfile>`${organizations.securityProfile}`.as('organization_profile'),
    subject: organizations.subject,
    defaultResource: resourceServers.identifier,
  };
  return db
    .select(columns)
    .from(clients)
    .innerJoin(organizations, eq(organizations.id, clients.organizationId))
    .leftJoin(resourceServers, eq(resourceServers.id, clients.defaultResourceServerId))
    .where(among(clients.clientId, ids));
}

// A tuple, since a batch types each statement by itself.
function tuple<Statements extends unknown[]>(...statements: Statements): Statements {
  return statements;
}

type Rows<Selects extends readonly unknown[]> = { [Index in keyof Selects]: Awaited<Selects[Index]> };

function resolveRecords(rows: Rows<ReturnType<typeof selectRecords>>): ReadRecords {
  const [[sequence], found, secrets, ownServers, ownScopes, roles, roleServers, roleScopes, introspected, registered] =
    rows;
  const version = sequence?.value ?? 0;
  const secretsOf = byClient(secrets);
  const serversOf = byClient(ownServers);
  const scopesOf = byClient(ownScopes);
  const rolesOf = byClient(roles);
  const roleServersOf = Map.groupBy(roleServers, ({ roleId }) => roleId);
  const roleScopesOf = Map.groupBy(roleScopes, ({ roleId }) => roleId);
  const introspectsOf = byClient(introspected);

  const records = found.map((row) => {
    const { client, subject, organizationStatus, organizationEpoch, organizationProfile, defaultResource } = row;
    const { clientId } = client;
    const authentication = authenticationOf(client, organizationProfile);
    const clientRoles = rolesOf(clientId).toSorted(byName);
    const audiences = introspectsOf(clientId);
    const restricted = new Set(client.restrictedClaims);
    const reused = audiences.flatMap(({ identifier, tokensFrom }) =>
      tokensFrom === null ? [] : [{ resource: identifier, tokens_from: tokensFrom }],
    );
    const byRoles = <Row>(rowsOf: ReadonlyMap<string, Row[]>) => clientRoles.flatMap(({ id }) => rowsOf.get(id) ?? []);
    const record: ClientRecord = {
      version,
      client_id: clientId,
      organization_id: client.organizationId,
      subject,
      status: organizationStatus === 'active' ? statusOf(client) : 'disabled',
      // Left out if no method accepts secrets: a gate with older code does not check the methods, and would accept them.
      secrets: (usesSecrets(authentication.methods) ? secretsOf(clientId) : [])
        .filter(({ leakedAt }) => leakedAt === null)
        .map(({ id, hash, expiresAt }) => ({ id, hash, expires_at: expiresAt })),
      grants: resolveGrants(
        [...serversOf(clientId), ...byRoles(roleServersOf)],
        [...scopesOf(clientId), ...byRoles(roleScopesOf)],
        clientRoles.map(({ id }) => id),
        restricted,
      ),
      default_resource: defaultResource,
      roles: clientRoles.map(({ name }) => name),
      introspects: audiences.map(({ identifier }) => identifier),
      introspects_at_edge: audiences.filter(({ strength }) => strength === 'edge').map(({ identifier }) => identifier),
      ...(reused.length > 0 && { introspects_reused: reused }),
      access_token_ttl: client.accessTokenTtl,
      rate_limit: { per_minute: client.rateLimitPerMinute, burst: client.rateLimitBurst },
      ...claimsOf(client),
      may_rotate_secret: client.mayRotateSecret,
      ...(client.log === 'all' && { log: client.log }),
      // Both are versions of writes, so the later revocation has the greater one.
      revocation_epoch: Math.max(client.revocationEpoch, organizationEpoch),
      authentication,
      binding: {
        dpop: client.dpopBoundAccessTokens,
        dpop_nonce: client.dpopNonceRequired,
        certificate: client.tlsClientCertificateBoundAccessTokens,
        any: authentication.is_strict,
      },
      ...(client.expiresAt !== null && { expires_at: Math.floor(client.expiresAt / 1000) }),
      ...(isDisabledAsUnused(client, organizationStatus) && { unused_since: client.unusedSince }),
      ...(client.quota !== null && { quota: client.quota }),
      ...(client.restoredCutOff !== null && { cut_off: client.restoredCutOff }),
    };
    return [clientId, record] as const;
  });
  return { version, records: new Map(records), registered: new Set(registered.map(({ name }) => name)) };
}

// A gate with older code would issue tokens that outlive the client. It treats `expiring` as disabled.
function statusOf({ status, expiresAt }: Client): ClientRecord['status'] {
  return status === 'active' && expiresAt !== null ? 'expiring' : status;
}

/** Whether only the policy for unused clients keeps the client from being active. */
function isDisabledAsUnused(
  client: Client,
  organizationStatus: Client['status'],
): client is Client & { unusedSince: number } {
  return client.status === 'disabled' && organizationStatus === 'active' && client.unusedSince !== null;
}

/** Returns how a client may authenticate, as its gate is told. */
export function authenticationOf(client: Client, organizationProfile: SecurityProfile): ClientAuthentication {
  const registered = [client.tokenEndpointAuthMethod, ...client.additionalAuthMethods];
  const isStrict = client.securityProfile === 'strict' || organizationProfile === 'strict';
  return {
    methods: isStrict ? registered.filter((method) => STRICT_METHODS.includes(method)) : registered,
    keys: client.keys,
    jwks_uri: client.jwksUri,
    tls_subject: client.tlsSubject,
    federated_identities: client.federatedIdentities,
    is_strict: isStrict,
    ...(!isStrict && assertionRules(client)),
  };
}

/**
 * Returns the client's rules for assertions as far as they differ from the default ones, so that most records are as older code wrote them.
 */
function assertionRules({ assertionLifetimeMax, assertionAudience }: Client) {
  return {
    ...(assertionLifetimeMax !== ASSERTION_LIFETIME_DEFAULT && { assertion_lifetime_max: assertionLifetimeMax }),
    ...(assertionAudience !== 'issuer' && { assertion_audience: assertionAudience }),
  };
}

type RecordedClaims = Pick<
  ClientRecord,
  'claims' | 'requestable_claims' | 'restricted_claims' | 'restricted_requestable_claims'
>;

function claimsOf({ claims, requestableClaims, restrictedClaims }: Client): RecordedClaims {
  if (restrictedClaims.length === 0) return { claims, requestable_claims: requestableClaims };
  const isRestricted = (name: string) => restrictedClaims.includes(name);
  const [restricted = [], free = []] = [true, false].map((wanted) =>
    Object.entries(claims).filter(([name]) => isRestricted(name) === wanted),
  );
  return {
    claims: Object.fromEntries(free),
    requestable_claims: requestableClaims.filter((name) => !isRestricted(name)),
    restricted_claims: Object.fromEntries(restricted),
    restricted_requestable_claims: requestableClaims.filter(isRestricted),
  };
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name < other.name ? -1 : 1;
}

interface GrantedServer {
  readonly server: typeof resourceServers.$inferSelect;
  /** The role that grants it; absent if it is granted to the client directly. */
  readonly roleId?: string;
}

interface GrantedScopes {
  readonly serverId: string;
  /** A JSON array. */
  readonly scopes: string;
}

/**
 * Merges grants to one per resource server, with all scopes that are granted there directly or by roles.
 * @param roleIds the client's roles, in the order of the record
 * @param restricted the client's restricted claims
 */
function resolveGrants(
  servers: readonly GrantedServer[],
  granted: readonly GrantedScopes[],
  roleIds: readonly string[],
  restricted: ReadonlySet<string>,
): Grant[] {
  const scopesOf = Map.groupBy(granted, ({ serverId }) => serverId);
  const position = new Map(roleIds.map((id, index) => [id, index]));
  const rolesOf = Map.groupBy(servers, ({ server }) => server.id);
  const distinct = new Map(servers.map(({ server }) => [server.id, server]));
  return [...distinct.values()].map((server) => ({
    resource: server.identifier,
    scopes: [...new Set(scopesOf.get(server.id)?.flatMap(({ scopes }) => JSON.parse(scopes) as string[]))].sort(),
    access_token_ttl: server.accessTokenTtl,
    signing_alg: server.signingAlg,
    access_token_typ: server.accessTokenTyp,
    scope_policy: server.scopePolicy,
    roles: (rolesOf.get(server.id) ?? [])
      .flatMap(({ roleId }) => (roleId === undefined ? [] : (position.get(roleId) ?? [])))
      .sort((one, other) => one - other),
    ...(restricted.size > 0 && { accepted_claims: server.acceptedClaims.filter((name) => restricted.has(name)) }),
    ...(server.tokensFrom !== null && { tokens_from: server.tokensFrom }),
  }));
}
