import { SECTIONS, type Section } from './fields.ts';
import { canonical, type Fields, nameOf, sortedBy, withoutDefaults } from './item.ts';
import { writeYaml } from './yaml.ts';

/**
 * Writes the canonical file of the current state: sorted, without defaults, lists in blocks, so that one change is one line of a diff.
 * Equal states give equal texts.
 */
export function writeDeclaration(current: Readonly<Partial<Record<Section, readonly object[]>>>): string {
  const sections = SECTIONS.flatMap((section) => {
    const items = current[section];
    return items ? [[section, items.map((item) => canonical(section, item))] as const] : [];
  });
  const content = Object.fromEntries(
    sections.map(([section, items]) => [
      section,
      sortedBy(items, (fields) => nameOf(section, fields)).map((fields) => withoutDefaultsDeep(section, fields)),
    ]),
  );
  return writeYaml(content);
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
