import { eq, sql } from 'drizzle-orm';
import { byClient, selectRoleScopes, selectRoleServers } from './client-links.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import type { DescribedGrant } from './grants.ts';
import { clientRoles, roles } from './schema.ts';
import { among, listOf } from './sql.ts';

/** A role of a client, with everything that it grants. */
export interface HeldRole {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  /** When the role was last changed, milliseconds since the epoch. */
  readonly updatedAt: number;
  /** Whether other clients have the role as well. */
  readonly isShared: boolean;
  readonly grants: readonly DescribedGrant[];
}

/** Reads the roles of clients, each by name. @returns a function that returns those of a client_id. @throws StoreUnavailableError */
export async function rolesHeldBy(
  db: Database,
  clientIds: readonly string[],
): Promise<(clientId: string) => readonly HeldRole[]> {
  const ids = listOf(clientIds);
  // Two suffice: a role may have a hundred thousand holders.
  const holders = sql`SELECT 1 FROM ${clientRoles} AS holder WHERE holder.role_id = ${roles.id} LIMIT 2`;
  const held = db
    .select({
      clientId: clientRoles.clientId,
      id: roles.id,
      name: roles.name,
      version: roles.version,
      updatedAt: roles.updatedAt,
      isShared: sql<number>`(SELECT COUNT(*) FROM (${holders})) > 1`.as('is_shared'),
    })
    .from(clientRoles)
    .innerJoin(roles, eq(roles.id, clientRoles.roleId))
    .where(among(clientRoles.clientId, ids))
    .orderBy(roles.name);
  const [rows, servers, scopes] = await askStore('d1', () =>
    db.batch([held, selectRoleServers(db, ids), selectRoleScopes(db, ids)]),
  );
  const scopesOf = Map.groupBy(scopes, ({ roleId, serverId }) => `${roleId} ${serverId}`);
  const grantsOf = Map.groupBy(servers, ({ roleId }) => roleId);
  const rolesOf = byClient(rows);
  return (clientId) =>
    rolesOf(clientId).map(({ isShared, clientId: _, ...role }) => ({
      ...role,
      isShared: isShared === 1,
      grants: (grantsOf.get(role.id) ?? []).map(({ server }) => ({
        resource_server: server.identifier,
        scopes: (scopesOf.get(`${role.id} ${server.id}`) ?? []).flatMap((row) => JSON.parse(row.scopes) as string[]),
      })),
    }));
}
