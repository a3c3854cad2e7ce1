// Identifiers of resource servers: the audiences of tokens. Verifiers compare them in different ways: byte for byte, without a trailing
// slash (ASP.NET), or as parsed URLs (MCP clients). So two identifiers must not be equal for any of them.

// A URL parser trims and encodes a text that is not a URI, and so accepts it. So the characters are checked first (RFC 3986 section 4.3).
const ABSOLUTE_URI = /^[a-z][a-z0-9+.-]*:(?:[\w.~:/?[\]@!$&'()*+,;=-]|%[0-9a-f]{2})+$/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
// Finds an empty user as well (`https://@host`). A parsed URL does not show it.
const USER_INFO = /^[^:]*:\/\/[^/?]*@/;
/**
 * Visible ASCII without double quote, `#` and backslash, with a letter or digit. Without spaces, so that identifiers can be listed; without
 * other scripts, whose letters look like Latin ones.
 */
const NAME = /^(?=.*[a-z0-9])[\x21\x24-\x5B\x5D-\x7E]+$/i;
/** The ids of resource servers begin like this. A reference may be an id or an identifier, so no identifier does. */
const ID_PREFIX = 'rs_';

/**
 * Whether the text is an absolute URI without fragment, as `resource` must be ([RFC 8707 section
 * 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
 */
export function isResourceUri(text: string): boolean {
  return ABSOLUTE_URI.test(text) && URL.canParse(text);
}

/**
 * Whether the text may identify a resource server: an absolute URI without fragment and user information, or a name, such as
 * `orders-service`. A text with a scheme must be a URI.
 */
export function isIdentifier(text: string): boolean {
  if (SCHEME.test(text)) return isResourceUri(text) && !hasUserInfo(text);
  return NAME.test(text) && !text.startsWith(ID_PREFIX);
}

/**
 * Returns the form in which identifiers are compared. Identifiers that some verifier may take for one another have the same form.
 *
 * - A URI is normalized ([RFC 3986 section 6.2](https://www.rfc-editor.org/rfc/rfc3986#section-6.2)): case of scheme and host, default
 *   port, dot segments, percent-encoding. An empty query, trailing slashes and the root dot of a host are removed.
 * - A name is lower-cased, because GUIDs and host names ignore case, and loses trailing slashes. It has no scheme, so its form is never
 *   that of a URI.
 */
export function comparableForm(identifier: string): string {
  const url = isResourceUri(identifier) && !hasUserInfo(identifier) ? URL.parse(identifier) : null;
  if (!url) return withoutTrailingSlashes(identifier.toLowerCase());
  const path = withoutTrailingSlashes(normalizeEncoding(url.pathname));
  const query = withoutTrailingSlashes(normalizeEncoding(url.search));
  const form = `${url.protocol}${comparableAuthority(url)}${path}${query === '?' ? '' : query}`;
  // RFC 8141 section 3.1: the namespace of a URN ignores case.
  return form.replace(/^urn:[^:]*/, (namespace) => namespace.toLowerCase());
}

// The parser also finds a user after other numbers of slashes, as in `https:user@host`.
function hasUserInfo(uri: string): boolean {
  const { username = '', password = '' } = URL.parse(uri) ?? {};
  return USER_INFO.test(uri) || username !== '' || password !== '';
}

// The parser lower-cases hosts of the web's schemes only.
function comparableAuthority({ hostname, port }: URL): string {
  if (hostname === '') return '';
  const host = normalizeEncoding(hostname).toLowerCase();
  return `//${host.endsWith('.') ? host.slice(0, -1) : host}${port === '' ? '' : `:${port}`}`;
}

// The parser keeps percent-encoded characters as they were written.
function normalizeEncoding(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}

// A regular expression would take quadratic time for a text of slashes. All of them are removed, not one: a verifier that ignores one
// takes `a` for `a/`, and `a/` for `a//`.
function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end--;
  return text.slice(0, end);
}
