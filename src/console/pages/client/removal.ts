interface Grant {
  readonly resource_server: string;
  readonly scopes?: readonly string[];
}

/** A scope at a resource server; null for a grant without scopes. */
export interface RemovedScope {
  readonly resource_server: string;
  readonly scope: string | null;
}

/** Returns a text that identifies a scope in a list. */
export function scopeKey({ resource_server, scope }: RemovedScope): string {
  return JSON.stringify([resource_server, scope]);
}

/**
 * Returns the client's own grants without some scopes.
 * @param needed the grants that the judgement leaves: a grant from which all scopes are removed goes only if it is not among these
 */
export function grantsWithout(
  own: readonly Grant[],
  needed: readonly Grant[],
  removed: readonly RemovedScope[],
): { resource_server: string; scopes: string[] }[] {
  const keys = new Set(removed.map(scopeKey));
  const isNeeded = new Set(needed.map(({ resource_server }) => resource_server));
  return own.flatMap(({ resource_server, scopes = [] }) => {
    const kept = scopes.filter((scope) => !keys.has(scopeKey({ resource_server, scope })));
    const isWhole = scopes.length === 0 ? keys.has(scopeKey({ resource_server, scope: null })) : kept.length === 0;
    return isWhole && !isNeeded.has(resource_server) ? [] : [{ resource_server, scopes: kept }];
  });
}
