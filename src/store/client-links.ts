import { eq, type SQL } from 'drizzle-orm';
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

/** The clients' ids, for an IN: a subquery, or `among(ids)`. */
type Clients = SQL;

export function selectOwnServers(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientGrants.clientId, server: resourceServers })
    .from(clientGrants)
    .innerJoin(resourceServers, eq(resourceServers.id, clientGrants.resourceServerId))
    .where(among(clientGrants.clientId, ids));
}

export function selectOwnScopes(db: Database, ids: Clients) {
  return db
    .select({
      clientId: clientGrantScopes.clientId,
      serverId: clientGrantScopes.resourceServerId,
      scope: clientGrantScopes.scope,
    })
    .from(clientGrantScopes)
    .where(among(clientGrantScopes.clientId, ids));
}

export function selectRoles(db: Database, ids: Clients) {
  return db
    .select({ clientId: clientRoles.clientId, id: roles.id, name: roles.name })
    .from(clientRoles)
    .innerJoin(roles, eq(roles.id, clientRoles.roleId))
    .where(among(clientRoles.clientId, ids));
}

export function selectRoleServers(db: Database, ids: Clients) {
  return db
    .selectDistinct({ clientId: clientRoles.clientId, server: resourceServers })
    .from(clientRoles)
    .innerJoin(roleGrants, eq(roleGrants.roleId, clientRoles.roleId))
    .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
    .where(among(clientRoles.clientId, ids));
}

export function selectRoleScopes(db: Database, ids: Clients) {
  return db
    .selectDistinct({
      clientId: clientRoles.clientId,
      serverId: roleGrantScopes.resourceServerId,
      scope: roleGrantScopes.scope,
    })
    .from(clientRoles)
    .innerJoin(roleGrantScopes, eq(roleGrantScopes.roleId, clientRoles.roleId))
    .where(among(clientRoles.clientId, ids));
}

export function selectIntrospected(db: Database, ids: Clients) {
  return db
    .select({
      clientId: clientIntrospects.clientId,
      id: resourceServers.id,
      identifier: resourceServers.identifier,
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
