import { importJWK, type JWK } from 'jose';
import { RSA_MODULUS_BITS } from '../constants.ts';
import { isCanonicalBase64url } from './compact.ts';
import { hasSmallOrder, isRocaModulus } from './weak-keys.ts';

/**
 * The signature algorithms accepted from clients. `EdDSA` and `Ed25519` ([RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)) are the same.
 */
export const VERIFICATION_ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const;
/** The signature algorithms accepted from issuers of workload identities. AWS signs with ES384. */
export const FEDERATION_ALGS = [...VERIFICATION_ALGS, 'ES384'] as const;
export type VerificationAlg = (typeof FEDERATION_ALGS)[number];

const KINDS: Readonly<Record<VerificationAlg, { readonly kty: string; readonly crv?: string }>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  PS256: { kty: 'RSA' },
  RS256: { kty: 'RSA' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
};

/** The members that only a private or a symmetric key has ([RFC 7518 section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). */
export const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** Whether a JWK contains private or symmetric key material. */
export function hasPrivateMember(jwk: object): boolean {
  return PRIVATE_MEMBERS.some((member) => member in jwk);
}

/**
 * Whether a JWK declares itself a public key for verifying with an algorithm
 * ([RFC 7517 section 4](https://www.rfc-editor.org/rfc/rfc7517#section-4)).
 * @param uses the accepted values of `use`; a key without `use` counts as `sig`
 */
export function fitsAlg(jwk: JWK, alg: VerificationAlg, uses: readonly string[] = ['sig']): boolean {
  const { kty, crv } = KINDS[alg];
  return (
    jwk.kty === kty &&
    (crv === undefined || jwk.crv === crv) &&
    (jwk.alg === undefined || isSameAlg(jwk.alg, alg)) &&
    uses.includes(jwk.use ?? 'sig') &&
    (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) &&
    !hasPrivateMember(jwk)
  );
}

function isSameAlg(alg: string, other: string): boolean {
  const canonicalName = (name: string) => (name === 'Ed25519' ? 'EdDSA' : name);
  return canonicalName(alg) === canonicalName(other);
}

/**
 * Whether an algorithm is in a list. The comparison is case-sensitive
 * ([RFC 7515 section 4.1.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.1)).
 */
export function isAmong<Alg extends string>(algs: readonly Alg[], alg: string): alg is Alg {
  return (algs as readonly string[]).includes(alg);
}

/**
 * Imports a public key for verifying with one algorithm only. The members that describe its use, such as `ext` or `key_ops`, are ignored.
 * @throws TypeError if it is not a public key for the algorithm; if it is not in the canonical form that its thumbprint is computed from;
 * if it is an RSA key of less than `RSA_MODULUS_BITS` ([RFC 7518 section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)); if it
 * is so weak that anybody can sign with it
 */
export async function importPublicKey(jwk: JWK, alg: VerificationAlg): Promise<CryptoKey> {
  const { kty, crv, x, y, n, e } = jwk;
  if (hasPrivateMember(jwk)) throw new TypeError('a private key');
  const numbers = Object.entries({ x, y, n, e }).filter(([, value]) => value !== undefined);
  if (!numbers.every(([, value]) => isCanonicalBase64url(value))) throw new TypeError('not canonical');
  const keyOnly = { kty, ...(crv !== undefined && { crv }), ...Object.fromEntries(numbers) };
  const key = await importJWK(keyOnly as JWK, alg);
  if (key instanceof Uint8Array || key.type !== 'public') throw new TypeError('not a public key');
  const { modulusLength } = key.algorithm as { readonly modulusLength?: number };
  if (modulusLength !== undefined && modulusLength < RSA_MODULUS_BITS) throw new TypeError('an RSA key too short');
  if (n !== undefined && isRocaModulus(n)) throw new TypeError('an RSA key that can be factored');
  if (crv === 'Ed25519' && x !== undefined && hasSmallOrder(x)) throw new TypeError('a point of small order');
  return key;
}
