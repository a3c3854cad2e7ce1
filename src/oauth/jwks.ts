import { JWKS_MAX_AGE } from '../constants.ts';
import { cacheableJson } from './response/cacheable-json.ts';
import type { OAuthServices } from './services.ts';

/** Serves the public signing keys ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
export async function jwks({ keyRing }: Pick<OAuthServices, 'keyRing'>, request: Request): Promise<Response> {
  const ring = await keyRing.current(Date.now());
  return cacheableJson(request, ring.jwks, JWKS_MAX_AGE, 'application/jwk-set+json');
}
