import { canonical, type Fields } from './item.ts';
import { type Action, changedFields } from './plan.ts';
import { SECTIONS } from './schema.ts';

type Change = Extract<Action, { do: 'change' }>;

/** An action, or a part of one: a change of which `to` is not yet all. */
export interface Step {
  readonly action: Action;
  /** What the step makes of it; undefined where it deletes it. */
  readonly to?: Fields;
}

/**
 * The order in which nothing refers to what is not there: first what others depend on, deletions the other way round. Scopes are taken from
 * a resource server last, when nothing in the file is granted them any more.
 */
export function orderSteps(actions: readonly Action[]): Step[] {
  const made = actions.flatMap((action) => {
    if (action.do === 'delete') return [];
    const to = action.do === 'change' ? beforeRemovals(action) : action.to;
    return to ? [{ action, to }] : [];
  });
  const deleted = SECTIONS.toReversed().flatMap((section) =>
    actions.flatMap((action) => (action.do === 'delete' && action.section === section ? [{ action }] : [])),
  );
  const reduced = actions.flatMap((action) =>
    action.do === 'change' && removesScopes(action) ? [{ action, to: action.to }] : [],
  );
  return [...made, ...deleted, ...reduced];
}

interface Scope {
  readonly name: string;
}

function removedScopes({ from, to }: Change): Scope[] {
  const kept = new Set((to.scopes as Scope[]).map(({ name }) => name));
  return (from.fields.scopes as Scope[]).filter(({ name }) => !kept.has(name));
}

function removesScopes(change: Change): boolean {
  return change.section === 'resource_servers' && removedScopes(change).length > 0;
}

/** What a change makes as long as it removes no scope; undefined where it does nothing else. */
function beforeRemovals(change: Change): Fields | undefined {
  if (!removesScopes(change)) return change.to;
  const scopes = [...(change.to.scopes as Scope[]), ...removedScopes(change)];
  const to = canonical(change.section, { ...change.to, scopes });
  return changedFields(change.from.fields, to).length > 0 ? to : undefined;
}
