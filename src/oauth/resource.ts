import { OAuthError } from './errors.ts';
import type { Parameters } from './parameters.ts';

// A URL parser trims, encodes and turns round what is no URI, so the characters are looked at first (RFC 3986 section 4.3).
const ABSOLUTE_URI = /^[a-z][a-z0-9+.-]*:(?:[\w.~:/?[\]@!$&'()*+,;=-]|%[0-9a-f]{2})+$/i;

/** Whether the text may name a resource server: an absolute URI without fragment ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)). */
export function isResourceIdentifier(text: string): boolean {
  return ABSOLUTE_URI.test(text) && URL.canParse(text);
}

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
