import type { Administrator } from '../../credentials/api-key.ts';
import type { Services } from '../../services.ts';
import type { StoredGrant } from '../../store/grants.ts';
import { grantableResourceServers } from '../../store/resource-servers.ts';
import { assignableRoles } from '../../store/roles.ts';
import { GRANTS_BYTES_MAX } from '../constants.ts';
import { type FieldError, invalid, invalidIn, pointer } from '../http/problem.ts';
import { GRANTS_TOO_LARGE } from './schemas.ts';

interface Grant {
  readonly resource_server: string;
  readonly scopes: readonly string[];
}

interface References {
  readonly grants: readonly Grant[];
  readonly roles?: readonly string[];
  readonly introspects?: readonly string[];
  readonly default_resource?: string | null;
}

/** What a role's or client's references stand for, by id, and what they are called. */
export interface Resolved {
  readonly grants: readonly StoredGrant[];
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly introspects: readonly { readonly id: string; readonly identifier: string }[];
  readonly defaultResource: { readonly id: string; readonly identifier: string } | null;
  /** The grants as they are shown: by identifier. */
  readonly shownGrants: { resource_server: string; scopes: string[] }[];
}

/**
 * Looks up the resource servers, scopes and roles that an organization's role or client refers to.
 * @param introspected identifiers of the resource servers for which the client may introspect already
 * @throws ProblemError `invalid`, pointing at each reference that stands for nothing; StoreUnavailableError
 */
export async function resolveReferences(
  { db }: Pick<Services, 'db'>,
  administrator: Administrator,
  organizationId: string | null,
  { grants, roles = [], introspects = [], default_resource = null }: References,
  introspected: readonly string[] = [],
): Promise<Resolved> {
  const named = [...grants.map((grant) => grant.resource_server), ...introspects, default_resource ?? []].flat();
  const [servers, found] = await Promise.all([
    grantableResourceServers(db, organizationId, named),
    organizationId === null ? new Map<string, never>() : assignableRoles(db, organizationId, roles),
  ]);

  const errors: FieldError[] = [];
  const look = <T>(map: ReadonlyMap<string, T>, name: string, what: string, ...path: PropertyKey[]): T | undefined => {
    const value = map.get(name);
    if (!value) errors.push({ pointer: pointer(...path), detail: `There is no such ${what}.` });
    return value;
  };

  const scopesOf = new Map<string, { identifier: string; scopes: Set<string> }>();
  grants.forEach((grant, index) => {
    const server = look(servers, grant.resource_server, 'resource server', 'grants', index, 'resource_server');
    if (!server) return;
    const granted = scopesOf.get(server.id) ?? { identifier: server.identifier, scopes: new Set<string>() };
    scopesOf.set(server.id, granted);
    grant.scopes.forEach((scope, position) => {
      if (server.scopes.has(scope)) granted.scopes.add(scope);
      else
        errors.push({
          pointer: pointer('grants', index, 'scopes', position),
          detail: 'The resource server has no such scope.',
        });
    });
  });
  const heldRoles = roles.map((role, index) => look(found, role, 'role', 'roles', index));
  const introspectedServers = introspects.map((name, index) => {
    const server = look(servers, name, 'resource server', 'introspects', index);
    // At a shared resource server it would see every organization's tokens.
    const isNew = server && !introspected.includes(server.identifier);
    if (isNew && server.organizationId === null && administrator.kind !== 'root') {
      errors.push({
        pointer: pointer('introspects', index),
        detail: 'For a shared resource server this requires the root key.',
      });
    }
    return server;
  });
  const defaultResource =
    default_resource === null ? null : look(servers, default_resource, 'resource server', 'default_resource');
  if (errors.length > 0) throw invalidIn(errors);

  const list = [...scopesOf]
    .map(([id, { identifier, scopes }]) => ({ id, identifier, scopes: [...scopes].sort() }))
    .sort((one, other) => (one.identifier < other.identifier ? -1 : 1));
  const shownGrants = list.map(({ identifier, scopes }) => ({ resource_server: identifier, scopes }));
  // Ids are short: what was let in by them must be let in by identifiers as well, since that is how it comes back in a change.
  if (JSON.stringify(shownGrants).length > GRANTS_BYTES_MAX)
    throw invalid({ pointer: '/grants', detail: GRANTS_TOO_LARGE });
  return {
    grants: list.map(({ id, scopes }) => ({ resourceServerId: id, scopes })),
    shownGrants,
    roles: distinct(heldRoles),
    introspects: distinct(introspectedServers),
    defaultResource: defaultResource ?? null,
  };
}

/**
 * Looks up what a list of clients is narrowed down by.
 * @throws ProblemError `invalid` where there is no such role or resource server; StoreUnavailableError
 */
export async function resolveFilters(
  { db }: Pick<Services, 'db'>,
  organizationId: string,
  { role, resource_server }: { readonly role?: string | undefined; readonly resource_server?: string | undefined },
): Promise<{ readonly roleId?: string; readonly resourceServerId?: string }> {
  const [servers, roles] = await Promise.all([
    grantableResourceServers(db, organizationId, resource_server === undefined ? [] : [resource_server]),
    assignableRoles(db, organizationId, role === undefined ? [] : [role]),
  ]);
  const look = (found: ReadonlyMap<string, { id: string }>, parameter: string, name: string) => {
    const { id } = found.get(name) ?? {};
    if (id === undefined) throw invalid({ parameter, detail: 'There is no such thing.' });
    return id;
  };
  return {
    ...(role !== undefined && { roleId: look(roles, 'role', role) }),
    ...(resource_server !== undefined && { resourceServerId: look(servers, 'resource_server', resource_server) }),
  };
}

function distinct<T extends { readonly id: string }>(items: readonly (T | undefined)[]): T[] {
  const byId = new Map<string, T>();
  for (const item of items) if (item) byId.set(item.id, item);
  return [...byId.values()];
}
