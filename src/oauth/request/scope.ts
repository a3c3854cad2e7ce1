import { isScopeToken } from '../../tokens/names.ts';
import { OAuthError } from '../response/oauth-error.ts';

/**
 * Parses a `scope` parameter into scopes without duplicates ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
 * @returns undefined if there is no such parameter
 * @throws OAuthError `invalid_scope` if it is not a list of scope tokens separated by single spaces
 */
export function parseScope(scope: string | undefined): readonly string[] | undefined {
  if (scope === undefined) return undefined;
  const tokens = scope.split(' ');
  if (!tokens.every(isScopeToken)) {
    const description = 'The scope must be a list of scope names, separated by single spaces.';
    throw new OAuthError('invalid_scope', { description });
  }
  return [...new Set(tokens)];
}
