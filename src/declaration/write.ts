import { isJsonObject } from '../lib/json.ts';
import { SECTIONS, type Section } from './fields.ts';
import { importedOf } from './imported.ts';
import { canonical, type Fields, nameOf, sortedBy, withoutDefaults } from './item.ts';
import { escapeVariables } from './variables.ts';
import { writeYaml } from './yaml.ts';

/**
 * Writes the canonical file of the current state: sorted, without defaults, lists in blocks, so that one change is one line of a diff.
 * Equal states give equal texts.
 * @param current the items of each section. Clients may have the credentials of an imported one
 * @param hasVariables whether the texts contain variables, and are escaped otherwise
 */
export function writeDeclaration(
  current: Readonly<Partial<Record<Section, readonly object[]>>>,
  hasVariables = false,
): string {
  const sections = SECTIONS.flatMap((section) => {
    const items = current[section];
    return items ? [[section, items.map((item) => canonicalItem(section, item))] as const] : [];
  });
  const content = Object.fromEntries(
    sections.map(([section, items]) => [
      section,
      sortedBy(items, (fields) => nameOf(section, fields)).map((fields) => withoutDefaultsDeep(section, fields)),
    ]),
  );
  return writeYaml(hasVariables ? content : escaped(content));
}

/** Returns the canonical fields, with the credentials of an imported client after its name. */
function canonicalItem(section: Section, item: object): Fields {
  const { client_name, ...fields } = canonical(section, item);
  if (section !== 'clients') return fields;
  const imported = importedOf(item);
  // Only the server that generated an id may have it.
  return { client_name, ...(imported && !imported.client_id.startsWith('emc_') && imported), ...fields };
}

/** Returns the same JSON with every text of it, names included, written so that none is a variable. */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return escapeVariables(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [escapeVariables(name), escaped(member)]));
}

/** Like `withoutDefaults`, and leaves out empty descriptions of scopes. */
function withoutDefaultsDeep(section: Section, fields: Fields): Fields {
  const declared = withoutDefaults(section, fields);
  if (section !== 'resource_servers' || !Array.isArray(declared.scopes)) return declared;
  const scopes = declared.scopes.map(({ name, description }) =>
    description === '' ? { name } : { name, description },
  );
  return { ...declared, scopes };
}
