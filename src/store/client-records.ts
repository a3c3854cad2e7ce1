import { eq, sql } from 'drizzle-orm';
import type { ClientRecord, Grant } from './client-record.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import {
  clientGrantScopes,
  clientGrants,
  clientIntrospects,
  clientRoles,
  clientSecrets,
  clients,
  gates,
  organizations,
  resourceServers,
  roleGrantScopes,
  roleGrants,
  roles,
  versionSequence,
} from './schema.ts';

/**
 * Registers a gate for a client and reads the client's record, in one batch: a write either finds the gate registered, or is in
 * the record.
 * @returns the record, or undefined where there is no such client, in which case nothing was written
 * @throws StoreUnavailableError
 */
export async function registerGate(db: Database, gate: string, clientId: string): Promise<ClientRecord | undefined> {
  const [, sequence, [found], secrets, ownServers, ownScopes, held, roleServers, roleScopes, introspects] =
    await askStore('d1', () =>
      db.batch([
        register(db, gate, clientId),
        db.select({ value: versionSequence.value }).from(versionSequence),
        selectClient(db, clientId),
        db.select().from(clientSecrets).where(eq(clientSecrets.clientId, clientId)),
        selectOwnServers(db, clientId),
        selectOwnScopes(db, clientId),
        selectRoles(db, clientId),
        selectRoleServers(db, clientId),
        selectRoleScopes(db, clientId),
        selectIntrospected(db, clientId),
      ]),
    );
  if (!found) return undefined;
  const { client } = found;
  return {
    version: sequence[0]?.value ?? 0,
    client_id: client.clientId,
    organization_id: client.organizationId,
    subject: found.subject,
    status: found.organizationStatus === 'active' ? client.status : 'disabled',
    secrets: secrets.map(({ hash, expiresAt }) => ({ hash, expires_at: expiresAt })),
    grants: resolveGrants([...ownServers, ...roleServers], [...ownScopes, ...roleScopes]),
    default_resource: found.defaultResource,
    roles: held.map(({ name }) => name).sort(),
    introspects: introspects.map(({ identifier }) => identifier),
    access_token_ttl: client.accessTokenTtl,
    rate_limit: { per_minute: client.rateLimitPerMinute, burst: client.rateLimitBurst },
    claims: client.claims,
  };
}

interface GrantedServer {
  readonly server: typeof resourceServers.$inferSelect;
}

interface GrantedScope {
  readonly serverId: string;
  readonly scope: string;
}

/** Each resource server once, with all that is granted there, directly or by roles. */
function resolveGrants(servers: readonly GrantedServer[], scopes: readonly GrantedScope[]): Grant[] {
  const scopesOf = Map.groupBy(scopes, ({ serverId }) => serverId);
  const distinct = new Map(servers.map(({ server }) => [server.id, server]));
  return [...distinct.values()].map((server) => ({
    resource: server.identifier,
    scopes: [...new Set(scopesOf.get(server.id)?.map(({ scope }) => scope))].sort(),
    access_token_ttl: server.accessTokenTtl,
    signing_alg: server.signingAlg,
  }));
}

// Registers nothing where there is no such client.
function register(db: Database, gate: string, clientId: string) {
  const name = sql<string>`${gate}`.as('name');
  const existing = db.select({ name, clientId: clients.clientId }).from(clients).where(eq(clients.clientId, clientId));
  return db.insert(gates).select(existing).onConflictDoNothing();
}

function selectClient(db: Database, clientId: string) {
  const columns = {
    client: clients,
    subject: organizations.subject,
    // Under a name of its own: in a batch D1 gives rows as objects, in which columns of one name are one.
    organizationStatus: sql<'active' | 'disabled'>`${organizations.status}`.as('organization_status'),
    defaultResource: resourceServers.identifier,
  };
  return db
    .select(columns)
    .from(clients)
    .innerJoin(organizations, eq(organizations.id, clients.organizationId))
    .leftJoin(resourceServers, eq(resourceServers.id, clients.defaultResourceServerId))
    .where(eq(clients.clientId, clientId));
}

function selectOwnServers(db: Database, clientId: string) {
  return db
    .select({ server: resourceServers })
    .from(clientGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, clientGrants.resourceServerId))
    .where(eq(clientGrants.clientId, clientId));
}

function selectOwnScopes(db: Database, clientId: string) {
  return db
    .select({ serverId: clientGrantScopes.resourceServerId, scope: clientGrantScopes.scope })
    .from(clientGrantScopes)
    .where(eq(clientGrantScopes.clientId, clientId));
}

function selectRoles(db: Database, clientId: string) {
  return db
    .select({ name: roles.name })
    .from(clientRoles)
    .innerJoin(roles, eq(roles.id, clientRoles.roleId))
    .where(eq(clientRoles.clientId, clientId));
}

function selectRoleServers(db: Database, clientId: string) {
  return db
    .selectDistinct({ server: resourceServers })
    .from(clientRoles)
    .innerJoin(roleGrants, eq(roleGrants.roleId, clientRoles.roleId))
    .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
    .where(eq(clientRoles.clientId, clientId));
}

function selectRoleScopes(db: Database, clientId: string) {
  return db
    .select({ serverId: roleGrantScopes.resourceServerId, scope: roleGrantScopes.scope })
    .from(clientRoles)
    .innerJoin(roleGrantScopes, eq(roleGrantScopes.roleId, clientRoles.roleId))
    .where(eq(clientRoles.clientId, clientId));
}

function selectIntrospected(db: Database, clientId: string) {
  return db
    .select({ identifier: resourceServers.identifier })
    .from(clientIntrospects)
    .innerJoin(resourceServers, eq(resourceServers.id, clientIntrospects.resourceServerId))
    .where(eq(clientIntrospects.clientId, clientId));
}
