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

// Queries for the resources that clients are linked to, for many clients at once. Gate records and management answers are built from them.

/** A subquery that selects the ids of clients. */
type Clients = SQL;

// Aggregated in the database, so that thousands of rows become a few.
const SCOPES = sql<string>`json_group_array(scope)`.as('scopes');

/** Selects the resource servers that are granted to the clients directly. */
export function selectOwnServers(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientGrants.clientId, server: resourceServers })
    .from(clientGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, clientGrants.resourceServerId))
    .where(among(clientGrants.clientId, ids));
}

/** Selects the scopes that are granted to the clients directly, per resource server, as a JSON array. */
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

/** Selects the roles of the clients. */
export function selectRoles(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientRoles.clientId, id: roles.id, name: roles.name })
    .from(clientRoles)
    .innerJoin(roles, eq(roles.id, clientRoles.roleId))
    .where(among(clientRoles.clientId, ids));
}

/** Selects the resource servers that the clients' roles grant, per role. A role is read once, even if many of the clients have it. */
export function selectRoleServers(db: Database, ids: Clients) {
  return db
    .select({ roleId: roleGrants.roleId, server: resourceServers })
    .from(roleGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
    .where(among(roleGrants.roleId, rolesOf(ids)));
}

/** Selects the scopes that the clients' roles grant, per role and resource server, as a JSON array. */
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

/** Selects the resource servers whose tokens the clients may introspect. */
export function selectIntrospected(db: Database, ids: Clients) {
  return db
    .select({
      clientId: clientIntrospects.clientId,
      id: resourceServers.id,
      identifier: resourceServers.identifier,
      strength: resourceServers.introspection,
      tokensFrom: resourceServers.tokensFrom,
    })
    .from(clientIntrospects)
    .innerJoin(resourceServers, eq(resourceServers.id, clientIntrospects.resourceServerId))
    .where(among(clientIntrospects.clientId, ids));
}

/** Groups rows by client. @returns a function that returns the rows of a client_id */
export function byClient<Row extends { readonly clientId: string }>(rows: readonly Row[]) {
  const groups = Map.groupBy(rows, ({ clientId }) => clientId);
  return (clientId: string): readonly Row[] => groups.get(clientId) ?? [];
}
