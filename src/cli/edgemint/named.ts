import { SIMILAR_NAMES_SHOWN } from '../constants.ts';
import { Failure } from '../failure.ts';
import type { Api } from './api.ts';
import { UsageError } from './failures.ts';
import { KINDS, type Kind, type NamedKind } from './named-kinds.ts';
import { shorten } from './printable.ts';
import { RequestError } from './request-error.ts';

/**
 * Returns the id of a resource that the user named by its id or name. An id wins over the name of another resource.
 * @throws Failure if none has the name, or several have it; UsageError if a name needs an organization
 */
export async function findId(api: Api, kindName: Kind, text: string): Promise<string> {
  const kind = KINDS[kindName] as NamedKind<object>;
  if (kind.id.test(text)) return text;
  if (kindName === 'client' && (await hasClientId(api, text))) return text;
  const items = await listed(api, kind, text);
  // The key may not list: the text can only be an id.
  if (!items) return text;
  const [exact, ...others] = byName(kind, items, text);
  if (exact && others.length === 0) return kind.idOf(exact);
  if (exact) throw ambiguous(`${others.length + 1} ${kind.noun}s`, text, [exact, ...others].map(describerOf(kind)));
  const names = bySimilarName(kind, items, text).map(describerOf(kind));
  const help = names.length > 0 ? didYouMean(names) : `edgemint ${kind.path} list shows all.`;
  throw new Failure(`There is no ${kind.noun} with the name or id \`${shorten(text)}\`. ${help}`);
}

export interface Namesake {
  readonly id: string;
  readonly description: string;
}

export interface Namesakes {
  readonly exact: readonly Namesake[];
  readonly similar: readonly Namesake[];
}

/**
 * Returns the resources of a kind with a name, and those with a similar one.
 * @returns undefined if the root key must name an organization
 */
export async function findNamesakes(api: Api, kindName: Kind, text: string): Promise<Namesakes | undefined> {
  const kind = KINDS[kindName] as NamedKind<object>;
  let items: object[] | undefined;
  try {
    items = await listed(api, kind, text);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
  const describe = describerOf(kind);
  const shown = (item: object) => ({ id: kind.idOf(item), description: `${kind.noun} ${describe(item)}` });
  return {
    exact: byName(kind, items ?? [], text).map(shown),
    similar: bySimilarName(kind, items ?? [], text).map(shown),
  };
}

/** Whether a client from another provider can have this id. Spaces are in none. */
export function mayBeId(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** Whether a client has this id. A client from another provider can have any id without spaces. */
export async function hasClientId(api: Api, text: string): Promise<boolean> {
  if (!mayBeId(text)) return false;
  try {
    const { body } = await api.get<{ readonly organization_id: string }>(`clients/${encodeURIComponent(text)}`);
    // The root key sees every client. In an organization that is named, the id of another one is a name there.
    return api.organization === undefined || body.organization_id === api.organization;
  } catch (error) {
    if (error instanceof RequestError && (error.status === 404 || error.status === 403)) return false;
    throw error;
  }
}

/** @returns undefined if the API key may not list them */
async function listed(api: Api, kind: NamedKind<object>, text: string): Promise<object[] | undefined> {
  const organization_id = kind.path === 'organizations' ? undefined : api.organization;
  try {
    return await api.all<object>(kind.path, {
      organization_id,
      ...(kind.path === 'clients' && { name: text.normalize('NFC') }),
    });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (error.status === 403) return undefined;
    if (error.status !== 422 || organization_id !== undefined) throw error;
    throw namesNeedOrganization(text, `id of a ${kind.noun}`);
  }
}

export const NAMES_NEED_ORGANIZATION = 'To use names with the root key, add --organization <name or id>.';

export function namesNeedOrganization(text: string, expected: string): UsageError {
  return new UsageError(`\`${shorten(text)}\` is not the ${expected}. ${NAMES_NEED_ORGANIZATION}`);
}

/** Returns the items with exactly this name, else those with it in other letter case. */
function byName(kind: NamedKind<object>, items: readonly object[], text: string): object[] {
  for (const compared of [(name: string) => name.normalize('NFC'), folded]) {
    const found = items.filter((item) => kind.namesOf(item).some((name) => compared(name) === compared(text)));
    if (found.length > 0) return found;
  }
  return [];
}

/** The API ignores the case of ASCII letters in names, and stores them in NFC. */
function folded(name: string): string {
  return name.normalize('NFC').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function bySimilarName(kind: NamedKind<object>, items: readonly object[], text: string): object[] {
  return items
    .filter((item) => kind.namesOf(item).some((name) => folded(name).includes(folded(text))))
    .slice(0, SIMILAR_NAMES_SHOWN);
}

export function ambiguous(subject: string, text: string, descriptions: readonly string[]): Failure {
  return new Failure(`${subject} are called \`${shorten(text)}\`. Use an id:\n${indented(descriptions)}`);
}

export function didYouMean(descriptions: readonly string[]): string {
  return `Did you mean:\n${indented(descriptions.slice(0, SIMILAR_NAMES_SHOWN))}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((text) => `  ${text}`).join('\n');
}

function describerOf(kind: NamedKind<object>): (item: object) => string {
  return (item) => `${shorten(kind.namesOf(item).join(', '))} (${kind.idOf(item)})`;
}
