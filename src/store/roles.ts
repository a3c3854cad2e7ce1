import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import { foldedForm } from '../lib/folded-form.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { DescribedGrant, StoredGrant } from './grants.ts';
import { renewClients } from './renewals.ts';
import { clientRoles, clients, resourceServers, roleGrantScopes, roleGrants, roles } from './schema.ts';
import {
  among,
  type Dependents,
  type DependentsShown,
  dependentsOf,
  isAfter,
  isAtVersion,
  listOf,
  ownAndShared,
  refolded,
} from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type Role = typeof roles.$inferSelect;
export type NewRole = Omit<Role, 'version' | 'foldedName'>;
export type RoleFields = Pick<Role, 'name' | 'description'>;

export interface DescribedRole extends Role {
  readonly grants: DescribedGrant[];
}

/**
 * Builds the statements that create a role with its grants, for `write()`. The granted scopes must exist. The statements break the
 * constraint `roles_id` if one client could have both this role and another of its name: a token names roles without their owners.
 */
export function insertRole(db: Database, role: NewRole, grants: readonly StoredGrant[]): Statement[] {
  return [
    db
      .insert(roles)
      .values({ ...role, id: unlessNameIsTaken(role), foldedName: foldedForm(role.name), version: nextVersion }),
    ...insertGrants(db, role.id, grants),
  ];
}

/** Builds the statements that update a role. They break the constraint `roles_name` if `insertRole` would break `roles_id`. */
export function updateRole(
  db: Database,
  role: Role,
  fields: RoleFields,
  grants: readonly StoredGrant[],
  now: number,
): Statement[] {
  const name = unlessNameIsTaken({ ...role, name: fields.name }, fields.name);
  const changed = { ...fields, name, ...refolded(role.name, fields.name), version: nextVersion, updatedAt: now };
  return [
    db.update(roles).set(changed).where(eq(roles.id, role.id)),
    ...removeGrants(db, listOf([role.id])),
    ...insertGrants(db, role.id, grants),
    // Clients are shown with the role's name.
    ...(fields.name === role.name ? [] : [renewClients(db, holdersOf(role.id))]),
  ];
}

/**
 * Builds the statements that delete a role. Without `cascade` they break the constraint `foreign_key` if a client has the role; with it
 * they take it from the clients.
 */
export function deleteRole(db: Database, id: string, cascade: boolean): Statement[] {
  const assigned = [renewClients(db, holdersOf(id)), db.delete(clientRoles).where(eq(clientRoles.roleId, id))];
  return [...(cascade ? assigned : []), ...removeRoles(db, listOf([id]))];
}

/** Builds the statements that delete the selected roles. No client may have them any more. */
export function removeRoles(db: Database, ids: SQL): Statement[] {
  return [...removeGrants(db, ids), db.delete(roles).where(among(roles.id, ids))];
}

function removeGrants(db: Database, ids: SQL): Statement[] {
  return [
    db.delete(roleGrantScopes).where(among(roleGrantScopes.roleId, ids)),
    db.delete(roleGrants).where(among(roleGrants.roleId, ids)),
  ];
}

function insertGrants(db: Database, id: string, grants: readonly StoredGrant[]): Statement[] {
  const json = JSON.stringify(grants);
  return [
    db.insert(roleGrants).select(sql`SELECT ${id}, value ->> 'resourceServerId' FROM json_each(${json})`),
    db.insert(roleGrantScopes).select(sql`SELECT ${id}, granted.value ->> 'resourceServerId', scope.value
      FROM json_each(${json}) AS granted, json_each(granted.value, '$.scopes') AS scope`),
  ];
}

// The unique indexes compare the roles of one owner only. This compares with those of other owners too, in the same statement: if the name
// is taken, the value is NULL, and the whole write fails.
function unlessNameIsTaken({ id, name, organizationId }: NewRole, value = id) {
  const beside = organizationId === null ? sql`` : sql`AND ${roles.organizationId} IS NULL`;
  const isSame = sql`(lower(${roles.name}) = lower(${name}) OR ${roles.foldedName} = ${foldedForm(name)})`;
  const rival = sql`SELECT 1 FROM ${roles} WHERE ${isSame} AND ${roles.id} <> ${id} ${beside}`;
  return sql<string>`CASE WHEN EXISTS (${rival}) THEN NULL ELSE ${value} END`;
}

/** Selects the ids of the clients that have a role. */
export function holdersOf(id: string): SQL {
  return sql`SELECT client_id FROM ${clientRoles} WHERE ${clientRoles.roleId} = ${id}`;
}

/** Finds the clients that have a role, as far as shown, and the total. @throws StoreUnavailableError */
export function roleDependents(db: Database, id: string, shown: DependentsShown): Promise<Dependents> {
  return dependentsOf(db, shown, {
    client: sql`SELECT ${clients.clientId} AS id, client_name AS name FROM ${clientRoles}
      JOIN ${clients} ON ${clients.clientId} = ${clientRoles.clientId} WHERE role_id = ${id}`,
  });
}

/** Whether the role is unchanged since it was read, for the guard of a write. */
export function isRoleAt({ id, version }: Pick<Role, 'id' | 'version'>): SQL {
  return isAtVersion(roles, roles.id, id, version);
}

/** Finds a role with its grants by its id. @throws StoreUnavailableError */
export async function findRole(db: Database, id: string): Promise<DescribedRole | undefined> {
  return (await describeRoles(db, listOf([id])))[0];
}

/**
 * Returns the organization's own and the shared roles by name, starting after `after`.
 * @param organizationId null for the shared ones only
 * @throws StoreUnavailableError
 */
export async function listRoles(
  db: Database,
  { organizationId, after, limit }: { organizationId: string | null; after: string | undefined; limit: number },
): Promise<DescribedRole[]> {
  const name = sql`lower(${roles.name})`;
  const ids = ownAndShared(roles, roles.organizationId, organizationId, {
    by: name,
    isWanted: isAfter(name, after),
    limit,
  });
  return describeRoles(db, ids);
}

async function describeRoles(db: Database, ids: SQL): Promise<DescribedRole[]> {
  const [found, servers, scopes] = await askStore('d1', () =>
    db.batch([
      db.select().from(roles).where(among(roles.id, ids)).orderBy(sql`lower(${roles.name})`),
      db
        .select({
          roleId: roleGrants.roleId,
          serverId: roleGrants.resourceServerId,
          identifier: resourceServers.identifier,
        })
        .from(roleGrants)
        .innerJoin(resourceServers, eq(resourceServers.id, roleGrants.resourceServerId))
        .where(among(roleGrants.roleId, ids))
        .orderBy(resourceServers.identifier),
      db.select().from(roleGrantScopes).where(among(roleGrantScopes.roleId, ids)).orderBy(roleGrantScopes.scope),
    ]),
  );
  const serversOf = Map.groupBy(servers, ({ roleId }) => roleId);
  const scopesOf = Map.groupBy(scopes, ({ roleId, resourceServerId }) => `${roleId} ${resourceServerId}`);
  return found.map((role) => ({
    ...role,
    grants: (serversOf.get(role.id) ?? []).map(({ serverId, identifier }) => ({
      resource_server: identifier,
      scopes: (scopesOf.get(`${role.id} ${serverId}`) ?? []).map(({ scope }) => scope),
    })),
  }));
}

/**
 * Finds roles that an organization's clients may have, its own and the shared ones, by their ids or names in NFC.
 * @returns each one found, by its id and by its name
 * @throws StoreUnavailableError
 */
export async function assignableRoles(
  db: Database,
  organizationId: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, { id: string; name: string }>> {
  if (names.length === 0) return new Map();
  const visible = or(isNull(roles.organizationId), eq(roles.organizationId, organizationId));
  // Lower-cased only to use the index. Older code stored names in any form: NFD is the other common one.
  const forms = names.flatMap((name) => [name, name.normalize('NFD')]);
  const lowered = sql`SELECT lower(value) FROM json_each(${JSON.stringify(forms)})`;
  const isNamed = or(among(roles.id, listOf(names)), among(sql`lower(${roles.name})`, lowered));
  const rows = await askStore('d1', () =>
    db.select({ id: roles.id, name: roles.name }).from(roles).where(and(visible, isNamed)),
  );
  // The last entry of a key counts: the exact name before another form of it, and an id before a role that has it as its name.
  return new Map([
    ...rows.map((role) => [role.name.normalize('NFC'), role] as const),
    ...rows.map((role) => [role.name, role] as const),
    ...rows.map((role) => [role.id, role] as const),
  ]);
}
