import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { mergePatch } from '../merge-patch.ts';
import { canonical, type Fields, identityOf, nameOf } from './item.ts';
import { type Declaration, SECTIONS, type Section } from './schema.ts';

/** One that stands. */
export interface Standing {
  readonly id: string;
  readonly fields: Fields;
  /** Where it was read by itself. */
  readonly etag?: string | undefined;
}

export type Sections<Item> = Readonly<Record<Section, readonly Item[]>>;

export type Action =
  | { readonly do: 'create'; readonly section: Section; readonly index: number; readonly to: Fields }
  | {
      readonly do: 'change';
      readonly section: Section;
      readonly index: number;
      readonly to: Fields;
      readonly from: Standing;
    }
  | { readonly do: 'delete'; readonly section: Section; readonly from: Standing };

/**
 * What makes of what stands what is declared.
 * @param own what stands and may be changed: one organization's, or what is shared
 * @param pruned the sections of which what is not declared is deleted; of the others it is left alone
 */
export function planActions(declaration: Declaration, own: Sections<Standing>, pruned: readonly Section[]): Action[] {
  return SECTIONS.flatMap((section) => {
    const standing = new Map(own[section].map((item) => [identityOf(section, item.fields), item]));
    const actions: Action[] = [];
    for (const [index, declared] of declaration[section].entries()) {
      const to = canonical(section, declared);
      const from = standing.get(identityOf(section, to));
      standing.delete(identityOf(section, to));
      if (!from) actions.push({ do: 'create', section, index, to });
      else if (changedFields(from.fields, to).length > 0) actions.push({ do: 'change', section, index, from, to });
    }
    if (pruned.includes(section)) for (const from of standing.values()) actions.push({ do: 'delete', section, from });
    return actions;
  });
}

/** By what the subject of an action is called. */
export function subjectOf(action: Action): string {
  return nameOf(action.section, action.do === 'delete' ? action.from.fields : action.to);
}

/** The names of the fields that differ. */
export function changedFields(from: Fields, to: Fields): string[] {
  return Object.keys(to).filter((name) => !isDeepStrictEqual(from[name], to[name]));
}

/**
 * The merge patch of a change.
 * @returns undefined where none says it: it can put no null into an object
 */
export function patchOf(from: Fields, to: Fields): JsonObject | undefined {
  const patch = new Map<string, unknown>();
  for (const name of changedFields(from, to)) {
    const [before, after] = [from[name], to[name]];
    const value = isJsonObject(before) && isJsonObject(after) ? mergePatch(before, after) : after;
    if (value === undefined) return undefined;
    patch.set(name, value);
  }
  return Object.fromEntries(patch);
}
