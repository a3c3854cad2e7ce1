import { FEED_MAX_AGE } from './constants.ts';
import { cacheableJson } from './response/cacheable-json.ts';
import { OAuthError } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';

/**
 * The revocation feed: what is revoked and has not expired, for one audience, signed. Verifiers that poll it see revocations without a call
 * for each token. It is public, like the JWKS, and names tokens and clients only by hashes of their ids.
 */
export async function revocations(services: OAuthServices, request: Request): Promise<Response> {
  const { config, keyRing, revocationFeeds, signedPages } = services;
  const { audience, since } = readQuery(request);
  const page = await revocationFeeds.page(audience, since);
  if (!page) {
    throw new OAuthError('invalid_target', { status: 404, description: 'No resource server has this audience.' });
  }
  const now = Date.now();
  const key = await keyRing.signer(page.server.signingAlg, now);
  const jwt = await signedPages.sign(page, key, config.issuer, feedUrl(config), now);
  return cacheableJson(request, jwt, FEED_MAX_AGE, 'application/jwt');
}

/** Returns the URL of the revocation feed, without its query. */
export function feedUrl({ baseUrl }: Pick<OAuthServices['config'], 'baseUrl'>): string {
  return `${baseUrl}/oauth2/revocations`;
}

function readQuery(request: Request): { audience: string; since: number } {
  const { searchParams } = new URL(request.url);
  const [audience = '', ...otherAudiences] = searchParams.getAll('audience');
  const [since = '0', ...otherVersions] = searchParams.getAll('since');
  if (otherAudiences.length + otherVersions.length > 0) throw invalid('A parameter is repeated.');
  if (audience === '') throw invalid('The parameter audience is missing.');
  if (!/^\d{1,15}$/.test(since)) throw invalid('The parameter since must be a version: a whole number.');
  return { audience, since: Number(since) };
}

function invalid(description: string): OAuthError {
  return new OAuthError('invalid_request', { description });
}
