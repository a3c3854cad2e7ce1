import type { TokenSource, TokenSourceOptions } from './options.ts';
import { fetchWithToken } from './resource-request.ts';
import { TokenHolder } from './token-holder.ts';

/**
 * Creates a source of access tokens for one client and one API, by the client credentials grant
 * ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)). Create it once and keep it: it requests nothing before its
 * first call, renews its token in the background while it is used, and has no timers.
 * @throws SdkError `invalid_option`
 * @example
 * const source = tokenSource({ issuer, client: { id, secret }, resource: 'https://orders.example', scope: 'orders:read' });
 * const response = await source.fetch('https://orders.example/orders');
 */
export function tokenSource(options: TokenSourceOptions): TokenSource {
  const holder = new TokenHolder(options);
  return {
    token: (tokenOptions) => holder.token(tokenOptions),
    fetch: (input, init) => fetchWithToken(holder, input, init),
  };
}
