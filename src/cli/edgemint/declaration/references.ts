import { SECTIONS, type Section } from '../../../declaration/fields.ts';
import { type Fields, identityOf, nameOf } from '../../../declaration/item.ts';
import type { Complaint } from './complaint.ts';
import { movedComplaints } from './moved.ts';
import { type Action, type CurrentItem, patchOf, planActions, type Sections } from './plan.ts';
import type { Declaration } from './schema.ts';

/** The shared items: a file may refer to them and may not declare them. */
export type Shared = Readonly<Record<'resource_servers' | 'roles', readonly Fields[]>>;

/**
 * Finds problems that the schema cannot express, such as references to missing items. Finding them first keeps an `apply` from failing
 * half-way.
 * @param own the current items that may be changed
 * @param pruned the sections whose undeclared items are deleted
 * @param now milliseconds since the epoch
 */
export function findComplaints(
  declaration: Declaration,
  own: Sections<CurrentItem>,
  shared: Shared,
  pruned: readonly Section[],
  now: number,
): Complaint[] {
  const after = stateAfter(declaration, own, shared, pruned);
  return [
    ...SECTIONS.flatMap((section) => identityComplaints(section, declaration, shared)),
    ...declaration.roles.flatMap((role, index) => grantComplaints(role, ['roles', index], after.scopes)),
    ...declaration.clients.flatMap((client, index) => clientComplaints(client, index, after)),
    ...lossComplaints(declaration, own, after.scopes, pruned),
    ...repeatedIdComplaints(declaration),
    ...movedComplaints(declaration, own),
    ...planActions(declaration, own, pruned).flatMap((action) => [
      ...nullComplaints(action),
      ...idComplaints(action, declaration),
      ...expiryComplaints(action, now),
    ]),
  ];
}

function nullComplaints(action: Action): Complaint[] {
  if (action.do !== 'change' || patchOf(action.from.fields, action.to)) return [];
  const message =
    'An existing object cannot get a null member. Leave it out, or use another value. Only a new item can have it.';
  return [{ path: [action.section, action.index], message }];
}

/** Finds a client whose `client_id` differs from that of the client that has its name already: an id cannot be changed. */
function idComplaints(action: Action, declaration: Declaration): Complaint[] {
  if (action.do !== 'change' || action.section !== 'clients') return [];
  const declared = declaration.clients[action.index]?.client_id;
  if (declared === undefined || declared === action.from.id) return [];
  const message = `${nameOf('clients', action.to)} has the client_id ${action.from.id}, which cannot be changed. Use that one, or another client_name.`;
  return [{ path: ['clients', action.index, 'client_id'], message }];
}

function repeatedIdComplaints({ clients }: Declaration): Complaint[] {
  const seen = new Set<string>();
  return clients.flatMap(({ client_id }, index) => {
    if (client_id === undefined) return [];
    const isRepeated = seen.has(client_id);
    seen.add(client_id);
    return isRepeated ? [{ path: ['clients', index, 'client_id'], message: `${client_id} is in the file twice.` }] : [];
  });
}

/** Finds a client's end that is in the past, unless the client has it already. */
function expiryComplaints(action: Action, now: number): Complaint[] {
  if (action.do === 'delete') return [];
  const { expires_at } = action.to;
  const current = action.do === 'change' ? action.from.fields.expires_at : undefined;
  if (typeof expires_at !== 'string' || expires_at === current || Date.parse(expires_at) > now) return [];
  const message = `${expires_at} is in the past. Set a later time, or remove the item from the file.`;
  return [{ path: [action.section, action.index, 'expires_at'], message }];
}

interface StateAfter {
  /** The scopes of each resource server that can be granted. */
  readonly scopes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly roles: ReadonlySet<string>;
}

function stateAfter(
  declaration: Declaration,
  own: Sections<CurrentItem>,
  shared: Shared,
  pruned: readonly Section[],
): StateAfter {
  const kept = (section: Section): Fields[] =>
    pruned.includes(section) ? [] : own[section].map(({ fields }) => fields);
  // The last entry of a map wins, so the declared ones come last.
  const servers: Fields[] = [...shared.resource_servers, ...kept('resource_servers'), ...declaration.resource_servers];
  const declaredRoles = new Set(declaration.roles.map((role) => identityOf('roles', role)));
  const roles = [...shared.roles, ...kept('roles').filter((role) => !declaredRoles.has(identityOf('roles', role)))];
  return {
    scopes: new Map(servers.map((server) => [nameOf('resource_servers', server), scopeNames(server)])),
    // References are in NFC. An older version stored names in any form.
    roles: new Set([...roles, ...declaration.roles].map((role) => nameOf('roles', role).normalize('NFC'))),
  };
}

function scopeNames({ scopes }: Fields): Set<string> {
  return new Set((scopes as { name: string }[]).map(({ name }) => name));
}

function identityComplaints(section: Section, declaration: Declaration, shared: Shared): Complaint[] {
  const reasons = new Map<string, string>();
  if (section === 'resource_servers' || section === 'roles') {
    for (const fields of shared[section])
      reasons.set(identityOf(section, fields), 'is shared by all organizations. Remove it from the file');
  }
  return declaration[section].flatMap((fields, index) => {
    const identity = identityOf(section, fields);
    const reason = reasons.get(identity);
    reasons.set(identity, 'is in the file twice');
    return reason === undefined ? [] : [{ path: [section, index], message: `${nameOf(section, fields)} ${reason}.` }];
  });
}

function grantComplaints(
  { grants }: Pick<Declaration['roles'][number], 'grants'>,
  path: readonly PropertyKey[],
  servers: StateAfter['scopes'],
): Complaint[] {
  return grants.flatMap(({ resource_server, scopes }, index) => {
    const at = [...path, 'grants', index];
    const known = servers.get(resource_server);
    if (!known) return [{ path: [...at, 'resource_server'], message: noServer(resource_server) }];
    return scopes.flatMap((scope, position) =>
      known.has(scope)
        ? []
        : [{ path: [...at, 'scopes', position], message: `${resource_server} has no scope ${scope}.` }],
    );
  });
}

function clientComplaints(client: Declaration['clients'][number], index: number, after: StateAfter): Complaint[] {
  const path = ['clients', index];
  const unknownServers = client.introspects.flatMap((name, position) =>
    after.scopes.has(name) ? [] : [{ path: [...path, 'introspects', position], message: noServer(name) }],
  );
  const unknownRoles = client.roles.flatMap((name, position) =>
    after.roles.has(name) ? [] : [{ path: [...path, 'roles', position], message: `There is no role ${name}.` }],
  );
  const { default_resource } = client;
  const isKnown = default_resource === null || after.scopes.has(default_resource);
  const unknownDefault = isKnown ? [] : [{ path: [...path, 'default_resource'], message: noServer(default_resource) }];
  return [...grantComplaints(client, path, after.scopes), ...unknownServers, ...unknownRoles, ...unknownDefault];
}

function noServer(identifier: string): string {
  return `There is no resource server ${identifier}.`;
}

/** Finds scopes that the declaration removes from a resource server while an item outside the file is granted them. */
function lossComplaints(
  declaration: Declaration,
  own: Sections<CurrentItem>,
  servers: StateAfter['scopes'],
  pruned: readonly Section[],
): Complaint[] {
  const unpruned = (['roles', 'clients'] as const).filter((section) => !pruned.includes(section));
  return unpruned.flatMap((section) => {
    const declared = new Set(declaration[section].map((fields) => identityOf(section, fields)));
    const others = own[section].filter(({ fields }) => !declared.has(identityOf(section, fields)));
    return others.flatMap(({ fields }) =>
      (fields.grants as Declaration['roles'][number]['grants']).flatMap(({ resource_server, scopes }) => {
        const index = declaration.resource_servers.findIndex(({ identifier }) => identifier === resource_server);
        const holder = `${nameOf(section, fields)}, which is not in the file`;
        if (!servers.has(resource_server)) {
          return [{ path: ['resource_servers'], message: `${resource_server} is still granted to ${holder}.` }];
        }
        if (index < 0) return [];
        const lost = scopes.filter((scope) => !servers.get(resource_server)?.has(scope));
        return lost.map((scope) => ({
          path: ['resource_servers', index, 'scopes'],
          message: `The scope ${scope} is still granted to ${holder}.`,
        }));
      }),
    );
  });
}
