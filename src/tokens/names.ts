/** The characters of a scope name ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). */
export const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Whether the text is a valid scope name ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). */
export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text);
}
