const VERBS: Readonly<Record<string, string>> = { patch: 'update', put: 'replace', delete: 'delete' };

/** The paths that name one thing and not a list, besides those that end with its id. */
const SINGLE = /^\/v1\/(me|clients\/\{client_id\}\/least-privilege)$/;

/** The collections that cannot be listed. */
const UNLISTED = /^\/v1\/(console|portal)-links$/;

/**
 * Returns the id of a management operation, for code generators: `listClients`, `createClient`, `getClient`, `rotateSecretsOfClient`. It
 * is derived from the method and the path, so rewording a summary does not change it.
 * @param path a path of the document, such as `/v1/clients/{client_id}/secrets`
 * @param isCollection whether a POST to the path creates an item; otherwise its last segment names an action
 */
export function operationId(method: string, path: string, isCollection: boolean): string {
  const segments = path.split('/').slice(2);
  const nouns: string[] = [];
  for (const segment of segments) {
    if (segment.startsWith('{')) nouns[0] = singular(nouns[0] ?? '');
    else nouns.unshift(pascalCase(segment));
  }
  const [last = '', ...outer] = nouns;
  const verb = VERBS[method];
  if (verb !== undefined) return [verb + last, ...outer].join('Of');
  const isItem = segments.at(-1)?.startsWith('{') || SINGLE.test(path);
  if (method === 'get') return [(isItem ? 'get' : 'list') + last, ...outer].join('Of');
  if (isCollection || UNLISTED.test(path)) return [`create${singular(last)}`, ...outer].join('Of');
  // An action of several words, such as revoke-tokens, contains its object. An action of one word is followed by its object.
  const [object = '', ...owners] = /[a-z][A-Z]/.test(last)
    ? [last, ...outer]
    : [last + (outer[0] ?? ''), ...outer.slice(1)];
  return lowerFirst([object, ...owners].join('Of'));
}

function pascalCase(segment: string): string {
  return segment.replace(/(^|-)(.)/g, (_, __, letter: string) => letter.toUpperCase());
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function singular(plural: string): string {
  return plural.replace(/ies$/, 'y').replace(/s$/, '');
}
