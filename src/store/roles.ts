import { and, eq, isNull, or, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { roleGrantScopes, roleGrants, roles } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

export type NewRole = Omit<typeof roles.$inferSelect, 'version'>;

/** Scopes at one resource server. */
export interface StoredGrant {
  readonly resourceServerId: string;
  readonly scopes: readonly string[];
}

/**
 * The statements that create a role with its grants, for `write()`. What a grant refers to must be there. They break the constraint
 * `roles_id` where the role would stand beside another of its name that the same client could have: a token names roles, not their owners.
 */
export function insertRole(db: Database, role: NewRole, grants: readonly StoredGrant[]): Statement[] {
  const json = JSON.stringify(grants);
  return [
    db.insert(roles).values({ ...role, id: unlessNameIsTaken(role), version: nextVersion }),
    db.insert(roleGrants).select(sql`SELECT ${role.id}, value ->> 'resourceServerId' FROM json_each(${json})`),
    db.insert(roleGrantScopes).select(sql`SELECT ${role.id}, granted.value ->> 'resourceServerId', scope.value
      FROM json_each(${json}) AS granted, json_each(granted.value, '$.scopes') AS scope`),
  ];
}

// The unique indexes see each owner's roles apart, so this looks across, in the same statement: an id that is NULL fails the whole write.
function unlessNameIsTaken({ id, name, organizationId }: NewRole) {
  const beside = organizationId === null ? sql`` : sql`AND ${roles.organizationId} IS NULL`;
  const rival = sql`SELECT 1 FROM ${roles} WHERE lower(${roles.name}) = lower(${name}) ${beside}`;
  return sql<string>`CASE WHEN EXISTS (${rival}) THEN NULL ELSE ${id} END`;
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
  const given = sql`(SELECT value FROM json_each(${JSON.stringify(names)}))`;
  // Lowered for the index alone: what is found answers to its exact name.
  const lowered = sql`(SELECT lower(value) FROM json_each(${JSON.stringify(names)}))`;
  const rows = await askStore('d1', () =>
    db
      .select({ id: roles.id, name: roles.name })
      .from(roles)
      .where(and(visible, or(sql`${roles.id} IN ${given}`, sql`lower(${roles.name}) IN ${lowered}`))),
  );
  // An id is what it names, whatever somebody called another role.
  return new Map([...rows.map((role) => [role.name, role] as const), ...rows.map((role) => [role.id, role] as const)]);
}
