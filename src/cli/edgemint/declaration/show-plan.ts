import type { Section } from '../../../declaration/fields.ts';
import type { Imported } from '../../../declaration/imported.ts';
import { type Fields, identityField, withoutDefaults } from '../../../declaration/item.ts';
import type { FederatedIdentity } from '../../../gates/protocol.ts';
import { line } from '../printable.ts';
import type { Grant } from '../representations.ts';
import { type Action, changedFields, subjectOf } from './plan.ts';

export const NOUNS: Readonly<Record<Section, string>> = {
  resource_servers: 'resource server',
  roles: 'role',
  clients: 'client',
  webhooks: 'webhook',
};

const SIGNS = { create: '+', change: '~', delete: '-' } as const;

/** Formats a plan for people. Empty if there is nothing to do. */
export function showPlan(actions: readonly Action[]): string {
  const counts = (['create', 'change', 'delete'] as const).map(
    (verb) => `${actions.filter((action) => action.do === verb).length} to ${verb}`,
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
      return [
        ...credentials(action.imported),
        ...Object.entries(fields).flatMap(([name, value]) => {
          const members = membersOf(value) ?? [show(value)];
          return name === 'grants' ? members.map((member) => `grants: ${member}`) : `${name}: ${members.join(', ')}`;
        }),
      ];
    }
    case 'change':
      return changedFields(action.from.fields, action.to).flatMap((name) =>
        showChange(name, action.from.fields[name], action.to[name]),
      );
    case 'delete':
      return [];
  }
}

function credentials(imported: Imported | undefined): string[] {
  if (!imported) return [];
  const { client_id, client_secret } = imported;
  if (!client_secret) return [`client_id: ${client_id}`];
  const place = 'env' in client_secret ? `the variable ${client_secret.env}` : `the file ${client_secret.file}`;
  return [`client_id: ${client_id}`, `client_secret: from ${place}`];
}

/** Formats a change as `old → new`, or as the members that are added to and removed from a set. */
function showChange(name: string, from: unknown, to: unknown): string[] {
  const [previous, next] = [membersOf(from), membersOf(to)];
  if (!previous || !next) return [`${name}: ${show(from)} → ${show(to)}`];
  const added = next.filter((member) => !previous.includes(member)).map((member) => `${name}: + ${member}`);
  return [...previous.filter((member) => !next.includes(member)).map((member) => `${name}: - ${member}`), ...added];
}

/** Describes the members of a set. Returns undefined if the value is not a set. */
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

/** Returns the plan for `--json`. */
export function planAsJson(actions: readonly Action[]): Fields[] {
  return actions.map((action) => {
    const subject = { action: action.do, type: NOUNS[action.section].replace(' ', '_'), name: subjectOf(action) };
    if (action.do === 'create')
      return { ...subject, ...action.imported, fields: withoutDefaults(action.section, action.to) };
    if (action.do === 'delete') return { ...subject, id: action.from.id };
    const changes = changedFields(action.from.fields, action.to).map((name) => [
      name,
      { from: action.from.fields[name], to: action.to[name] },
    ]);
    return { ...subject, id: action.from.id, changes: Object.fromEntries(changes) };
  });
}
