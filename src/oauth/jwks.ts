import { JWKS_MAX_AGE } from '../constants.ts';
import type { Services } from '../services.ts';
import { cacheableJson } from './response/cacheable-json.ts';

/** The public signing keys ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
export async function jwks({ keyRing }: Services, request: Request): Promise<Response> {
  const ring = await keyRing.current(Date.now());
  return cacheableJson(request, ring.jwks, JWKS_MAX_AGE, 'application/jwk-set+json');
}
