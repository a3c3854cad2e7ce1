import { type CryptoKey, importJWK, type JWK } from 'jose';
import { RSA_BITS_MIN } from './constants.ts';

/** The kinds of keys that algorithms need ([RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)). */
const KINDS: Readonly<Record<string, string>> = {
  ES256: 'EC P-256',
  RS256: 'RSA',
  EdDSA: 'OKP Ed25519',
  Ed25519: 'OKP Ed25519',
  PS256: 'RSA',
  ES384: 'EC P-384',
  ES512: 'EC P-521',
  RS384: 'RSA',
  RS512: 'RSA',
  PS384: 'RSA',
  PS512: 'RSA',
};

/** The algorithms that can be accepted: those with a public key. A symmetric one would make every verifier an issuer. */
export const ALGORITHMS: readonly string[] = Object.keys(KINDS);

/** The members that only a private or a symmetric key has ([RFC 7518 section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Returns the one algorithm that a key is used with, so that no token can choose
 * ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)): its `alg`, or without one the first of the accepted that fits.
 * @param accepted the accepted algorithms, in the order of preference
 * @returns undefined if it is no public key for signatures by an accepted algorithm
 */
export function algorithmOf(jwk: JWK, accepted: readonly string[]): string | undefined {
  const { kty, crv, alg, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) return undefined;
  const kind = kty === 'RSA' ? kty : `${kty} ${crv}`;
  const fitting = accepted.filter((name) => KINDS[name] === kind);
  return alg === undefined ? fitting[0] : fitting.find((name) => isSameAlgorithm(name, alg));
}

/** Whether two names mean the same algorithm: `EdDSA` and `Ed25519` do ([RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)). */
export function isSameAlgorithm(name: string, other: unknown): boolean {
  return name === other || (KINDS[name] === 'OKP Ed25519' && (other === 'EdDSA' || other === 'Ed25519'));
}

/** Imports a public key for one algorithm. @returns undefined if it cannot be imported, or is weak */
export async function importPublicKey(jwk: JWK, alg: string): Promise<CryptoKey | undefined> {
  const { kty, crv, x, y, n, e } = jwk;
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
  try {
    const key = await importJWK(Object.fromEntries(members) as JWK, alg);
    if (key instanceof Uint8Array || key.type !== 'public') return undefined;
    return isWeak(key) ? undefined : key;
  } catch {
    return undefined;
  }
}

/** Whether it is an RSA key that is too short, or whose exponent is 1: anybody can sign for it. */
function isWeak({ algorithm }: CryptoKey): boolean {
  const { modulusLength, publicExponent } = algorithm as { modulusLength?: number; publicExponent?: Uint8Array };
  if (modulusLength === undefined || publicExponent === undefined) return false;
  return modulusLength < RSA_BITS_MIN || /^0*1?$/.test(publicExponent.join(''));
}
