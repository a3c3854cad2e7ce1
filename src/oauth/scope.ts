import { OAuthError } from './errors.ts';

const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Whether the text may name a scope ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). */
export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}

/**
 * The scopes of a `scope` parameter, each once; undefined where there is none.
 * @throws OAuthError `invalid_scope` where it is not a list of scope tokens parted by single spaces
 */
export function parseScope(scope: string | undefined): readonly string[] | undefined {
  if (scope === undefined) return undefined;
  const tokens = scope.split(' ');
  if (!tokens.every(isScopeToken)) throw new OAuthError('invalid_scope', { description: 'The scope is malformed.' });
  return [...new Set(tokens)];
}
