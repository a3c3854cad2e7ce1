import { isDeepStrictEqual } from 'node:util';
import { SECTIONS, type Section } from '../../../declaration/fields.ts';
import { type Imported, importedOf } from '../../../declaration/imported.ts';
import { canonical, type Fields, identityField, identityOf, nameOf } from '../../../declaration/item.ts';
import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { mergePatch } from '../merge-patch.ts';
import type { Declaration } from './schema.ts';

/** A resource server, role, client or webhook on the server. */
export interface CurrentItem {
  readonly id: string;
  readonly fields: Fields;
  /** Known only if the item was read on its own. */
  readonly etag?: string | undefined;
  /** The name that it has, if its `fields` have the name that the declaration moves it to. */
  readonly renamedFrom?: string;
  /** When a client last authenticated; null if never. */
  readonly lastUsedAt?: string | null | undefined;
}

export type Sections<Item> = Readonly<Record<Section, readonly Item[]>>;

export type Action =
  | {
      readonly do: 'create';
      readonly section: Section;
      readonly index: number;
      readonly to: Fields;
      readonly imported?: Imported | undefined;
    }
  | {
      readonly do: 'change';
      readonly section: Section;
      readonly index: number;
      readonly to: Fields;
      readonly from: CurrentItem;
    }
  | { readonly do: 'delete'; readonly section: Section; readonly from: CurrentItem };

/**
 * Plans the actions that turn the current state into the declared one.
 * @param own the items that may be changed: those of one organization, or the shared ones
 * @param pruned the sections whose undeclared items are deleted. Those of other sections are left alone
 */
export function planActions(
  declaration: Declaration,
  own: Sections<CurrentItem>,
  pruned: readonly Section[],
): Action[] {
  return SECTIONS.flatMap((section) => {
    const current = new Map(own[section].map((item) => [identityOf(section, item.fields), item]));
    const byId = new Map(own[section].map((item) => [item.id, item]));
    // What another entry names by its id is not found by its name, or it would get the rights of both.
    const claimed = new Set(declaration[section].flatMap((declared) => importedOf(declared)?.client_id ?? []));
    const actions: Action[] = [];
    for (const [index, declared] of declaration[section].entries()) {
      const to = canonical(section, declared);
      const imported = importedOf(declared);
      // An imported client is found by its id, and may so get another name. Everything else is found by its name.
      const named = current.get(identityOf(section, to));
      const from = (imported && byId.get(imported.client_id)) ?? (named && claimed.has(named.id) ? undefined : named);
      if (from) current.delete(identityOf(section, from.fields));
      if (!from) actions.push({ do: 'create', section, index, to, ...(imported && { imported }) });
      else if (
        from.renamedFrom !== undefined ||
        changedFields(from.fields, to).length > 0 ||
        (imported && imported.client_id !== from.id)
      )
        actions.push({ do: 'change', section, index, from: withOwnName(section, from), to });
    }
    if (pruned.includes(section)) for (const from of current.values()) actions.push({ do: 'delete', section, from });
    return actions;
  });
}

/** Returns an item with the name that it has on the server. */
function withOwnName(section: Section, { renamedFrom, ...item }: CurrentItem): CurrentItem {
  if (renamedFrom === undefined) return item;
  return { ...item, fields: { ...item.fields, [identityField(section)]: renamedFrom } };
}

/** Returns the name of the item that an action is about. */
export function subjectOf(action: Action): string {
  return nameOf(action.section, action.do === 'delete' ? action.from.fields : action.to);
}

/** Returns the names of the fields that differ. */
export function changedFields(from: Fields, to: Fields): string[] {
  return Object.keys(to).filter((name) => !isDeepStrictEqual(from[name], to[name]));
}

/**
 * Computes the merge patch of a change.
 * @returns undefined if there is none: a merge patch cannot set null inside an object
 */
export function patchOf(from: Fields, to: Fields): JsonObject | undefined {
  const patch = new Map<string, unknown>();
  for (const name of changedFields(from, to)) {
    const [previous, next] = [from[name], to[name]];
    const value = isJsonObject(previous) && isJsonObject(next) ? mergePatch(previous, next) : next;
    if (value === undefined) return undefined;
    patch.set(name, value);
  }
  return Object.fromEntries(patch);
}
