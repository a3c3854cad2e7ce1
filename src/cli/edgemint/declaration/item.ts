import { isDeepStrictEqual } from 'node:util';
import type { Grant } from '../representations.ts';
import { defaults, fieldNames, type Section } from './schema.ts';

/** The fields of a resource server, role or client that a file may declare: all of them, in canonical form. */
export type Fields = Readonly<Record<string, unknown>>;

const IDENTITIES = { resource_servers: 'identifier', roles: 'name', clients: 'client_name' } as const;

/** The field by which one is called. */
export function identityField(section: Section): string {
  return IDENTITIES[section];
}

/** By what one is called. */
export function nameOf(section: Section, fields: Fields): string {
  return String(fields[IDENTITIES[section]]);
}

/** By what one is known again: the API tells names of roles and clients apart without regard to the case of ASCII letters. */
export function identityOf(section: Section, fields: Fields): string {
  const name = nameOf(section, fields);
  return section === 'resource_servers' ? name : name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * The fields in canonical form: what means the same is the same. Lists that are sets are sorted, fields that are not there have their
 * defaults, and what is no field of a file is left out.
 */
export function canonical(section: Section, given: object): Fields {
  const values = new Map(Object.entries({ ...defaults(section), ...given }));
  return Object.fromEntries(fieldNames(section).map((name) => [name, (SORTED[name] ?? same)(values.get(name))]));
}

/** The fields that differ from their defaults. */
export function withoutDefaults(section: Section, fields: Fields): Fields {
  const byDefault = defaults(section);
  const given = Object.entries(fields).filter(
    ([name, value]) => !(Object.hasOwn(byDefault, name) && isDeepStrictEqual(value, byDefault[name])),
  );
  return Object.fromEntries(given);
}

const SORTED: Readonly<Record<string, (value: unknown) => unknown>> = {
  scopes: (value) => sortedBy(value as { name: string }[], ({ name }) => name),
  grants: (value) => sortedGrants(value as Grant[]),
  roles: (value) => sortedSet(value as string[]),
  introspects: (value) => sortedSet(value as string[]),
  requestable_claims: (value) => sortedSet(value as string[]),
  additional_auth_methods: (value) => sortedSet(value as string[]),
  jwks: sortedNames,
  federated_identities: sortedNames,
  claims: sortedNames,
  metadata: sortedNames,
};

function same(value: unknown): unknown {
  return value;
}

/** The same JSON, the names of its objects in order. */
function sortedNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedNames);
  if (typeof value !== 'object' || value === null) return value;
  const members = sortedBy(Object.entries(value), ([name]) => name);
  return Object.fromEntries(members.map(([name, member]) => [name, sortedNames(member)]));
}

/** One grant for each resource server. */
function sortedGrants(grants: readonly Grant[]): Grant[] {
  const scopes = new Map<string, string[]>();
  for (const grant of grants) {
    scopes.set(grant.resource_server, [...(scopes.get(grant.resource_server) ?? []), ...grant.scopes]);
  }
  const merged = [...scopes].map(([resource_server, names]) => ({ resource_server, scopes: sortedSet(names) }));
  return sortedBy(merged, ({ resource_server }) => resource_server);
}

function sortedSet(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** By code units, so that the order is the same everywhere. */
export function sortedBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : Number(key(a) > key(b))));
}
