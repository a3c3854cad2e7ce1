import { compactVerify, errors, type JWTHeaderParameters } from 'jose';
import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import { isCanonicalCompact, mediaType, parseSegment } from '../jwt/compact.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { PublishedKey } from '../keys/signing-key.ts';
import { isJsonObject } from '../lib/json.ts';
import type { Redacted } from '../log/redacted.ts';
import type { Config } from '../platform/config.ts';
import type { AccessTokenClaims } from './access-token.ts';
import type { SignedToken, SignedTokens } from './signed-tokens.ts';

/** The issuer's name and its keys, and the tokens that they are known to have signed. */
interface Issuer {
  readonly keyRing: Pick<KeyRing, 'current'>;
  readonly config: Pick<Config, 'issuer'>;
  readonly signedTokens: SignedTokens;
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
  { keyRing, config, signedTokens }: Issuer,
  presented: Redacted,
  now: number,
  tolerance = 0,
): Promise<AccessTokenClaims | undefined> {
  const { byKid } = await keyRing.current(now);
  const token = presented.reveal();
  const known = signedTokens.find(token, byKid, now);
  const signed = known ?? (await verifySignature(token, byKid));
  if (!signed) return undefined;
  if (!known) signedTokens.add(token, signed, now);
  const { claims } = signed;
  const isValid =
    claims.iss === config.issuer &&
    isAccessToken(signed) &&
    hasSoundClaims(claims, now) &&
    isTimely(claims, now, tolerance);
  return isValid ? (claims as AccessTokenClaims) : undefined;
}

async function verifySignature(
  token: string,
  byKid: ReadonlyMap<string, Pick<PublishedKey, 'alg' | 'publicKey'>>,
): Promise<SignedToken | undefined> {
  if (!isCanonicalCompact(token)) return undefined;
  try {
    const { protectedHeader } = await compactVerify(token, keyFinder(byKid));
    const { kid, alg, typ, crit } = protectedHeader;
    // The signed text itself, because jose decodes it less strictly.
    const claims = parseSegment(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')));
    // No extension is supported: one may give the claims another meaning.
    return claims && kid !== undefined && crit === undefined ? { kid, alg, typ, claims } : undefined;
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
function isAccessToken({ typ, claims }: SignedToken): boolean {
  if (typeof typ !== 'string') return false;
  const isTyped = mediaType(typ) === 'at+jwt';
  return isTyped || (mediaType(typ) === 'jwt' && claims.nonce === undefined && claims.events === undefined);
}

// A valid signature is not enough: the same keys may have signed another kind of JWT, or a token of an older version.
function hasSoundClaims(claims: SignedToken['claims'], now: number): boolean {
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

// `hasSoundClaims` has checked that these are whole seconds.
function isTimely({ exp, nbf = 0 }: SignedToken['claims'], now: number, tolerance: number): boolean {
  const seconds = Math.floor(now / 1000);
  return (exp as number) > seconds - tolerance && (nbf as number) <= seconds + tolerance;
}

// Our own tokens have whole seconds.
function isWholeTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
