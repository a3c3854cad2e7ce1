import { createPublicKey } from 'node:crypto';
import { RSA_MODULUS_BITS } from '../../../constants.ts';
import { isCanonicalBase64url } from '../../../jwt/compact.ts';
import { fitsAlg, hasPrivateMember, VERIFICATION_ALGS } from '../../../jwt/public-key.ts';
import { hasSmallOrder, isRocaModulus } from '../../../jwt/weak-keys.ts';
import type { JsonObject } from '../../../lib/json.ts';

/** Whether a key of a client is for encrypting, so that the client does not authenticate with it. */
export function isEncryptionKey({ use, key_ops }: JsonObject): boolean {
  if (use !== undefined) return use === 'enc';
  return Array.isArray(key_ops) && key_ops.length > 0 && !key_ops.some((each) => each === 'verify' || each === 'sign');
}

/** Returns why this service refuses a key, as the end of a sentence ("it ..."), or undefined if it accepts the key. */
export function keyFault(jwk: JsonObject): string | undefined {
  if (hasPrivateMember(jwk)) return 'has private members, so it has been disclosed. Replace the key pair';
  const unsupported = `is not supported: use P-256, Ed25519, or RSA of at least ${RSA_MODULUS_BITS} bits with RS256 or PS256`;
  if (!VERIFICATION_ALGS.some((alg) => fitsAlg(jwk, alg))) return unsupported;
  const { kty, crv, x, y, n, e } = jwk;
  try {
    const numbers = [x, y, n, e].filter((value) => value !== undefined);
    const { asymmetricKeyDetails } = createPublicKey({ key: { kty, crv, x, y, n, e } as never, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength ?? RSA_MODULUS_BITS;
    const isWeak =
      bits < RSA_MODULUS_BITS ||
      (kty === 'RSA' && isRocaModulus(String(n))) ||
      (crv === 'Ed25519' && hasSmallOrder(String(x)));
    if (isWeak) return unsupported;
    return numbers.every(isCanonicalBase64url) ? undefined : 'is malformed';
  } catch {
    return 'is malformed';
  }
}
