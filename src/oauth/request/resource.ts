import { comparableForm, isIdentifier, isResourceUri } from '../../lib/identifier.ts';
import { OAuthError } from '../response/oauth-error.ts';
import type { Parameters } from './parameters.ts';

/**
 * Returns the resource server that a request names, in `resource` or in `audience`, as the request spells it; undefined if it names none.
 * `resource` is a URI ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)); `audience` may be any identifier.
 * @throws OAuthError `invalid_target` if they are malformed, or name several resource servers
 */
export function parseResource(parameters: Parameters): string | undefined {
  const resources = parameters.all('resource');
  const audiences = parameters.all('audience');
  if (!resources.every(isResourceUri)) {
    const description =
      'The resource must be an absolute URI without fragment. Use audience for an identifier of another form.';
    throw new OAuthError('invalid_target', { description });
  }
  // Older identifiers may have user information, which `isIdentifier` refuses.
  if (!audiences.every((audience) => isIdentifier(audience) || isResourceUri(audience))) {
    throw new OAuthError('invalid_target', {
      description: 'The audience must be the identifier of a resource server.',
    });
  }
  const named = [...resources, ...audiences];
  if (named.length > 1 && new Set(named.map(comparableForm)).size > 1)
    throw new OAuthError('invalid_target', { description: 'A token is for one resource server: name only one.' });
  return named[0];
}
