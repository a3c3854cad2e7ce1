const VERBS: Readonly<Record<string, string>> = { patch: 'update', put: 'replace', delete: 'delete' };

/**
 * The name of a management operation, for those who generate code: `listClients`, `createClient`, `getClient`, `rotateSecretsOfClient`.
 * It follows from method and path, and so stays as it is while summaries are reworded.
 * @param path as in the document, such as `/v1/clients/{client_id}/secrets`
 * @param isCollection whether a POST to the path creates; any other does what the last segment says
 */
export function operationId(method: string, path: string, isCollection: boolean): string {
  const segments = path.split('/').slice(2);
  const things: string[] = [];
  for (const segment of segments) {
    if (segment.startsWith('{')) things[0] = singular(things[0] ?? '');
    else things.unshift(pascalCase(segment));
  }
  const [last = '', ...outer] = things;
  const verb = VERBS[method];
  if (verb !== undefined) return [verb + last, ...outer].join('Of');
  if (method === 'get') return [(segments.at(-1)?.startsWith('{') ? 'get' : 'list') + last, ...outer].join('Of');
  if (isCollection) return [`create${singular(last)}`, ...outer].join('Of');
  // An action of several words, such as revoke-tokens, names what it is done to; one of a single word does not.
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
  return plural.replace(/s$/, '');
}
