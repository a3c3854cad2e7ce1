import { selectOwnScopes, selectOwnServers, selectRoleScopes, selectRoleServers, selectRoles } from './client-links.ts';
import type { Database } from './database.ts';
import { askStore } from './errors.ts';
import { listOf } from './sql.ts';

/** What grants something to a client: the client's own grants, or a role. */
export type GrantSource =
  | { readonly type: 'direct' }
  | { readonly type: 'role'; readonly id: string; readonly name: string };

/** What a client is granted at one resource server, and by what. */
export interface EffectiveGrant {
  /** The resource server's identifier. */
  readonly resource: string;
  /** Not empty. A source may grant no scope: the client then gets tokens without scopes. */
  readonly sources: readonly GrantSource[];
  readonly scopes: readonly { readonly name: string; readonly sources: readonly GrantSource[] }[];
}

const DIRECT: GrantSource = { type: 'direct' };

/**
 * Returns what a client is granted at each resource server, sorted, with every source of each scope: its own grants first, then its roles
 * by name. Its gate grants the same, from `readRecords`.
 * @throws StoreUnavailableError
 */
export async function findEffectiveGrants(db: Database, clientId: string): Promise<EffectiveGrant[]> {
  const ids = listOf([clientId]);
  const [ownServers, ownScopes, roles, roleServers, roleScopes] = await askStore('d1', () =>
    db.batch([
      selectOwnServers(db, ids),
      selectOwnScopes(db, ids),
      selectRoles(db, ids),
      selectRoleServers(db, ids),
      selectRoleScopes(db, ids),
    ]),
  );
  const sources = [
    { source: DIRECT, servers: ownServers, scopes: ownScopes },
    ...roles.toSorted(byText(({ name }) => name)).map(({ id, name }) => ({
      source: { type: 'role', id, name } as const,
      servers: roleServers.filter(({ roleId }) => roleId === id),
      scopes: roleScopes.filter(({ roleId }) => roleId === id),
    })),
  ];
  const servers = new Map([...ownServers, ...roleServers].map(({ server }) => [server.id, server]));
  return [...servers.values()].toSorted(byText(({ identifier }) => identifier)).map((server) => {
    const granting = sources.filter((each) => each.servers.some((granted) => granted.server.id === server.id));
    const scopesOf = new Map<string, GrantSource[]>();
    for (const { source, scopes } of granting) {
      const granted = scopes.filter(({ serverId }) => serverId === server.id);
      for (const name of granted.flatMap((row) => JSON.parse(row.scopes) as string[])) {
        scopesOf.set(name, [...(scopesOf.get(name) ?? []), source]);
      }
    }
    return {
      resource: server.identifier,
      sources: granting.map(({ source }) => source),
      scopes: [...scopesOf].map(([name, from]) => ({ name, sources: from })).toSorted(byText(({ name }) => name)),
    };
  });
}

function byText<T>(textOf: (item: T) => string) {
  return (one: T, other: T) => (textOf(one) < textOf(other) ? -1 : 1);
}
