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
  const [, sequence, found, secrets, direct, directScopes, held, byRole, byRoleScopes, introspects] = await askStore(
    'd1',
    () =>
      db.batch([
        db
          .insert(gates)
          .select(
            db
              .select({ name: sql<string>`${gate}`.as('name'), clientId: clients.clientId })
              .from(clients)
              .where(eq(clients.clientId, clientId)),
          )
          .onConflictDoNothing(),
        db.select({ value: versionSequence.value }).from(versionSequence),
        db
          .select({
            client: clients,
            subject: organizations.subject,
            // Under a name of its own: in a batch D1 gives rows as objects, in which columns of one name are one.
            organizationStatus: sql<'active' | 'disabled'>`${organizations.status}`.as('organization_status'),
            defaultResource: resourceServers.identifier,
          })
          .from(clients)
          .innerJoin(organizations, eq(organizations.id, clients.organizationId))
          .leftJoin(resourceServers, eq(resourceServers.id, clients.defaultResourceServerId))
          .where(eq(clients.clientId, clientId)),
        db.select().from(clientSecrets).where(eq(clientSecrets.clientId, clientId)),
        db
          .select({ server: resourceServers })
          .from(clientGrants)
          .innerJoin(resourceServers, eq(resourceServers.id, clientGrants.resourceServerId))
          .where(eq(clientGrants.clientId, clientId)),
        db
          .select({ serverId: clientGrantScopes.resourceServerId, scope: clientGrantScopes.scope })
          .from(clientGrantScopes)
          .where(eq(clientGrantScopes.clientId, clientId)),
        db
          .select({ name: roles.name })
          .from(clientRoles)
          .innerJoin(roles, eq(roles.id, clientRoles.roleId))
          .where(eq(clientRoles.clientId, clientId)),
        db
          .selectDistinct({ server: resourceServers })
          .from(clientRoles)
          .innerJoin(roleGrants, eq(roleGrants.roleId, clientRoles.roleId))
          .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
          .where(eq(clientRoles.clientId, clientId)),
        db
          .select({ serverId: roleGrantScopes.resourceServerId, scope: roleGrantScopes.scope })
          .from(clientRoles)
          .innerJoin(roleGrantScopes, eq(roleGrantScopes.roleId, clientRoles.roleId))
          .where(eq(clientRoles.clientId, clientId)),
        db
          .select({ identifier: resourceServers.identifier })
          .from(clientIntrospects)
          .innerJoin(resourceServers, eq(resourceServers.id, clientIntrospects.resourceServerId))
          .where(eq(clientIntrospects.clientId, clientId)),
      ]),
  );
  const [row] = found;
  if (!row) return undefined;
  const { client } = row;

  const scopesOf = new Map<string, Set<string>>();
  for (const { server } of [...direct, ...byRole]) scopesOf.set(server.id, new Set());
  for (const { serverId, scope } of [...directScopes, ...byRoleScopes]) scopesOf.get(serverId)?.add(scope);
  const servers = new Map([...direct, ...byRole].map(({ server }) => [server.id, server]));
  const grants = [...servers.values()].map(
    (server): Grant => ({
      resource: server.identifier,
      scopes: [...(scopesOf.get(server.id) ?? [])].sort(),
      access_token_ttl: server.accessTokenTtl,
      signing_alg: server.signingAlg,
    }),
  );

  return {
    version: sequence[0]?.value ?? 0,
    client_id: client.clientId,
    organization_id: client.organizationId,
    subject: row.subject,
    status: row.organizationStatus === 'active' ? client.status : 'disabled',
    secrets: secrets.map(({ hash, expiresAt }) => ({ hash, expires_at: expiresAt })),
    grants,
    default_resource: row.defaultResource,
    roles: held.map(({ name }) => name).sort(),
    introspects: introspects.map(({ identifier }) => identifier),
    access_token_ttl: client.accessTokenTtl,
    rate_limit: { per_minute: client.rateLimitPerMinute, burst: client.rateLimitBurst },
    claims: client.claims,
  };
}
