import { errors, type JWTHeaderParameters, jwtVerify } from 'jose';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import { isCanonicalCompact, mediaType } from '../jwt/compact.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { PublishedKey } from '../keys/signing-key.ts';
import { isJsonObject } from '../lib/json.ts';
import type { Redacted } from '../log/redacted.ts';
import type { Config } from '../platform/config.ts';
import type { AccessTokenClaims } from './access-token.ts';

/** The issuer's name and its keys. */
interface Issuer {
  readonly keyRing: Pick<KeyRing, 'current'>;
  readonly config: Pick<Config, 'issuer'>;
}

/**
 * Verifies an access token of this service: its signature, issuer, type, times and claims. It does not check revocation.
 *
 * The key is chosen among the published ones by the header's `kid` alone, and is used with its own algorithm only
 * ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
 * @param now milliseconds since the epoch
 * @param tolerance how long ago it may have expired, in seconds
 * @returns the claims, or undefined if the text is not such a token
 */
export async function verifyAccessToken(
  { keyRing, config }: Issuer,
  presented: Redacted,
  now: number,
  tolerance = 0,
): Promise<AccessTokenClaims | undefined> {
  const { byKid } = await keyRing.current(now);
  const token = presented.reveal();
  if (!isCanonicalCompact(token)) return undefined;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keyFinder(byKid), {
      issuer: config.issuer,
      currentDate: new Date(now),
      clockTolerance: tolerance,
      requiredClaims: ['exp', 'iat'],
    });
    return isAccessToken(protectedHeader.typ, payload) && hasSoundClaims(payload, now)
      ? (payload as AccessTokenClaims)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a function that finds the key for a JWS header: the one with its `kid`, if the header's `alg` is the key's own. */
export function keyFinder(byKid: ReadonlyMap<string, Pick<PublishedKey, 'alg' | 'publicKey'>>) {
  return ({ kid, alg }: Pick<JWTHeaderParameters, 'kid' | 'alg'>): CryptoKey => {
    const key = kid === undefined ? undefined : byKid.get(kid);
    if (key?.alg !== alg) throw new errors.JWKSNoMatchingKey();
    return key.publicKey;
  };
}

// Our keys sign nothing but access tokens under these types; a new kind of JWT needs a type of its own. `JWT` is the type of many kinds
// elsewhere, so the claims of ID tokens and of security events are refused with it: access tokens never have them.
function isAccessToken(typ: unknown, claims: Record<string, unknown>): boolean {
  if (typeof typ !== 'string') return false;
  const isTyped = mediaType(typ) === 'at+jwt';
  return isTyped || (mediaType(typ) === 'jwt' && claims.nonce === undefined && claims.events === undefined);
}

// A valid signature is not enough: the same keys may have signed another kind of JWT, or a token of an older version.
function hasSoundClaims(claims: Record<string, unknown>, now: number): boolean {
  const { exp, iat, nbf = 0, scope = '', roles, cnf } = claims;
  const seconds = now / 1000;
  return (
    ['sub', 'aud', 'jti', 'client_id', 'org_id'].every((name) => typeof claims[name] === 'string') &&
    typeof scope === 'string' &&
    Array.isArray(roles) &&
    (cnf === undefined || isJsonObject(cnf)) &&
    isWholeTime(iat) &&
    isWholeTime(exp) &&
    isWholeTime(nbf) &&
    iat <= seconds + CLOCK_SKEW &&
    exp > iat &&
    exp - iat <= ACCESS_TOKEN_TTL_MAX
  );
}

// Our own tokens have whole seconds.
function isWholeTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
