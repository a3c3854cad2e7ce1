import { isResourceIdentifier } from '../../tokens/names.ts';
import { OAuthError } from '../response/oauth-error.ts';
import type { Parameters } from './parameters.ts';

/**
 * The one resource server that a request names, by `resource` or its alias `audience`; undefined where it names none.
 * @throws OAuthError `invalid_target` where it names two, or something that is no absolute URI without fragment
 */
export function requestedResource(parameters: Parameters): string | undefined {
  const [resource, ...others] = new Set([...parameters.all('resource'), ...parameters.all('audience')]);
  if (others.length > 0) throw new OAuthError('invalid_target', { description: 'A token is for one resource server.' });
  if (resource !== undefined && !isResourceIdentifier(resource)) {
    throw new OAuthError('invalid_target', { description: 'The resource must be an absolute URI without fragment.' });
  }
  return resource;
}
