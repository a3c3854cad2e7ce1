import { type SQL, sql } from 'drizzle-orm';
import type { AuditAction } from './audit-actions.ts';
import {
  apiKeys,
  clientGrantScopes,
  clientGrants,
  clientIntrospects,
  clientRoles,
  clientSecrets,
  clients,
  resourceServers,
  roleGrantScopes,
  roleGrants,
  roles,
  scopes,
  webhooks,
} from './schema.ts';
import { listOf } from './sql.ts';

// What else a deletion removes, as audit events. Each kind is one query, however many things there are.

/** The audit events of one kind that a write causes besides its own. */
export interface CascadedEvents {
  readonly action: AuditAction;
  /** Selects `organization_id`, `target` and `changes` of each event. It is evaluated before the write's statements run. */
  readonly events: SQL;
}

/** Events for the secrets of the selected clients, which are deleted with them. */
export function deletedSecrets(ids: SQL): CascadedEvents {
  return {
    action: 'client.secret_deleted',
    events: sql`SELECT ${clients.organizationId} AS organization_id, ${clients.clientId} AS target,
      json_object('secret', ${clientSecrets.id}, 'hint', ${clientSecrets.hint}) AS changes
      FROM ${clientSecrets} JOIN ${clients} ON ${clients.clientId} = ${clientSecrets.clientId}
      WHERE ${clientSecrets.clientId} IN (${ids})`,
  };
}

/** Events for everything that an organization owns, which is deleted with it. @param id of the organization */
export function deletedWithOrganization(id: string): CascadedEvents[] {
  const owned = (table: SQL, target: SQL, changes: SQL) =>
    sql`SELECT organization_id, ${target} AS target, ${changes} AS changes FROM ${table} WHERE organization_id = ${id}`;
  const named = (table: SQL) => owned(table, sql`id`, sql`json_object('name', name)`);
  const scopeNames = sql`(SELECT json_group_array(${scopes.name}) FROM ${scopes}
    WHERE ${scopes.resourceServerId} = ${resourceServers.id})`;
  return [
    deletedSecrets(sql`SELECT client_id FROM ${clients} WHERE organization_id = ${id}`),
    {
      action: 'client.deleted',
      events: owned(sql`${clients}`, sql`client_id`, sql`json_object('client_name', client_name)`),
    },
    { action: 'role.deleted', events: named(sql`${roles}`) },
    {
      action: 'resource_server.deleted',
      events: owned(
        sql`${resourceServers}`,
        sql`id`,
        sql`json_object('identifier', identifier, 'scopes', json(${scopeNames}))`,
      ),
    },
    { action: 'webhook.deleted', events: named(sql`${webhooks}`) },
    { action: 'api_key.deleted', events: named(sql`${apiKeys}`) },
  ];
}

/** Events for the clients that lose a role which is deleted. */
export function clientsLosingRole(id: string, name: string): CascadedEvents {
  return {
    action: 'client.updated',
    events: sql`SELECT ${clients.organizationId} AS organization_id, ${clients.clientId} AS target,
      json_object('removed', json_object('roles', json_array(${name}))) AS changes
      FROM ${clientRoles} JOIN ${clients} ON ${clients.clientId} = ${clientRoles.clientId}
      WHERE ${clientRoles.roleId} = ${id}`,
  };
}

/** Events for the clients and roles that lose their references to a resource server which is deleted. */
export function losingResourceServer(id: string, identifier: string): CascadedEvents[] {
  const refersTo = (table: SQL) => sql`EXISTS (SELECT 1 FROM ${table}
    WHERE resource_server_id = ${id} AND client_id = ${clients.clientId})`;
  const granted = sql`(SELECT json_group_array(${clientGrantScopes.scope}) FROM ${clientGrantScopes}
    WHERE ${clientGrantScopes.clientId} = ${clients.clientId} AND resource_server_id = ${id})`;
  const ofRole = sql`(SELECT json_group_array(${roleGrantScopes.scope}) FROM ${roleGrantScopes}
    WHERE ${roleGrantScopes.roleId} = ${roles.id} AND resource_server_id = ${id})`;
  // `json_patch` leaves out the members that are null.
  const removed = sql`json_patch('{}', json_object(
      'grants', CASE WHEN ${refersTo(sql`${clientGrants}`)} THEN json(${grantsOf(identifier, granted)}) END,
      'introspects', CASE WHEN ${refersTo(sql`${clientIntrospects}`)} THEN json(json_array(${identifier})) END,
      'default_resource', CASE WHEN ${clients.defaultResourceServerId} = ${id} THEN ${identifier} END
    ))`;
  return [
    {
      action: 'client.updated',
      events: sql`SELECT ${clients.organizationId} AS organization_id, ${clients.clientId} AS target,
        json_object('removed', json(${removed})) AS changes FROM ${clients} WHERE ${clients.clientId} IN (
          SELECT client_id FROM ${clientGrants} WHERE resource_server_id = ${id}
          UNION SELECT client_id FROM ${clientIntrospects} WHERE resource_server_id = ${id}
          UNION SELECT client_id FROM ${clients} WHERE default_resource_server_id = ${id})`,
    },
    {
      action: 'role.updated',
      events: sql`SELECT ${roles.organizationId} AS organization_id, ${roles.id} AS target,
        json_object('removed', json_object('grants', json(${grantsOf(identifier, ofRole)}))) AS changes
        FROM ${roles} WHERE ${roles.id} IN (SELECT role_id FROM ${roleGrants} WHERE resource_server_id = ${id})`,
    },
  ];
}

/** Events for the clients and roles that lose scopes which are removed from a resource server. @param lost the names */
export function losingScopes(id: string, identifier: string, lost: readonly string[]): CascadedEvents[] {
  const changes = sql`json_object('removed', json_object('grants', json(${grantsOf(identifier, sql`json_group_array(scope)`)})))`;
  const isLost = sql`resource_server_id = ${id} AND scope IN (${listOf(lost)})`;
  return [
    {
      action: 'client.updated',
      events: sql`SELECT ${clients.organizationId} AS organization_id, ${clients.clientId} AS target, ${changes} AS changes
        FROM ${clientGrantScopes} JOIN ${clients} ON ${clients.clientId} = ${clientGrantScopes.clientId}
        WHERE ${isLost} GROUP BY ${clients.clientId}`,
    },
    {
      action: 'role.updated',
      events: sql`SELECT ${roles.organizationId} AS organization_id, ${roles.id} AS target, ${changes} AS changes
        FROM ${roleGrantScopes} JOIN ${roles} ON ${roles.id} = ${roleGrantScopes.roleId}
        WHERE ${isLost} GROUP BY ${roles.id}`,
    },
  ];
}

/** Builds the JSON of grants at one resource server. @param scopeNames a JSON array */
function grantsOf(identifier: string, scopeNames: SQL): SQL {
  return sql`json_array(json_object('resource_server', ${identifier}, 'scopes', json(${scopeNames})))`;
}
