import type { Section } from '../../../declaration/fields.ts';
import { identityField, identityOf, nameOf } from '../../../declaration/item.ts';
import type { Complaint } from './complaint.ts';
import type { CurrentItem, Sections } from './plan.ts';
import type { Declaration, Moved } from './schema.ts';

/** The types of items that can have a new name. A resource server goes by its identifier, which cannot be changed. */
const SECTION_OF = { client: 'clients', role: 'roles', webhook: 'webhooks' } as const satisfies Record<string, Section>;

/**
 * Gives current items the names that a declaration moves them to, also in the roles of clients. An item whose new name another one has
 * keeps its own. A move of an item that does not exist was carried out before.
 */
export function renameItems(own: Sections<CurrentItem>, moved: readonly Moved[]): Sections<CurrentItem> {
  const renamed = { ...own };
  for (const section of Object.values(SECTION_OF)) {
    const taken = new Set(own[section].map(({ fields }) => identityOf(section, fields)));
    renamed[section] = own[section].map((item) => {
      const to = targetOf(section, item, moved);
      if (to === undefined || (taken.has(key(section, to)) && key(section, to) !== identityOf(section, item.fields))) {
        return item;
      }
      const fields = { ...item.fields, [identityField(section)]: to };
      return { ...item, fields, renamedFrom: nameOf(section, item.fields) };
    });
  }
  const roles = new Map(
    renamed.roles.flatMap(({ fields, renamedFrom }) => (renamedFrom ? [[renamedFrom, fields.name]] : [])),
  );
  renamed.clients = renamed.clients.map((client) => ({
    ...client,
    fields: {
      ...client.fields,
      roles: (client.fields.roles as string[]).map((role) => String(roles.get(role) ?? role)).sort(),
    },
  }));
  return renamed;
}

function targetOf(section: Section, { fields }: CurrentItem, moved: readonly Moved[]): string | undefined {
  return moved.find(
    ({ type, from }) => SECTION_OF[type] === section && key(section, from) === identityOf(section, fields),
  )?.to;
}

function key(section: Section, name: string): string {
  return identityOf(section, { [identityField(section)]: name });
}

/** Finds moves that contradict the file or the current state. */
export function movedComplaints(declaration: Declaration, own: Sections<CurrentItem>): Complaint[] {
  const seen = new Set<string>();
  return declaration.moved.flatMap(({ type, from, to }, index) => {
    const section = SECTION_OF[type];
    const declares = (name: string) =>
      declaration[section].some((fields) => identityOf(section, fields) === key(section, name));
    const exists = (name: string) =>
      own[section].some(({ fields }) => identityOf(section, fields) === key(section, name));
    const at = (field: string, message: string) => [{ path: ['moved', index, field], message }];
    const isRename = key(section, from) !== key(section, to);
    const ends = [key(section, from), ...(isRename ? [key(section, to)] : [])].map((end) => `${section} ${end}`);
    const isRepeated = ends.some((end) => seen.has(end));
    for (const end of ends) seen.add(end);
    if (isRepeated) return at('from', `A ${type} is moved twice. Move it to its newest name, once.`);
    if (!declares(to)) return at('to', `The file has no ${type} ${to}. Give the ${type} its new name there.`);
    if (isRename && declares(from)) return at('from', `The file still has the ${type} ${from}. Remove one of the two.`);
    if (isRename && exists(from) && exists(to)) {
      return at('to', `Both ${from} and ${to} exist. Delete one of the two, or remove this move.`);
    }
    return [];
  });
}
