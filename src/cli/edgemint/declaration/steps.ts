import { SECTIONS } from '../../../declaration/fields.ts';
import { canonical, type Fields } from '../../../declaration/item.ts';
import { type Action, changedFields } from './plan.ts';

type Change = Extract<Action, { do: 'change' }>;

/** An action, or one part of a change that takes two steps. */
export interface Step {
  readonly action: Action;
  /** The fields after this step. undefined if the step deletes the item. */
  readonly to?: Fields;
}

/**
 * Orders the actions so that no reference ever points to a missing item: items are created before their dependents and deleted after
 * them. Scopes are removed from a resource server last, when nothing in the file is granted them any more.
 */
export function orderSteps(actions: readonly Action[]): Step[] {
  const created = actions.flatMap((action) => {
    if (action.do === 'delete') return [];
    const to = action.do === 'change' ? withoutRemovals(action) : action.to;
    return to ? [{ action, to }] : [];
  });
  const deleted = SECTIONS.toReversed().flatMap((section) =>
    actions.flatMap((action) => (action.do === 'delete' && action.section === section ? [{ action }] : [])),
  );
  const reduced = actions.flatMap((action) =>
    action.do === 'change' && removesScopes(action) ? [{ action, to: action.to }] : [],
  );
  return [...created, ...deleted, ...reduced];
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

/** Returns the result of a change without its removals of scopes. Returns undefined if the change does nothing else. */
function withoutRemovals(change: Change): Fields | undefined {
  if (!removesScopes(change)) return change.to;
  const scopes = [...(change.to.scopes as Scope[]), ...removedScopes(change)];
  const to = canonical(change.section, { ...change.to, scopes });
  return changedFields(change.from.fields, to).length > 0 ? to : undefined;
}
