import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import {
  clientGrantScopes,
  clientGrants,
  clientIntrospects,
  clientRoles,
  resourceServers,
  roleGrantScopes,
  roleGrants,
  roles,
} from './schema.ts';
import { among } from './sql.ts';

// What clients are linked to, for many clients at once: a gate's record and a management answer are both made of these.

/** A subquery that selects the clients' ids. */
type Clients = SQL;

// Thousands of rows are made into few before they leave the database.
const SCOPES = sql<string>`json_group_array(scope)`.as('scopes');

export function selectOwnServers(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientGrants.clientId, server: resourceServers })
    .from(clientGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, clientGrants.resourceServerId))
    .where(among(clientGrants.clientId, ids));
}

/** The scopes that the clients are granted themselves, by resource server, as JSON. */
export function selectOwnScopes(db: Database, ids: Clients) {
  return db
    .select({
      clientId: clientGrantScopes.clientId,
      serverId: clientGrantScopes.resourceServerId,
      scopes: SCOPES,
    })
    .from(clientGrantScopes)
    .where(among(clientGrantScopes.clientId, ids))
    .groupBy(clientGrantScopes.clientId, clientGrantScopes.resourceServerId);
}

export function selectRoles(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientRoles.clientId, id: roles.id, name: roles.name })
    .from(clientRoles)
    .innerJoin(roles, eq(roles.id, clientRoles.roleId))
    .where(among(clientRoles.clientId, ids));
}

/** The resource servers that the clients' roles grant, by role: a role is read once, however many of the clients have it. */
export function selectRoleServers(db: Database, ids: Clients) {
  return db
    .select({ roleId: roleGrants.roleId, server: resourceServers })
    .from(roleGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
    .where(among(roleGrants.roleId, rolesOf(ids)));
}

/** The scopes that the clients' roles grant, by role and resource server, as JSON. */
export function selectRoleScopes(db: Database, ids: Clients) {
  return db
    .select({ roleId: roleGrantScopes.roleId, serverId: roleGrantScopes.resourceServerId, scopes: SCOPES })
    .from(roleGrantScopes)
    .where(among(roleGrantScopes.roleId, rolesOf(ids)))
    .groupBy(roleGrantScopes.roleId, roleGrantScopes.resourceServerId);
}

function rolesOf(ids: Clients): SQL {
  return sql`SELECT role_id FROM ${clientRoles} WHERE ${among(clientRoles.clientId, ids)}`;
}

export function selectIntrospected(db: Database, ids: Clients) {
  return db
    .select({
      clientId: clientIntrospects.clientId,
      id: resourceServers.id,
      identifier: resourceServers.identifier,
      strength: resourceServers.introspection,
    })
    .from(clientIntrospects)
    .innerJoin(resourceServers, eq(resourceServers.id, clientIntrospects.resourceServerId))
    .where(among(clientIntrospects.clientId, ids));
}

/** The rows of each client. */
export function byClient<Row extends { readonly clientId: string }>(rows: readonly Row[]) {
  const groups = Map.groupBy(rows, ({ clientId }) => clientId);
  return (clientId: string): readonly Row[] => groups.get(clientId) ?? [];
}
