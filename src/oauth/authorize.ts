import { OAuthError } from './response/oauth-error.ts';

/**
 * Refuses every authorization request ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)): there is no
 * user flow. The endpoint exists because MCP clients accept no metadata without one. It reads no parameter, so it redirects nowhere.
 */
export async function authorize(): Promise<never> {
  throw new OAuthError('unsupported_response_type');
}
