import { type Administrator, isInstanceAdministrator } from '../../credentials/administrator.ts';
import { comparableForm } from '../../lib/identifier.ts';
import type { StoredGrant } from '../../store/grants.ts';
import { type GrantableResourceServer, grantableResourceServers } from '../../store/resource-servers.ts';
import { assignableRoles } from '../../store/roles.ts';
import { GRANTS_BYTES_MAX } from '../constants.ts';
import { hasScope } from '../http/authorization.ts';
import { invalid, invalidIn } from '../http/problem.ts';
import type { ManagementServices } from '../services.ts';
import { type Kind, ReferenceErrors, UNKNOWN } from './reference-errors.ts';
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

/** What the references of a role or client refer to: ids to store, and names to show. */
export interface Resolved {
  readonly grants: readonly StoredGrant[];
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly introspects: readonly { readonly id: string; readonly identifier: string }[];
  readonly defaultResource: { readonly id: string; readonly identifier: string } | null;
  /** The grants by identifier, as the API shows them. */
  readonly shownGrants: { resource_server: string; scopes: string[] }[];
}

/**
 * Looks up the resource servers, scopes and roles that an organization's role or client refers to.
 * @param introspected identifiers of the resource servers that the client may introspect for before the change
 * @throws ProblemError `invalid`, pointing at each reference that is unknown or not allowed; StoreUnavailableError
 */
export async function resolveReferences(
  { db }: Pick<ManagementServices, 'db'>,
  administrator: Administrator,
  organizationId: string | null,
  { grants, roles = [], introspects = [], default_resource = null }: References,
  introspected: readonly string[] = [],
): Promise<Resolved> {
  const serverNames = [...grants.map((grant) => grant.resource_server), ...introspects, default_resource ?? []].flat();
  const [servers, knownRoles] = await Promise.all([
    grantableResourceServers(db, organizationId, serverNames),
    organizationId === null ? new Map<string, never>() : assignableRoles(db, organizationId, roles),
  ]);

  const errors = new ReferenceErrors(hasScope(administrator, 'resource-servers:read'));
  const find = <T>(map: ReadonlyMap<string, T>, name: string, kind: Kind, ...path: PropertyKey[]): T | undefined => {
    const value = map.get(name);
    if (!value) errors.add(kind === 'resource_server' ? unknownServer(servers, name) : UNKNOWN[kind], ...path);
    return value;
  };

  const scopesOf = new Map<string, { identifier: string; scopes: Set<string> }>();
  grants.forEach((grant, index) => {
    const server = find(servers, grant.resource_server, 'resource_server', 'grants', index, 'resource_server');
    if (!server) return;
    const granted = scopesOf.get(server.id) ?? { identifier: server.identifier, scopes: new Set<string>() };
    scopesOf.set(server.id, granted);
    grant.scopes.forEach((scope, position) => {
      if (server.scopes.has(scope)) granted.scopes.add(scope);
      else errors.addUnknownScope(scope, server, 'grants', index, 'scopes', position);
    });
  });
  const heldRoles = roles.map((role, index) => find(knownRoles, role, 'role', 'roles', index));
  const introspectedServers = introspects.map((name, index) => {
    const server = find(servers, name, 'resource_server', 'introspects', index);
    // The client would see the tokens of every organization.
    const isNew = server && !introspected.includes(server.identifier);
    if (isNew && server.organizationId === null && !isInstanceAdministrator(administrator)) {
      const detail = `\`${server.identifier}\` is shared by all organizations: only the root key can let a client introspect for it.`;
      errors.add(detail, 'introspects', index);
    }
    return server;
  });
  const defaultResource =
    default_resource === null ? null : find(servers, default_resource, 'resource_server', 'default_resource');
  if (errors.list.length > 0) throw invalidIn(errors.list);

  const list = [...scopesOf]
    .map(([id, { identifier, scopes }]) => ({ id, identifier, scopes: [...scopes].sort() }))
    .sort((one, other) => (one.identifier < other.identifier ? -1 : 1));
  const shownGrants = list.map(({ identifier, scopes }) => ({ resource_server: identifier, scopes }));
  // Identifiers can be longer than the ids of the request. An update sends them back, so they must fit as well.
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
 * Describes an unknown resource server. A reference must have the registered spelling, because answers have it: `apply` would otherwise
 * find a difference each time. So this names it.
 */
function unknownServer(servers: ReadonlyMap<string, GrantableResourceServer>, name: string): string {
  const form = comparableForm(name);
  const meant = [...servers.values()].find(({ identifier }) => comparableForm(identifier) === form);
  return meant ? `Unknown resource server. Did you mean \`${meant.identifier}\`?` : UNKNOWN.resource_server;
}

/**
 * Looks up the role and the resource server that a list of clients is filtered by.
 * @throws ProblemError `invalid` if one of them is unknown; StoreUnavailableError
 */
export async function resolveFilters(
  { db }: Pick<ManagementServices, 'db'>,
  organizationId: string,
  { role, resource_server }: { readonly role?: string | undefined; readonly resource_server?: string | undefined },
): Promise<{ readonly roleId?: string; readonly resourceServerId?: string }> {
  const [servers, roles] = await Promise.all([
    grantableResourceServers(db, organizationId, resource_server === undefined ? [] : [resource_server]),
    assignableRoles(db, organizationId, role === undefined ? [] : [role]),
  ]);
  const find = (known: ReadonlyMap<string, { id: string }>, parameter: Kind, name: string) => {
    const { id } = known.get(name) ?? {};
    if (id === undefined) throw invalid({ parameter, detail: UNKNOWN[parameter] });
    return id;
  };
  return {
    ...(role !== undefined && { roleId: find(roles, 'role', role) }),
    ...(resource_server !== undefined && {
      resourceServerId: find(servers, 'resource_server', resource_server),
    }),
  };
}

function distinct<T extends { readonly id: string }>(items: readonly (T | undefined)[]): T[] {
  const byId = new Map<string, T>();
  for (const item of items) if (item) byId.set(item.id, item);
  return [...byId.values()];
}
