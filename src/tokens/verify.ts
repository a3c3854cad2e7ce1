import { base64url, errors, jwtVerify } from 'jose';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import type { Ring } from '../keys/key-ring.ts';
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims } from './access-token.ts';

/**
 * Checks that a text is an access token that this service signed and that has not expired; revocation is another question.
 *
 * The key is chosen by `kid` among the published ones and by nothing else in the header, and is used with its own algorithm only
 * ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
 * @param now milliseconds since the epoch
 * @returns the claims, or undefined for anything else whatever
 */
export async function verifyAccessToken(
  token: string,
  ring: Ring,
  issuer: string,
  now: number,
): Promise<AccessTokenClaims | undefined> {
  if (!isCanonicalCompact(token)) return undefined;
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid, alg }) => {
        const key = kid === undefined ? undefined : ring.byKid.get(kid);
        if (key?.alg !== alg) throw new errors.JWKSNoMatchingKey();
        return key.publicKey;
      },
      {
        issuer,
        typ: ACCESS_TOKEN_TYPE,
        currentDate: new Date(now),
        requiredClaims: ['sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'org_id'],
      },
    );
    return hasSoundClaims(payload, now) ? (payload as AccessTokenClaims) : undefined;
  } catch {
    return undefined;
  }
}

// A JWT may be written in several ways that decode alike (padding, stray last bits). Only the one that we write is taken
// (RFC 7515 section 2).
function isCanonicalCompact(token: string): boolean {
  const segments = token.split('.');
  return segments.length === 3 && segments.every(isCanonicalBase64url);
}

function isCanonicalBase64url(text: string): boolean {
  try {
    return /^[A-Za-z0-9_-]+$/.test(text) && base64url.encode(base64url.decode(text)) === text;
  } catch {
    return false;
  }
}

function hasSoundClaims({ exp, iat, aud, sub, jti, client_id }: Record<string, unknown>, now: number): boolean {
  const seconds = now / 1000;
  return (
    [aud, sub, jti, client_id].every((claim) => typeof claim === 'string') &&
    Number.isSafeInteger(iat) &&
    Number.isSafeInteger(exp) &&
    (iat as number) >= 0 &&
    (iat as number) <= seconds + CLOCK_SKEW &&
    (exp as number) > (iat as number) &&
    (exp as number) - (iat as number) <= ACCESS_TOKEN_TTL_MAX
  );
}
