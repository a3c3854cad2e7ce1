/** The characters of a URL that a portal leads back to. */
export const RETURN_URL = '^https?://[!-~]+$';

const FORM = new RegExp(RETURN_URL);
const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Returns why a page must not link to a URL as the way back to a product, as a predicate, or undefined if it may. Scripts in a
 * `javascript:` URL would run with the rights of the session.
 */
export function returnUrlFault(url: string): string | undefined {
  const parsed = FORM.test(url) ? URL.parse(url) : null;
  const isSecure = parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && LOCAL.has(parsed.hostname));
  if (!parsed || !isSecure) return 'must be an https URL (http is for localhost only)';
  return parsed.username === '' && parsed.password === '' ? undefined : 'must have no user information';
}
