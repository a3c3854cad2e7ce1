import type { Section } from '../../../declaration/fields.ts';
import type { Imported } from '../../../declaration/imported.ts';
import { type Fields, identityField, withoutDefaults } from '../../../declaration/item.ts';
import type { FederatedIdentity } from '../../../gates/protocol.ts';
import { RECENT_USE_MS } from '../../constants.ts';
import { relativeTime, time } from '../output.ts';
import { line } from '../printable.ts';
import type { Grant } from '../representations.ts';
import { PLAIN, type Style } from '../style.ts';
import { type Action, type CurrentItem, changedFields, subjectOf } from './plan.ts';

export const NOUNS: Readonly<Record<Section, string>> = {
  resource_servers: 'resource server',
  roles: 'role',
  clients: 'client',
  webhooks: 'webhook',
};

const SIGNS = { create: '+', change: '~', delete: '-' } as const;

/** Formats a plan for people. Empty if there is nothing to do. */
export function showPlan(actions: readonly Action[], style = PLAIN): string {
  const counts = (['create', 'change', 'delete'] as const).map(
    (verb) => `${actions.filter((action) => action.do === verb).length} to ${verb}`,
  );
  return actions.length === 0
    ? ''
    : [...actions.flatMap((action) => showAction(action, style)), '', `${counts.join(', ')}.`].join('\n');
}

function showAction(action: Action, style: Style): string[] {
  const head = line(`${SIGNS[action.do]} ${NOUNS[action.section]} ${subjectOf(action)}`);
  const paint = { create: style.green, change: style.yellow, delete: style.red }[action.do];
  return [paint(head), ...details(action).map((detail) => line(`    ${detail}`))];
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
      return action.section === 'clients' ? [lastUse(action.from)] : [];
  }
}

function lastUse({ lastUsedAt }: CurrentItem): string {
  return lastUsedAt ? `last used ${time(lastUsedAt)} (${relativeTime(lastUsedAt, Date.now())})` : 'never used';
}

/**
 * Returns what the user should know before a plan is applied: machines that would stop, and items that were perhaps renamed.
 * @param now milliseconds since the epoch
 */
export function planWarnings(actions: readonly Action[], now: number): string[] {
  const deleted = actions.filter((action) => action.do === 'delete');
  const used = deleted.filter(({ from: { lastUsedAt } }) => lastUsedAt && Date.parse(lastUsedAt) > now - RECENT_USE_MS);
  const sections = (['roles', 'clients', 'webhooks'] as const).filter((section) =>
    (['create', 'delete'] as const).every((verb) =>
      actions.some((action) => action.section === section && action.do === verb),
    ),
  );
  const count = used.length === 1 ? '1 client that was' : `${used.length} clients that were`;
  const names = used.map((action) => `${subjectOf(action)} (${relativeTime(action.from.lastUsedAt ?? '', now)})`);
  const days = RECENT_USE_MS / 86_400_000;
  return [
    ...(used.length > 0 ? [`--prune deletes ${count} used in the last ${days} days: ${names.join(', ')}.`] : []),
    ...sections.map(
      (section) =>
        `A ${NOUNS[section]} is deleted and another created. If it has a new name, say so in a \`moved\` block: it then keeps ${
          section === 'clients' ? 'its id and credentials' : 'its id'
        }.`,
    ),
  ].map(line);
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
    if (action.do === 'delete') {
      const { id, lastUsedAt } = action.from;
      return { ...subject, id, ...(lastUsedAt !== undefined && { last_used_at: lastUsedAt }) };
    }
    const changes = changedFields(action.from.fields, action.to).map((name) => [
      name,
      { from: action.from.fields[name], to: action.to[name] },
    ]);
    return { ...subject, id: action.from.id, changes: Object.fromEntries(changes) };
  });
}
