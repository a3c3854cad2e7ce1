import { and, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { DescribedGrant, StoredGrant } from './grants.ts';
import { renewClients } from './renewals.ts';
import { clientRoles, clients, resourceServers, roleGrantScopes, roleGrants, roles } from './schema.ts';
import { among, type Dependents, dependentsOf, isAfter, isAtVersion, listOf, ownAndShared } from './sql.ts';
import { nextVersion, type Statement } from './write.ts';

export type Role = typeof roles.$inferSelect;
export type NewRole = Omit<Role, 'version'>;
export type RoleFields = Pick<Role, 'name' | 'description'>;

export interface DescribedRole extends Role {
  readonly grants: DescribedGrant[];
}

/**
 * The statements that create a role with its grants, for `write()`. What a grant refers to must be there. They break the constraint
 * `roles_id` where the role would stand beside another of its name that the same client could have: a token names roles, not their owners.
 */
export function insertRole(db: Database, role: NewRole, grants: readonly StoredGrant[]): Statement[] {
  return [
    db.insert(roles).values({ ...role, id: unlessNameIsTaken(role), version: nextVersion }),
    ...insertGrants(db, role.id, grants),
  ];
}

/** The statements that change a role. They break the constraint `roles_name` where `insertRole` breaks `roles_id`. */
export function updateRole(
  db: Database,
  role: Role,
  fields: RoleFields,
  grants: readonly StoredGrant[],
  now: number,
): Statement[] {
  const name = unlessNameIsTaken({ ...role, name: fields.name }, fields.name);
  const changed = { ...fields, name, version: nextVersion, updatedAt: now };
  return [
    db.update(roles).set(changed).where(eq(roles.id, role.id)),
    ...removeGrants(db, listOf([role.id])),
    ...insertGrants(db, role.id, grants),
    // They are shown with the role's name.
    ...(fields.name === role.name ? [] : [renewClients(db, holdersOf(role.id))]),
  ];
}

/** The statements that delete a role; with `cascade` it is taken from those who have it, which is else a broken foreign key. */
export function deleteRole(db: Database, id: string, cascade: boolean): Statement[] {
  const held = [renewClients(db, holdersOf(id)), db.delete(clientRoles).where(eq(clientRoles.roleId, id))];
  return [...(cascade ? held : []), ...removeRoles(db, listOf([id]))];
}

/** The statements that delete the roles that a subquery selects, which nobody may have any more. */
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

// The unique indexes see each owner's roles apart, so this looks across, in the same statement: a NULL fails the whole write.
function unlessNameIsTaken({ id, name, organizationId }: NewRole, value = id) {
  const beside = organizationId === null ? sql`` : sql`AND ${roles.organizationId} IS NULL`;
  const rival = sql`SELECT 1 FROM ${roles} WHERE lower(${roles.name}) = lower(${name}) AND ${roles.id} <> ${id} ${beside}`;
  return sql<string>`CASE WHEN EXISTS (${rival}) THEN NULL ELSE ${value} END`;
}

/** Selects the ids of the clients that have a role. */
export function holdersOf(id: string): SQL {
  return sql`SELECT client_id FROM ${clientRoles} WHERE ${clientRoles.roleId} = ${id}`;
}

/** Who has a role: so many at most, and how many there are. @throws StoreUnavailableError */
export function roleDependents(db: Database, id: string, limit: number): Promise<Dependents> {
  return dependentsOf(db, limit, {
    client: sql`SELECT ${clients.clientId} AS id, client_name AS name FROM ${clientRoles}
      JOIN ${clients} ON ${clients.clientId} = ${clientRoles.clientId} WHERE role_id = ${id}`,
  });
}

/** Whether the role is still as it was read. */
export function isRoleAt({ id, version }: Pick<Role, 'id' | 'version'>): SQL {
  return isAtVersion(roles, roles.id, id, version);
}

/** @throws StoreUnavailableError */
export async function findRole(db: Database, id: string): Promise<DescribedRole | undefined> {
  return (await describeRoles(db, listOf([id])))[0];
}

/** An organization's own and the shared ones, by name, those behind `after`; with `null` the shared ones. @throws StoreUnavailableError */
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
 * The roles named by these ids or names that an organization's clients may have: its own and the shared ones.
 * @returns by the id or name that was given; what was not found is left out
 * @throws StoreUnavailableError
 */
export async function assignableRoles(
  db: Database,
  organizationId: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, { id: string; name: string }>> {
  if (names.length === 0) return new Map();
  const visible = or(isNull(roles.organizationId), eq(roles.organizationId, organizationId));
  const given = listOf(names);
  // Lowered for the index alone: what is found answers to its exact name.
  const lowered = sql`SELECT lower(value) FROM json_each(${JSON.stringify(names)})`;
  const isNamed = or(among(roles.id, given), among(sql`lower(${roles.name})`, lowered));
  const rows = await askStore('d1', () =>
    db.select({ id: roles.id, name: roles.name }).from(roles).where(and(visible, isNamed)),
  );
  // An id is what it names, whatever somebody called another role.
  return new Map([...rows.map((role) => [role.name, role] as const), ...rows.map((role) => [role.id, role] as const)]);
}
