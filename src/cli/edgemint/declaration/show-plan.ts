import type { FederatedIdentity } from '../../../gates/protocol.ts';
import { line } from '../printable.ts';
import type { Grant } from '../representations.ts';
import { type Fields, identityField, withoutDefaults } from './item.ts';
import { type Action, changedFields, subjectOf } from './plan.ts';
import type { Section } from './schema.ts';

export const NOUNS: Readonly<Record<Section, string>> = {
  resource_servers: 'resource server',
  roles: 'role',
  clients: 'client',
};

const SIGNS = { create: '+', change: '~', delete: '-' } as const;

/** The plan as people read it; empty where there is nothing to do. */
export function showPlan(actions: readonly Action[]): string {
  const counts = (['create', 'change', 'delete'] as const).map(
    (what) => `${actions.filter((action) => action.do === what).length} to ${what}`,
  );
  return actions.length === 0 ? '' : [...actions.flatMap(showAction), '', `${counts.join(', ')}.`].join('\n');
}

function showAction(action: Action): string[] {
  const head = `${SIGNS[action.do]} ${NOUNS[action.section]} ${subjectOf(action)}`;
  return [head, ...details(action).map((detail) => `    ${detail}`)].map(line);
}

function details(action: Action): string[] {
  switch (action.do) {
    case 'create': {
      const { [identityField(action.section)]: _, ...fields } = withoutDefaults(action.section, action.to);
      return Object.entries(fields).flatMap(([name, value]) => {
        const members = membersOf(value) ?? [show(value)];
        return name === 'grants' ? members.map((member) => `grants: ${member}`) : `${name}: ${members.join(', ')}`;
      });
    }
    case 'change':
      return changedFields(action.from.fields, action.to).flatMap((name) =>
        showChange(name, action.from.fields[name], action.to[name]),
      );
    case 'delete':
      return [];
  }
}

/** `old → new`; of a set, what comes and what goes. */
function showChange(name: string, from: unknown, to: unknown): string[] {
  const [before, after] = [membersOf(from), membersOf(to)];
  if (!before || !after) return [`${name}: ${show(from)} → ${show(to)}`];
  const added = after.filter((member) => !before.includes(member)).map((member) => `${name}: + ${member}`);
  return [...before.filter((member) => !after.includes(member)).map((member) => `${name}: - ${member}`), ...added];
}

/** What is in a set, in words; undefined for what is none. */
function membersOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((member: string | Grant | { name: string; description: string } | FederatedIdentity) => {
    if (typeof member === 'string') return [member];
    if ('name' in member) return [member.description ? `${member.name} (${member.description})` : member.name];
    if (!('resource_server' in member)) return [JSON.stringify(member)];
    const { resource_server, scopes } = member;
    return scopes.length === 0
      ? [`${resource_server} without a scope`]
      : scopes.map((scope) => `${resource_server} ${scope}`);
  });
}

function show(value: unknown): string {
  return value === null ? 'none' : JSON.stringify(value);
}

/** The plan as JSON. */
export function planAsJson(actions: readonly Action[]): Fields[] {
  return actions.map((action) => {
    const about = { action: action.do, type: NOUNS[action.section].replace(' ', '_'), name: subjectOf(action) };
    if (action.do === 'create') return { ...about, fields: withoutDefaults(action.section, action.to) };
    if (action.do === 'delete') return { ...about, id: action.from.id };
    const changes = changedFields(action.from.fields, action.to).map((name) => [
      name,
      { from: action.from.fields[name], to: action.to[name] },
    ]);
    return { ...about, id: action.from.id, changes: Object.fromEntries(changes) };
  });
}
