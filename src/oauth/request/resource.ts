import { isResourceIdentifier } from '../../tokens/names.ts';
import { OAuthError } from '../response/oauth-error.ts';
import type { Parameters } from './parameters.ts';

/**
 * Returns the resource server that a request names, in `resource` or its alias `audience`; undefined if it names none.
 * @throws OAuthError `invalid_target` if it names several, or anything but an absolute URI without fragment
 */
export function parseResource(parameters: Parameters): string | undefined {
  const [resource, ...others] = new Set([...parameters.all('resource'), ...parameters.all('audience')]);
  if (others.length > 0)
    throw new OAuthError('invalid_target', { description: 'A token is for one resource server: name only one.' });
  if (resource !== undefined && !isResourceIdentifier(resource)) {
    throw new OAuthError('invalid_target', { description: 'The resource must be an absolute URI without fragment.' });
  }
  return resource;
}
