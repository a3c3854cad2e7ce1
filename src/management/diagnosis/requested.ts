import type { ClientRecord, Grant, NotedRefusal } from '../../gates/protocol.ts';
import { comparableForm } from '../../lib/identifier.ts';
import type { GrantableResourceServer } from '../../store/resource-servers.ts';
import { DIAGNOSED_NAMES_MAX } from '../constants.ts';

/** What refused requests of a client named and it is not granted now, by whether that exists. */
export interface Ungranted {
  readonly unknownResources: readonly string[];
  readonly ungrantedResources: readonly string[];
  readonly unknownScopes: readonly string[];
  readonly ungrantedScopes: readonly string[];
}

type Servers = ReadonlyMap<string, GrantableResourceServer>;

/** Returns the identifiers of the resource servers that must be looked up to judge these refusals. */
export function resourcesToFind(refusals: readonly NotedRefusal[], { grants }: ClientRecord): string[] {
  const named = refusedAs('invalid_target', refusals).flatMap(({ resource }) => resource ?? []);
  const asked = refusedAs('invalid_scope', refusals).length > 0 ? grants.map(({ resource }) => resource) : [];
  return [...first(named), ...first(asked)];
}

/** Compares what refused requests named with what exists, and with what the client is granted now. */
export function findUngranted(refusals: readonly NotedRefusal[], record: ClientRecord, servers: Servers): Ungranted {
  const exists = new Set([...servers.values()].map(({ identifier }) => comparableForm(identifier)));
  const missing = refusedAs('invalid_target', refusals)
    .flatMap(({ resource }) => resource ?? [])
    .filter((resource) => !grantAt(record, resource));
  const scopes = refusedAs('invalid_scope', refusals).flatMap((refusal) => ungrantedScopes(refusal, record, servers));
  return {
    unknownResources: first(missing.filter((resource) => !exists.has(comparableForm(resource)))),
    ungrantedResources: first(missing.filter((resource) => exists.has(comparableForm(resource)))),
    unknownScopes: first(scopes.filter(({ isKnown }) => !isKnown).map(({ scope }) => scope)),
    ungrantedScopes: first(scopes.filter(({ isKnown }) => isKnown).map(({ scope }) => scope)),
  };
}

function ungrantedScopes({ scopes = [], resource }: NotedRefusal, record: ClientRecord, servers: Servers) {
  const grant = grantAt(record, resource);
  if (!grant) return [];
  const existing = servers.get(grant.resource)?.scopes;
  const missing = scopes.filter((scope) => !grant.scopes.includes(scope) && !isPartial(scope));
  return missing.map((scope) => ({ scope, isKnown: existing?.has(scope) ?? false }));
}

/** Whether a noted scope is not the whole of what was requested: cut, hidden, or the sign that there were more. */
function isPartial(scope: string): boolean {
  return scope.endsWith('...') || scope.startsWith('(');
}

function grantAt({ grants, default_resource }: ClientRecord, named: string | undefined): Grant | undefined {
  const resource = named ?? (grants.length === 1 ? grants[0]?.resource : default_resource) ?? undefined;
  if (resource === undefined) return undefined;
  const form = comparableForm(resource);
  return grants.find((grant) => comparableForm(grant.resource) === form);
}

function refusedAs(reason: string, refusals: readonly NotedRefusal[]): NotedRefusal[] {
  return refusals.filter((refusal) => refusal.reason === reason);
}

function first(names: readonly string[]): string[] {
  return [...new Set(names)].slice(0, DIAGNOSED_NAMES_MAX);
}
