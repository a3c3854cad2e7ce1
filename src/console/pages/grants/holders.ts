// Who holds a scope, and who loses it by a change. Pure functions on what the API lists.

export interface Grant {
  readonly resource_server: string;
  readonly scopes: readonly string[];
}

export interface RoleGrants {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
}

export interface ClientGrants {
  readonly client_id: string;
  readonly client_name: string;
  readonly grants: readonly Grant[];
  /** The names of its roles. */
  readonly roles: readonly string[];
}

export interface ScopeHolders {
  readonly scope: string;
  readonly roles: readonly RoleGrants[];
  /** Those that have the scope, by a grant of their own or by a role. */
  readonly clients: readonly ClientGrants[];
}

/** Returns who holds each scope of a resource server. */
export function holdersOf(
  resource: string,
  scopes: readonly string[],
  roles: readonly RoleGrants[],
  clients: readonly ClientGrants[],
): ScopeHolders[] {
  return scopes.map((scope) => {
    const granting = roles.filter(({ grants }) => hasScope(grants, resource, scope));
    const names = new Set(granting.map(({ name }) => name));
    const holding = clients.filter(
      (client) => hasScope(client.grants, resource, scope) || client.roles.some((role) => names.has(role)),
    );
    return { scope, roles: granting, clients: holding };
  });
}

/** Returns what the first grants have and the second ones lack. A resource server without scopes is a grant as well. */
export function removedGrants(before: readonly Grant[], after: readonly Grant[]): Grant[] {
  return before.flatMap(({ resource_server, scopes }) => {
    const kept = after.find((grant) => grant.resource_server === resource_server);
    const lost = scopes.filter((scope) => !kept?.scopes.includes(scope));
    return !kept || lost.length > 0 ? [{ resource_server, scopes: lost }] : [];
  });
}

export interface Loss {
  readonly client: ClientGrants;
  readonly lost: readonly Grant[];
}

/**
 * Returns which clients of a role lose something if the role no longer grants it, and what. A client that has it by a grant of its own or by
 * another role keeps it.
 */
export function lossesOf(
  role: string,
  removed: readonly Grant[],
  clients: readonly ClientGrants[],
  roles: readonly RoleGrants[],
): Loss[] {
  return clients.flatMap((client) => {
    if (!client.roles.includes(role)) return [];
    const others = roles.filter(({ name }) => name !== role && client.roles.includes(name));
    const remaining = [...client.grants, ...others.flatMap(({ grants }) => grants)];
    const lost = removed.flatMap(({ resource_server, scopes }) => {
      const gone = scopes.filter((scope) => !hasScope(remaining, resource_server, scope));
      const isShut = !remaining.some((grant) => grant.resource_server === resource_server);
      return gone.length > 0 || (scopes.length === 0 && isShut) ? [{ resource_server, scopes: gone }] : [];
    });
    return lost.length > 0 ? [{ client, lost }] : [];
  });
}

/** Adds or removes a scope of a grant. A resource server whose last scope goes keeps a grant without scopes until it is removed. */
export function withScope(grants: readonly Grant[], resource: string, scope: string, isGranted: boolean): Grant[] {
  const current = grants.find(({ resource_server }) => resource_server === resource) ?? {
    resource_server: resource,
    scopes: [],
  };
  const others = current.scopes.filter((name) => name !== scope);
  const changed = { resource_server: resource, scopes: isGranted ? [...others, scope].sort() : others };
  return [...grants.filter(({ resource_server }) => resource_server !== resource), changed];
}

function hasScope(grants: readonly Grant[], resource: string, scope: string): boolean {
  return grants.some(({ resource_server, scopes }) => resource_server === resource && scopes.includes(scope));
}
