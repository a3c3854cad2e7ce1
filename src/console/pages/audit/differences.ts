import { areEqualJson } from '../../../lib/equal-json.ts';
import { isJsonObject, type JsonObject } from '../../../lib/json.ts';

/** An event, as far as differences need it. */
export interface ChangeEvent {
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly target: string;
  readonly changes: Readonly<Record<string, unknown>>;
}

export interface Difference {
  /** The field, such as `quota` or `metadata.team`. */
  readonly field: string;
  /** Undefined if the field had no value. */
  readonly before: unknown;
  readonly after: unknown;
  /** Whether earlier events say what the value was. */
  readonly isBeforeKnown: boolean;
}

/**
 * Returns what an event changed. An event has the new values; the earlier ones are found in the events before it about the same target.
 * @param earlier those events, the newest first
 */
export function differencesOf(event: ChangeEvent, earlier: readonly ChangeEvent[]): Difference[] {
  return Object.entries(event.changes).flatMap(([field, after]): Difference[] => {
    const isNew = event.action.endsWith('.created');
    const previous = isNew ? { value: undefined, isKnown: true } : previousValue(field, event, earlier);
    const { value: before, isKnown } = previous;
    const isObject = (value: unknown) => isJsonObject(value) && Object.keys(value).length > 0;
    const isWhole = !isKnown || isNew || !(isObject(before) || isObject(after));
    if (isWhole || !isObjectOrNone(before) || !isObjectOrNone(after)) {
      return [{ field, before, after, isBeforeKnown: isKnown }];
    }
    return membersOf(field, before ?? {}, after ?? {});
  });
}

function isObjectOrNone(value: unknown): value is JsonObject | null | undefined {
  return value === undefined || value === null || isJsonObject(value);
}

/** Returns the members of two objects that differ. A member without a value is as good as none. */
function membersOf(field: string, before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = names.filter((name) => !areEqualJson(before[name] ?? null, after[name] ?? null));
  return changed.map((name) => ({
    field: `${field}.${name}`,
    before: before[name],
    after: after[name],
    isBeforeKnown: true,
  }));
}

function previousValue(field: string, event: ChangeEvent, earlier: readonly ChangeEvent[]) {
  const unknown = { value: undefined, isKnown: false };
  // Only changes of the resource itself have its fields. Others have facts of their own, such as the hint of a new secret.
  const kind = event.action.split('.')[0];
  if (event.action !== `${kind}.updated`) return unknown;
  for (const { action, changes } of earlier) {
    if (action !== `${kind}.updated` && action !== `${kind}.created`) continue;
    if (Object.hasOwn(changes, field)) return { value: changes[field], isKnown: true };
    // A deletion elsewhere took something away, and the event says what, not what remained.
    if (isJsonObject(changes.removed) && Object.hasOwn(changes.removed, field)) return unknown;
    if (action === `${kind}.created`) return { value: undefined, isKnown: true };
  }
  return unknown;
}

/** What a list gained and lost. Undefined if the values are not lists, or are too different to compare by their members. */
export function listChanges(
  before: unknown,
  after: unknown,
): { added: unknown[]; removed: unknown[]; kept: number } | undefined {
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined;
  const lacks = (list: readonly unknown[], item: unknown) => !list.some((other) => areEqualJson(other, item));
  const added = after.filter((item) => lacks(before, item));
  return { added, removed: before.filter((item) => lacks(after, item)), kept: after.length - added.length };
}
