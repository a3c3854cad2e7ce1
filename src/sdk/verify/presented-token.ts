import type { ResourceRequest } from './options.ts';
import { Refusal, type Scheme } from './refusal.ts';

/** An access token as it was presented. */
export interface Presented {
  readonly token: string;
  readonly scheme: Scheme;
  /** Undefined for a token that came by another way. */
  readonly request?: ResourceRequest;
}

const AUTHORIZATION = /^(?:Bearer|DPoP) +([A-Za-z0-9\-._~+/]+=*)$/i;

/**
 * Reads the access token of a request from its header, the only place that is read
 * ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). Several headers are joined with commas, which no token has.
 * @throws Refusal `missing_token` or `invalid_request`
 */
export function presentedToken(request: ResourceRequest): Presented {
  const header = request.headers.get('Authorization')?.trim() ?? '';
  const name = /^(bearer|dpop)(?![^\s,])/i.exec(header)?.[1]?.toLowerCase();
  if (name === undefined) throw new Refusal('no_token', 'The request has no access token.', 'missing_token');
  const scheme = name === 'dpop' ? 'DPoP' : 'Bearer';
  const token = AUTHORIZATION.exec(header)?.[1];
  if (token === undefined) {
    const message = 'The header Authorization must have one access token.';
    throw new Refusal('malformed_header', message, 'invalid_request', { scheme });
  }
  if (/[?&]access_token=/.test(request.url)) {
    const message = 'The request has an access token in its header and another in its URL.';
    throw new Refusal('several_tokens', message, 'invalid_request', { scheme });
  }
  return { token, scheme, request };
}
