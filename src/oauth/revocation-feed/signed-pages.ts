import { SignJWT } from 'jose';
import type { SigningKey } from '../../keys/signing-key.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { FEED_MAX_AGE, FEED_SIGNED_PAGES_MAX } from '../constants.ts';
import { claimsOf, type FeedPage } from './page.ts';

/** The `typ` header of a page of the feed. Access tokens never have it. */
const FEED_TYP = 'revocations+jwt';

/** Signs the pages of revocation feeds, each page once: requests for the same page share a signature until the isolate knows more. */
export class SignedPages {
  readonly #pages = new ExpiringCache<string>(FEED_SIGNED_PAGES_MAX);

  /** Returns a page as a compact JWT. @param now milliseconds since the epoch @param feedUrl the URL of the endpoint */
  async sign(page: FeedPage, key: SigningKey, issuer: string, feedUrl: string, now: number): Promise<string> {
    const { server, completeAsOf, since, version, hasMore } = page;
    const { identifier, tokensFrom } = server;
    const content = JSON.stringify([identifier, key.kid, since, version, hasMore, completeAsOf, tokensFrom]);
    const signed = this.#pages.get(content, now);
    if (signed !== undefined) return signed;
    const { alg, kid } = key;
    const claims = claimsOf(page, issuer, feedUrl, now);
    const jwt = await new SignJWT(claims).setProtectedHeader({ alg, typ: FEED_TYP, kid }).sign(key.privateKey);
    this.#pages.set(content, jwt, now + FEED_MAX_AGE * 1000);
    return jwt;
  }
}
