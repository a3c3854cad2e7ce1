import { calculateJwkThumbprint, importX509, type JWK } from 'jose';
import { RSA_MODULUS_BITS } from '../../constants.ts';
import type { RegisteredKey } from '../../gates/protocol.ts';
import { FEDERATION_ALGS, fitsAlg, importPublicKey, VERIFICATION_ALGS } from '../../jwt/public-key.ts';
import { sha256 } from '../../lib/sha256.ts';
import type { FieldError } from '../http/problem.ts';

/**
 * A key of a client's `jwks`, with its thumbprint and that of its certificate.
 * @param at a pointer to it in the body
 * @param errors where it is noted that the key is not as it must be, in which case there is none
 */
export async function registeredKey(jwk: JWK, at: string, errors: FieldError[]): Promise<RegisteredKey | undefined> {
  const refuse = (detail: string) => void errors.push({ pointer: at, detail });
  const alg = VERIFICATION_ALGS.find((one) => fitsAlg(jwk, one));
  const key = alg && (await importPublicKey(jwk, alg).catch(() => undefined));
  if (!alg || !key) {
    return refuse(
      `must be a key for signatures: P-256, Ed25519, or RSA of ${RSA_MODULUS_BITS} bits or more, with an \`alg\` of the metadata if any`,
    );
  }
  const thumbprint = await calculateJwkThumbprint(jwk);
  if (jwk.x5c === undefined) return { jwk, thumbprint, certificate: null };
  const certificate = await certificateThumbprint(jwk.x5c, alg, thumbprint);
  return certificate === undefined
    ? refuse('must have in `x5c` the certificate of this very key first, DER in base64')
    : { jwk, thumbprint, certificate };
}

/** That of the first certificate, if it is the key's own ([RFC 7517 section 4.7](https://www.rfc-editor.org/rfc/rfc7517#section-4.7)). */
async function certificateThumbprint(x5c: unknown, alg: string, thumbprint: string): Promise<string | undefined> {
  const [first] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
  if (typeof first !== 'string') return undefined;
  try {
    const pem = `-----BEGIN CERTIFICATE-----\n${first}\n-----END CERTIFICATE-----`;
    const key = await importX509(pem, alg, { extractable: true });
    if ((await calculateJwkThumbprint(key)) !== thumbprint) return undefined;
    return await sha256(Uint8Array.fromBase64(first));
  } catch {
    return undefined;
  }
}

/** Whether any of an issuer's keys can verify its tokens: a bundle may hold others as well, for other things. @param uses the values that their `use` may have */
export async function hasUsableKey(keys: readonly JWK[], uses: readonly string[]): Promise<boolean> {
  for (const jwk of keys) {
    const alg = FEDERATION_ALGS.find((one) => fitsAlg(jwk, one, uses));
    const key = alg && (await importPublicKey(jwk, alg).catch(() => undefined));
    if (key) return true;
  }
  return false;
}
