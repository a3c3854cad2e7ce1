import { isScopeToken } from '../../tokens/names.ts';
import { OAuthError } from '../response/oauth-error.ts';

/**
 * Parses a `scope` parameter into scopes without duplicates ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
 * Accepts additional spaces, which some clients leave behind when they join texts.
 * @returns undefined if there is no such parameter
 * @throws OAuthError `invalid_scope` if it is not a list of scope tokens separated by spaces. A parameter of spaces only names no scope,
 * and is refused: its sender may not have meant all scopes
 */
export function parseScope(scope: string | undefined): readonly string[] | undefined {
  if (scope === undefined) return undefined;
  const tokens = scope.split(' ').filter((token) => token !== '');
  if (tokens.length === 0 || !tokens.every(isScopeToken)) {
    const description = 'The scope must be a list of scope names, separated by spaces.';
    throw new OAuthError('invalid_scope', { description });
  }
  return [...new Set(tokens)];
}
