import { and, eq, isNull, or, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { resourceServers, scopes } from './schema.ts';
import { nextVersion, type Statement } from './write.ts';

export type NewResourceServer = Omit<typeof resourceServers.$inferSelect, 'version'>;

export interface Scope {
  readonly name: string;
  readonly description: string;
}

/** A resource server as grants refer to it. */
export interface GrantableResourceServer {
  readonly id: string;
  readonly identifier: string;
  /** null where it is shared. */
  readonly organizationId: string | null;
  readonly scopes: ReadonlySet<string>;
}

/** The statements that create a resource server with its scopes, for `write()`. */
export function insertResourceServer(
  db: Database,
  server: NewResourceServer,
  described: readonly Scope[],
): Statement[] {
  return [
    db.insert(resourceServers).values({ ...server, version: nextVersion }),
    // One statement however many scopes: D1 binds at most 100 parameters. The columns are in the table's order.
    db
      .insert(scopes)
      .select(
        sql`SELECT ${server.id}, value ->> 'name', value ->> 'description' FROM json_each(${JSON.stringify(described)})`,
      ),
  ];
}

/**
 * The resource servers named by these ids or identifiers that an organization may grant: its own and the shared ones; with `null`
 * only the shared ones.
 * @returns by the name that was given; what was not found is left out
 * @throws StoreUnavailableError
 */
export async function grantableResourceServers(
  db: Database,
  organizationId: string | null,
  names: readonly string[],
): Promise<ReadonlyMap<string, GrantableResourceServer>> {
  if (names.length === 0) return new Map();
  const shared = isNull(resourceServers.organizationId);
  const visible = organizationId === null ? shared : or(shared, eq(resourceServers.organizationId, organizationId));
  const given = sql`(SELECT value FROM json_each(${JSON.stringify(names)}))`;
  const rows = await askStore('d1', () =>
    db
      .select({
        id: resourceServers.id,
        identifier: resourceServers.identifier,
        owner: resourceServers.organizationId,
        scope: scopes.name,
      })
      .from(resourceServers)
      .leftJoin(scopes, eq(scopes.resourceServerId, resourceServers.id))
      .where(and(visible, or(sql`${resourceServers.id} IN ${given}`, sql`${resourceServers.identifier} IN ${given}`))),
  );
  const found = new Map<string, GrantableResourceServer & { scopes: Set<string> }>();
  for (const { id, identifier, owner, scope } of rows) {
    const server = found.get(id) ?? { id, identifier, organizationId: owner, scopes: new Set<string>() };
    if (scope !== null) server.scopes.add(scope);
    found.set(id, server).set(identifier, server);
  }
  return found;
}
