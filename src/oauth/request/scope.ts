import { isScopeToken } from '../../tokens/names.ts';
import { OAuthError } from '../response/oauth-error.ts';

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
