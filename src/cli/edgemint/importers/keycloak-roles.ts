import type { JsonObject } from '../../../lib/json.ts';
import { objectOf, objectsOf, textOf, textsOf } from './reading.ts';

/** The roles in the tokens of a client. */
export interface Roles {
  readonly realm: readonly string[];
  readonly clients: Readonly<Record<string, readonly string[]>>;
}

/** Clients that every realm has. */
export const OWN_CLIENTS = [
  'account',
  'account-console',
  'admin-cli',
  'broker',
  'realm-management',
  'security-admin-console',
];
const OWN_ROLES = /^(offline_access|uma_authorization|default-roles-.*)$/;

/** Returns the user that is the service account of a client, if the export has it. */
export function serviceAccountOf(realm: JsonObject, id: string): JsonObject | undefined {
  return objectsOf(realm.users).find(({ serviceAccountClientId }) => serviceAccountClientId === id);
}

/** Roles by the client that they are of, and those of the realm by an empty text. */
class RoleSet {
  readonly #realm: JsonObject;
  readonly #names = new Map<string, Set<string>>();

  constructor(realm: JsonObject) {
    this.#realm = realm;
  }

  /** Adds roles as users, groups and composites list them, with those that they are composed of. */
  addAll(realmRoles: unknown, clientRoles: unknown): void {
    for (const name of textsOf(realmRoles)) this.add('', name);
    for (const [client, names] of Object.entries(objectOf(clientRoles)))
      for (const name of textsOf(names)) this.add(client, name);
  }

  add(client: string, name: string): void {
    const names = this.#names.get(client) ?? new Set();
    if (names.has(name)) return;
    this.#names.set(client, names.add(name));
    const known = objectOf(this.#realm.roles);
    const roles = client === '' ? known.realm : objectOf(known.client)[client];
    const composites = objectOf(objectsOf(roles).find((role) => role.name === name)?.composites);
    this.addAll(composites.realm, composites.client);
  }

  /** Adds all roles of a client. */
  addClient(client: string): void {
    for (const { name } of objectsOf(objectOf(objectOf(this.#realm.roles).client)[client])) {
      if (typeof name === 'string') this.add(client, name);
    }
  }

  has(client: string, name: string): boolean {
    return this.#names.get(client)?.has(name) ?? false;
  }

  entries(): [client: string, name: string][] {
    return [...this.#names].flatMap(([client, names]) => [...names].map((name): [string, string] => [client, name]));
  }
}

interface TokenRoles extends Roles {
  /** The roles of the service account that are in none of its tokens. */
  readonly withheld: readonly string[];
  /** Whether it has roles for the admin API of Keycloak itself. */
  readonly administers: boolean;
}

/**
 * Returns the roles of a client's service account, with those of its groups and those that they are composed of. A client whose full scope
 * is off gets only those that are mapped to it, or to its default client scopes.
 */
export function rolesOf(client: JsonObject, realm: JsonObject): TokenRoles {
  const id = String(client.clientId);
  const user = serviceAccountOf(realm, id);
  const granted = new RoleSet(realm);
  granted.addAll(user?.realmRoles, user?.clientRoles);
  const paths = textsOf(user?.groups);
  for (const group of groupsOf(objectsOf(realm.groups), paths)) granted.addAll(group.realmRoles, group.clientRoles);
  const scope = client.fullScopeAllowed === false ? scopeOf(client, realm) : undefined;
  const isAdministration = (name: string) =>
    name === 'realm-management' || (realm.realm === 'master' && name.endsWith('-realm'));
  const own = ([of, name]: [string, string]) =>
    of === '' ? OWN_ROLES.test(name) : OWN_CLIENTS.includes(of) || isAdministration(of);
  const all = granted.entries();
  const others = all.filter((entry) => !own(entry));
  const kept = others.filter(([of, name]) => scope?.has(of, name) ?? true);
  const clients = new Map<string, string[]>();
  for (const [of, name] of kept) if (of !== '') clients.set(of, [...(clients.get(of) ?? []), name]);
  return {
    realm: kept.filter(([of]) => of === '').map(([, name]) => name),
    clients: Object.fromEntries(clients),
    withheld: others.filter((entry) => !kept.includes(entry)).map(([, name]) => name),
    administers: all.some(([of]) => isAdministration(of)),
  };
}

/** Returns the roles that the scope mappings of a client allow in its tokens. It may always have its own ones. */
function scopeOf(client: JsonObject, realm: JsonObject): RoleSet {
  const allowed = new RoleSet(realm);
  const id = String(client.clientId);
  const scopes = textsOf(client.defaultClientScopes);
  const isOfClient = (mapping: JsonObject) =>
    mapping.client === id || (typeof mapping.clientScope === 'string' && scopes.includes(mapping.clientScope));
  allowed.addClient(id);
  for (const { roles } of objectsOf(realm.scopeMappings).filter(isOfClient)) allowed.addAll(roles, {});
  for (const [of, mappings] of Object.entries(objectOf(realm.clientScopeMappings))) {
    for (const { roles } of objectsOf(mappings).filter(isOfClient)) allowed.addAll([], { [of]: roles });
  }
  return allowed;
}

/** Returns the groups with these paths, and the groups that contain them: their roles are inherited. */
function groupsOf(groups: readonly JsonObject[], paths: readonly string[], parent = ''): JsonObject[] {
  return groups.flatMap((group) => {
    const path = textOf(group.path) ?? `${parent}/${group.name}`;
    const isMember = paths.some((each) => each === path || each.startsWith(`${path}/`));
    return isMember ? [group, ...groupsOf(objectsOf(group.subGroups), paths, path)] : [];
  });
}
