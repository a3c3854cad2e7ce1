import { Document } from 'yaml';
import { canonical, type Fields, nameOf, sortedBy, withoutDefaults } from './item.ts';
import { SECTIONS, type Section } from './schema.ts';

/**
 * The canonical file of what stands: sorted, defaults left out, lists in blocks, so that one change is one line of a diff. Of what reads back
 * as the same it is always the same text.
 */
export function writeDeclaration(standing: Readonly<Record<Section, readonly object[]>>): string {
  const sections = SECTIONS.map(
    (section) => [section, standing[section].map((item) => canonical(section, item))] as const,
  );
  const content = Object.fromEntries(
    sections.map(([section, items]) => [
      section,
      sortedBy(items, (fields) => nameOf(section, fields)).map((fields) => withoutDefaultsDeep(section, fields)),
    ]),
  );
  const document = new Document(content, { aliasDuplicateObjects: false });
  return document.toString({ lineWidth: 0 });
}

/** As `withoutDefaults`, and a scope without a description has none. */
function withoutDefaultsDeep(section: Section, fields: Fields): Fields {
  const given = withoutDefaults(section, fields);
  if (section !== 'resource_servers' || !Array.isArray(given.scopes)) return given;
  const scopes = given.scopes.map(({ name, description }) => (description === '' ? { name } : { name, description }));
  return { ...given, scopes };
}
