/**
 * The cookie of a console session. Browsers accept the prefix only from the host itself, over https or from localhost, for all paths: no
 * other host of the domain can set it.
 */
export const SESSION_COOKIE = '__Host-edgemint-session';

/** Returns the values of the session cookies of a request. More than one: something else than this service set one of them. */
export function sessionCookies(request: Request): string[] {
  const header = request.headers.get('Cookie');
  if (header === null) return [];
  return header.split(';').flatMap((pair) => {
    const [name, ...value] = pair.split('=');
    return name?.trim() === SESSION_COOKIE ? [value.join('=').trim()] : [];
  });
}
