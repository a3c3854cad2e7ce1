import { ACCESS_TOKEN_TTL_MAX } from '../../constants.ts';
import type { HeldScopes, ScopeUse, ScopeUses, ServerUses } from '../../gates/protocol.ts';
import type { DescribedGrant } from '../../store/grants.ts';
import type { HeldRole } from '../../store/held-roles.ts';

const HOUR_MS = 3_600_000;

/** What is known about the use of a client's scopes. */
export type Observation =
  | { readonly kind: 'observed'; readonly uses: ScopeUses }
  /** The client never made a request. `since`: when its grants last changed, milliseconds since the epoch. */
  | { readonly kind: 'never_used'; readonly since: number }
  | { readonly kind: 'unknown'; readonly reason: 'gate_unavailable' | 'gate_older' | 'gate_behind' };

/** Why it is not known whether a scope is used. */
export type Doubt =
  | Extract<Observation, { kind: 'unknown' }>['reason']
  /** Tokens were issued with it to requests that did not name it. */
  | 'issued_unnamed'
  /** The gate has not observed it for as long. */
  | 'observed_too_briefly'
  /** The client has used more scopes than its gate can note one by one. */
  | 'too_many_scopes';

export interface JudgedScope {
  readonly resource: string;
  /** null for a grant without scopes. */
  readonly scope: string | null;
  readonly isDirect: boolean;
  /** The names of the roles that grant it. */
  readonly roles: readonly string[];
  /** Milliseconds since the epoch: the beginning of the hour. null for never. */
  readonly requestedAt: number | null;
  readonly issuedAt: number | null;
  readonly introspectedAt: number | null;
  readonly status: 'used' | 'unused' | 'unknown';
  readonly doubt: Doubt | null;
  /** Since when it is certainly not used, milliseconds since the epoch. null unless it is `unused`. */
  readonly unusedSince: number | null;
}

/** A role that grants scopes which the client does not use. */
export interface JudgedRole {
  readonly id: string;
  readonly name: string;
  readonly isShared: boolean;
  readonly unused: readonly DescribedGrant[];
  /**
   * `remove_from_client` if the client uses nothing of the role, `split_role` if other clients have the role, and `edit_role` if it is this
   * client's alone.
   */
  readonly suggestion: 'remove_from_client' | 'split_role' | 'edit_role';
}

export interface Judgement {
  /** Since when uses were observed, milliseconds since the epoch. null if that is not known. */
  readonly observedSince: number | null;
  readonly scopes: readonly JudgedScope[];
  readonly roles: readonly JudgedRole[];
  /** The client's own grants without what is unused. */
  readonly needed: readonly DescribedGrant[];
}

/**
 * Judges which scopes of a client are used. A scope is `unused` only if it is certain that it was not used since a time: an hour in which
 * it was used counts to its end, and a token with it may have been used until it expired. Has no effects.
 * @param unusedSince milliseconds since the epoch
 */
export function judge(
  own: readonly DescribedGrant[],
  roles: readonly HeldRole[],
  observation: Observation,
  unusedSince: number,
): Judgement {
  const uses = readUses(observation);
  const scopes = grantedScopes(own, roles).map((granted) => ({
    ...granted,
    ...uses.judge(granted.resource, granted.scope, unusedSince),
  }));
  const unused = new Set(scopes.filter(({ status }) => status === 'unused').map(keyOf));
  const isUnused = (resource: string, scope: string | null) => unused.has(keyOf({ resource, scope }));
  const needed = own.flatMap(({ resource_server, scopes }) => {
    const kept = scopes.filter((scope) => !isUnused(resource_server, scope));
    const isNeeded =
      kept.length > 0 ||
      (scopes.length === 0 ? !isUnused(resource_server, null) : !uses.isGrantUnused(resource_server, unusedSince));
    return isNeeded ? [{ resource_server, scopes: kept }] : [];
  });
  return { observedSince: uses.observedSince, scopes, roles: judgeRoles(roles, isUnused), needed };
}

/** A scope, or a grant if `scope` is null, that must not be removed, and why. */
export interface RefusedScope {
  readonly resource: string;
  readonly scope: string | null;
  readonly why: 'used' | Doubt;
}

/** The changes of a client's own grants that a patch makes. */
export interface Removal {
  /** What the patch adds, as positions of grants in it: a patch that removes unused scopes adds nothing. */
  readonly added: readonly number[];
  /** What it removes although it was used, or although that is not known. */
  readonly refused: readonly {
    readonly resource: string;
    readonly scope: string | null;
    readonly why: 'used' | Doubt;
  }[];
  /** What it removes, for the gate to hold: without what roles grant as well. */
  readonly held: readonly HeldScopes[];
  readonly isEmpty: boolean;
}

/** Compares a client's own grants with those that a patch leaves. @param judgement of the client, made for this request */
export function compareRemoval(
  own: readonly DescribedGrant[],
  left: readonly DescribedGrant[],
  { scopes, needed }: Judgement,
): Removal {
  const ownScopes = new Map(own.map(({ resource_server, scopes }) => [resource_server, new Set(scopes)]));
  const leftScopes = Map.groupBy(left, ({ resource_server }) => resource_server);
  const added = left.flatMap(({ resource_server, scopes }, index) => {
    const had = ownScopes.get(resource_server);
    return had && scopes.every((scope) => had.has(scope)) ? [] : [index];
  });
  const judged = new Map(scopes.map((scope) => [keyOf(scope), scope]));
  const byRoles = new Set(scopes.filter(({ roles }) => roles.length > 0).map(({ resource }) => resource));
  const neededServers = new Set(needed.map(({ resource_server }) => resource_server));
  const removed = own.flatMap(({ resource_server: resource, scopes }) => {
    const kept = leftScopes.get(resource);
    const keptScopes = new Set(kept?.flatMap((grant) => grant.scopes));
    const gone = scopes.filter((scope) => !keptScopes.has(scope));
    return gone.length > 0 || !kept ? [{ resource, scopes: gone, whole: !kept }] : [];
  });
  const refused = removed.flatMap(({ resource, scopes, whole }): RefusedScope[] => {
    const doubts = scopes.flatMap((scope) => refusalOf(judged.get(keyOf({ resource, scope })), { resource, scope }));
    const isGrantNeeded = whole && doubts.length === 0 && neededServers.has(resource);
    return isGrantNeeded ? [{ resource, scope: null, why: 'used' }] : doubts;
  });
  const held = removed.flatMap(({ resource, scopes, whole }) => {
    const own = scopes.filter((scope) => judged.get(keyOf({ resource, scope }))?.roles.length === 0);
    const isWhole = whole && !byRoles.has(resource);
    return own.length > 0 || isWhole ? [{ resource, scopes: own, whole: isWhole }] : [];
  });
  return { added, refused, held, isEmpty: removed.length === 0 };
}

function refusalOf(judged: JudgedScope | undefined, scope: { resource: string; scope: string }): RefusedScope[] {
  if (!judged || judged.status === 'unused') return [];
  return [{ ...scope, why: judged.doubt ?? 'used' }];
}

type UseFields = Pick<JudgedScope, 'requestedAt' | 'issuedAt' | 'introspectedAt' | 'status' | 'doubt' | 'unusedSince'>;

interface Uses {
  readonly observedSince: number | null;
  readonly judge: (resource: string, scope: string | null, unusedSince: number) => UseFields;
  /** Whether no token can have been used at a resource server since a time. */
  readonly isGrantUnused: (resource: string, unusedSince: number) => boolean;
}

const NEVER = { requestedAt: null, issuedAt: null, introspectedAt: null } as const;

function readUses(observation: Observation): Uses {
  switch (observation.kind) {
    case 'unknown':
      return {
        observedSince: null,
        judge: () => ({ ...NEVER, status: 'unknown', doubt: observation.reason, unusedSince: null }),
        isGrantUnused: () => false,
      };
    case 'never_used': {
      const { since } = observation;
      return {
        observedSince: since,
        judge: (_resource, _scope, unusedSince) => ({ ...NEVER, ...unusedOrTooBrief(since, since, unusedSince) }),
        isGrantUnused: (_, unusedSince) => since <= unusedSince,
      };
    }
    case 'observed':
      return observedUses(observation.uses);
  }
}

function observedUses({ since, others, servers }: ScopeUses): Uses {
  const byResource = new Map(servers.map((server) => [server.resource, server]));
  const notes = new Map(
    servers.map(({ resource, scopes }) => [resource, new Map(scopes.map((note) => [note[0], note]))]),
  );
  const isGrantUnused = (resource: string, unusedSince: number) => {
    const server = byResource.get(resource);
    const begin = Math.max(since, server?.since ?? 0);
    return begin <= unusedSince && lastTokenEnd(Math.max(lastIssue(server), others)) <= unusedSince;
  };
  return {
    observedSince: since,
    judge: (resource, scope, unusedSince) => {
      const server = byResource.get(resource);
      if (scope === null) return judgeGrant({ since, others, server }, unusedSince);
      return judgeScope({ since, others, server, note: notes.get(resource)?.get(scope) }, unusedSince);
    },
    isGrantUnused,
  };
}

interface Noted {
  readonly since: number;
  readonly others: number;
  readonly server: ServerUses | undefined;
}

function judgeScope(
  { since, others, server, note }: Noted & { note: ScopeUse | undefined },
  unusedSince: number,
): UseFields {
  const [, requested, named, introspected, granted] = note ?? ['', 0, 0, 0, 0];
  const begin = Math.max(since, server?.since ?? 0, granted);
  // What was issued before it was granted did not have it.
  const all = server && endOf(server.all) > begin ? server.all : 0;
  const issued = Math.max(named, all);
  const times = { requestedAt: startOf(requested), issuedAt: startOf(issued), introspectedAt: startOf(introspected) };
  const lastNamed = endOf(Math.max(requested, introspected));
  if (lastNamed > unusedSince) return { ...times, status: 'used', doubt: null, unusedSince: null };
  const isUnnoted = !note || !server;
  const doubt = (reason: Doubt) => ({ ...times, status: 'unknown', doubt: reason, unusedSince: null }) as const;
  if (isUnnoted && lastTokenEnd(others) > unusedSince) return doubt('too_many_scopes');
  const lastToken = lastTokenEnd(issued);
  if (lastToken > unusedSince) {
    // Its last token was requested by name before, but may have been used since.
    if (named >= all) return { ...times, status: 'used', doubt: null, unusedSince: null };
    return doubt('issued_unnamed');
  }
  return { ...times, ...unusedOrTooBrief(begin, Math.max(begin, lastNamed, lastToken), unusedSince) };
}

/** Judges a grant without scopes: a token for its resource server is all that it is for. */
function judgeGrant({ since, others, server }: Noted, unusedSince: number): UseFields {
  const begin = Math.max(since, server?.since ?? 0);
  const issued = lastIssue(server);
  const times = { ...NEVER, issuedAt: startOf(issued) };
  const lastToken = lastTokenEnd(issued);
  if (lastToken > unusedSince) return { ...times, status: 'used', doubt: null, unusedSince: null };
  if (!server && lastTokenEnd(others) > unusedSince) {
    return { ...times, status: 'unknown', doubt: 'too_many_scopes', unusedSince: null };
  }
  return { ...times, ...unusedOrTooBrief(begin, Math.max(begin, lastToken), unusedSince) };
}

function unusedOrTooBrief(begin: number, lastUse: number, unusedSince: number) {
  return begin > unusedSince
    ? ({ status: 'unknown', doubt: 'observed_too_briefly', unusedSince: null } as const)
    : ({ status: 'unused', doubt: null, unusedSince: lastUse } as const);
}

function lastIssue(server: ServerUses | undefined): number {
  if (!server) return 0;
  return server.scopes.reduce((last, [, , issued]) => Math.max(last, issued), Math.max(server.all, server.issued));
}

const startOf = (hour: number) => (hour > 0 ? hour * HOUR_MS : null);

/** The end of an hour in which something happened. 0 for never. */
const endOf = (hour: number) => (hour > 0 ? (hour + 1) * HOUR_MS : 0);

/** When a token that was issued in an hour has expired for certain. */
const lastTokenEnd = (hour: number) => (hour > 0 ? endOf(hour) + ACCESS_TOKEN_TTL_MAX * 1000 : 0);

type Granted = Pick<JudgedScope, 'resource' | 'scope' | 'isDirect' | 'roles'>;

/** Returns each scope of a client once, with its sources. A grant without scopes has one entry with null. */
function grantedScopes(own: readonly DescribedGrant[], roles: readonly HeldRole[]): Granted[] {
  const found = new Map<string, { resource: string; scope: string | null; isDirect: boolean; roles: string[] }>();
  const add = ({ resource_server: resource, scopes }: DescribedGrant, role?: string) => {
    for (const scope of scopes.length > 0 ? scopes : [null]) {
      const key = keyOf({ resource, scope });
      const granted = found.get(key) ?? { resource, scope, isDirect: false, roles: [] };
      found.set(key, granted);
      if (role === undefined) granted.isDirect = true;
      else granted.roles.push(role);
    }
  };
  for (const grant of own) add(grant);
  for (const { name, grants } of roles) for (const grant of grants) add(grant, name);
  return [...found.values()].sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

function judgeRoles(
  roles: readonly HeldRole[],
  isUnused: (resource: string, scope: string | null) => boolean,
): JudgedRole[] {
  return roles.flatMap(({ id, name, isShared, grants }) => {
    const unused = grants.flatMap(({ resource_server, scopes }) => {
      const gone = scopes.filter((scope) => isUnused(resource_server, scope));
      const isWhole = scopes.length === 0 && isUnused(resource_server, null);
      return gone.length > 0 || isWhole ? [{ resource_server, scopes: gone.sort() }] : [];
    });
    if (unused.length === 0) return [];
    const isAll = grants.every(({ resource_server, scopes }) =>
      scopes.length === 0 ? isUnused(resource_server, null) : scopes.every((scope) => isUnused(resource_server, scope)),
    );
    const suggestion = isAll ? 'remove_from_client' : isShared ? 'split_role' : 'edit_role';
    return [{ id, name, isShared, unused, suggestion }];
  });
}

// A space sorts before every character of an identifier, and no identifier or scope has one.
function keyOf({ resource, scope }: { readonly resource: string; readonly scope: string | null }): string {
  return `${resource} ${scope ?? ''}`;
}
