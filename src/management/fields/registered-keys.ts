import { calculateJwkThumbprint, importX509, type JWK } from 'jose';
import { RSA_MODULUS_BITS } from '../../constants.ts';
import type { RegisteredKey } from '../../gates/protocol.ts';
import { FEDERATION_ALGS, fitsAlg, importPublicKey, VERIFICATION_ALGS } from '../../jwt/public-key.ts';
import { sha256 } from '../../lib/sha256.ts';
import type { FieldError } from '../http/field-error.ts';

/**
 * Returns a key of a client's `jwks` with its thumbprint and that of its certificate.
 * @param at a JSON pointer to the key in the body
 * @param errors receives an error if the key is refused
 * @returns undefined if the key is refused
 */
export async function registeredKey(jwk: JWK, at: string, errors: FieldError[]): Promise<RegisteredKey | undefined> {
  const refuse = (detail: string) => void errors.push({ pointer: at, detail });
  const alg = VERIFICATION_ALGS.find((candidate) => fitsAlg(jwk, candidate));
  const key = alg && (await importPublicKey(jwk, alg).catch(() => undefined));
  if (!alg || !key) {
    return refuse(
      `must be a signature key: P-256, Ed25519, or RSA of at least ${RSA_MODULUS_BITS} bits. Its \`alg\`, if it has one, must be one that the server metadata lists`,
    );
  }
  const thumbprint = await calculateJwkThumbprint(jwk);
  if (jwk.x5c === undefined) return { jwk, thumbprint, certificate: null };
  const certificate = await certificateThumbprint(jwk.x5c, alg, thumbprint);
  return certificate === undefined
    ? refuse('must have the certificate of this key as the first element of `x5c`, as DER in base64')
    : { jwk, thumbprint, certificate };
}

/**
 * Returns the thumbprint of the first certificate, or undefined if it does not certify the key
 * ([RFC 7517 section 4.7](https://www.rfc-editor.org/rfc/rfc7517#section-4.7)).
 */
async function certificateThumbprint(x5c: unknown, alg: string, thumbprint: string): Promise<string | undefined> {
  const [first] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
  if (typeof first !== 'string') return undefined;
  try {
    const pem = `-----BEGIN CERTIFICATE-----\n${first}\n-----END CERTIFICATE-----`;
    const key = await importX509(pem, alg, { extractable: true });
    if ((await calculateJwkThumbprint(key)) !== thumbprint) return undefined;
    // Versions of Node in which the command line runs have no `Uint8Array.fromBase64`.
    return await sha256(Uint8Array.from(atob(first), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/**
 * Whether at least one of an issuer's keys can verify its tokens. A bundle may also hold keys for other purposes.
 * @param uses the accepted values of `use`
 */
export async function hasUsableKey(keys: readonly JWK[], uses: readonly string[]): Promise<boolean> {
  for (const jwk of keys) {
    const alg = FEDERATION_ALGS.find((candidate) => fitsAlg(jwk, candidate, uses));
    const key = alg && (await importPublicKey(jwk, alg).catch(() => undefined));
    if (key) return true;
  }
  return false;
}
