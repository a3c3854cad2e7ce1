const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;
// A URL parser trims and encodes a text that is not a URI, and so accepts it. So the characters are checked first (RFC 3986 section 4.3).
const ABSOLUTE_URI = /^[a-z][a-z0-9+.-]*:(?:[\w.~:/?[\]@!$&'()*+,;=-]|%[0-9a-f]{2})+$/i;

/** Whether the text is a valid scope name ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). */
export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}

/**
 * Whether the text is a valid resource server identifier: an absolute URI without fragment
 * ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
 */
export function isResourceIdentifier(text: string): boolean {
  return ABSOLUTE_URI.test(text) && URL.canParse(text);
}
