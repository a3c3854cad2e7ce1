import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { isJsonObject, type JsonObject } from '../../../lib/json.ts';
import { Failure } from '../../failure.ts';
import { replaceMarkers } from './auth0.ts';
import { parseJsonValues } from './reading.ts';

/** The folders of auth0-deploy-cli's directory form, and the sections of its YAML form that have the same. */
const AUTH0_FOLDERS = {
  clients: 'clients',
  grants: 'clientGrants',
  'resource-servers': 'resourceServers',
  roles: 'roles',
  hooks: 'hooks',
};
/** The single files of the directory form. */
const AUTH0_FILES = {
  'tenant.json': 'tenant',
  'custom-domains/custom-domains.json': 'customDomains',
  'triggers/triggers.json': 'triggers',
};

/** Reads the JSON or YAML values of a file. @throws Failure */
export async function readValues(file: string): Promise<unknown[]> {
  return parse(await readText(file), file);
}

/**
 * Reads what auth0-deploy-cli exported, in one YAML or JSON file or in a directory.
 * @param mappings the replacements of its markers
 * @throws Failure
 */
export async function readAuth0(
  place: string,
  mappings: JsonObject,
): Promise<{ tenant: unknown; hasVariables: boolean }> {
  const isFolder = await stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return readAuth0Folder(place, mappings);
  const { values, hasVariables } = await readMarked(place, mappings);
  return { tenant: values[0], hasVariables };
}

/** Reads `AUTH0_KEYWORD_REPLACE_MAPPINGS` from a configuration of auth0-deploy-cli. A file that has only the mappings works too. */
export async function readMappings(file: string): Promise<JsonObject> {
  const [content] = await readValues(file);
  if (!isJsonObject(content)) throw new Failure(`${file} is not a configuration of auth0-deploy-cli.`);
  const { AUTH0_KEYWORD_REPLACE_MAPPINGS: mappings = content } = content;
  if (!isJsonObject(mappings)) throw new Failure(`AUTH0_KEYWORD_REPLACE_MAPPINGS of ${file} is not an object.`);
  return mappings;
}

async function readAuth0Folder(
  folder: string,
  mappings: JsonObject,
): Promise<{ tenant: JsonObject; hasVariables: boolean }> {
  let hasVariables = false;
  const read = async (file: string) => {
    const marked = await readMarked(file, mappings);
    hasVariables ||= marked.hasVariables;
    return marked.values[0];
  };
  const tenant: Record<string, unknown> = {};
  for (const [name, section] of Object.entries(AUTH0_FOLDERS)) {
    const names = await readdir(join(folder, name)).catch(() => []);
    const items: unknown[] = [];
    for (const file of names.filter((each) => each.endsWith('.json')).sort())
      items.push(await read(join(folder, name, file)));
    tenant[section] = items;
  }
  for (const [name, section] of Object.entries(AUTH0_FILES)) {
    const file = join(folder, name);
    const exists = await stat(file).then(
      (found) => found.isFile(),
      () => false,
    );
    if (exists) tenant[section] = await read(file);
  }
  return { tenant, hasVariables };
}

async function readMarked(file: string, mappings: JsonObject): Promise<{ values: unknown[]; hasVariables: boolean }> {
  const original = await readText(file);
  if (/^\s*[\w-]+:\s*!include\s/m.test(original)) {
    throw new Failure(
      `${file} includes other files. Export the directory form in place of it: a0deploy export --format=directory.`,
    );
  }
  const { text, hasVariables } = replaceMarkers(original, mappings);
  return { values: parse(text, file), hasVariables };
}

async function readText(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch (error) {
    throw new Failure(`${file} could not be read: ${error instanceof Error ? error.message : error}`);
  }
}

function parse(text: string, file: string): unknown[] {
  const values = parseJsonValues(text);
  if (values) return values;
  const document = parseDocument(text, { merge: true, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw new Failure(`${file} is neither JSON nor YAML: ${error.message}`);
  return [document.toJS()];
}
