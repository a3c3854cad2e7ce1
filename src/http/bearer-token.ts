import { Redacted } from '../log/redacted.ts';

/**
 * Returns the token of a request's `Authorization: Bearer` header
 * ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
 */
export function bearerToken(request: Request): Redacted | undefined {
  const token = /^Bearer +([!-~]+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1];
  return token === undefined ? undefined : new Redacted(token);
}
