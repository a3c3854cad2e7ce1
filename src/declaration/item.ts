import { areEqualJson } from '../lib/equal-json.ts';
import { defaults, fieldNames, type Section } from './fields.ts';

interface Grant {
  readonly resource_server: string;
  readonly scopes: readonly string[];
}

/** All fields of a resource server, role, client or webhook that a file may declare, in canonical form. */
export type Fields = Readonly<Record<string, unknown>>;

const IDENTITIES = { resource_servers: 'identifier', roles: 'name', clients: 'client_name', webhooks: 'name' } as const;

/** Returns the field that holds the name. */
export function identityField(section: Section): string {
  return IDENTITIES[section];
}

/** Returns the name for people. */
export function nameOf(section: Section, fields: Fields): string {
  return String(fields[IDENTITIES[section]]);
}

/**
 * Returns the key that identifies an item: the API ignores the case of ASCII letters in the names of roles, clients and webhooks, and
 * stores them in NFC.
 */
export function identityOf(section: Section, fields: Fields): string {
  const name = nameOf(section, fields);
  return section === 'resource_servers'
    ? name
    : name.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * Brings fields into canonical form, so that equal meanings compare equal. It sorts lists that are sets, adds defaults for missing fields,
 * and drops fields that a file cannot declare.
 */
export function canonical(section: Section, item: object): Fields {
  const values = new Map(Object.entries({ ...defaults(section), ...item }));
  return Object.fromEntries(fieldNames(section).map((name) => [name, (SORTED[name] ?? unchanged)(values.get(name))]));
}

/** Returns the fields that differ from their defaults. */
export function withoutDefaults(section: Section, fields: Fields): Fields {
  const byDefault = defaults(section);
  const others = Object.entries(fields).filter(
    ([name, value]) => !(Object.hasOwn(byDefault, name) && areEqualJson(value, byDefault[name])),
  );
  return Object.fromEntries(others);
}

const SORTED: Readonly<Record<string, (value: unknown) => unknown>> = {
  scopes: (value) => sortedBy(value as { name: string }[], ({ name }) => name),
  grants: (value) => sortedGrants(value as Grant[]),
  roles: (value) => sortedSet(value as string[]),
  introspects: (value) => sortedSet(value as string[]),
  requestable_claims: (value) => sortedSet(value as string[]),
  accepted_claims: (value) => sortedSet(value as string[]),
  events: (value) => (value === null ? null : sortedSet(value as string[])),
  additional_auth_methods: (value) => sortedSet(value as string[]),
  jwks: sortedNames,
  federated_identities: sortedNames,
  claims: sortedNames,
  metadata: sortedNames,
};

function unchanged(value: unknown): unknown {
  return value;
}

/** Returns the same JSON with the names of its objects sorted. */
function sortedNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedNames);
  if (typeof value !== 'object' || value === null) return value;
  const members = sortedBy(Object.entries(value), ([name]) => name);
  return Object.fromEntries(members.map(([name, member]) => [name, sortedNames(member)]));
}

/** Merges the grants into one for each resource server. */
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

/** Sorts by code units, so that the order is the same in every locale. */
export function sortedBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : Number(key(a) > key(b))));
}
