import { compactVerify, type JWK } from 'jose';
import { fitsAlg, importPublicKey, type VerificationAlg } from '../../jwt/public-key.ts';
import type { Redacted } from '../../log/redacted.ts';

/** Whether one of the keys made the signature of a JWS, by one algorithm and no other. */
export async function isSignedBy(token: Redacted, alg: VerificationAlg, keys: readonly CryptoKey[]): Promise<boolean> {
  for (const key of keys) if (await isSigner(token, alg, key)) return true;
  return false;
}

async function isSigner(token: Redacted, alg: VerificationAlg, key: CryptoKey): Promise<boolean> {
  try {
    await compactVerify(token.reveal(), key, { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

// By the object that they were imported from: an isolate keeps it for as long as it goes by the record that it is of.
const imported = new WeakMap<JWK, Map<VerificationAlg, CryptoKey>>();

/**
 * Imports a key that an isolate keeps, once.
 * @param uses as for `fitsAlg`
 * @returns undefined where it is none for the algorithm
 */
export async function openKey(
  jwk: JWK,
  alg: VerificationAlg,
  uses?: readonly string[],
): Promise<CryptoKey | undefined> {
  const known = imported.get(jwk)?.get(alg);
  if (known || !fitsAlg(jwk, alg, uses)) return known;
  const key = await importPublicKey(jwk, alg).catch(() => undefined);
  if (key) imported.set(jwk, (imported.get(jwk) ?? new Map<VerificationAlg, CryptoKey>()).set(alg, key));
  return key;
}

/** Whether a key may be the one that a header names: it does by `kid` where both have one. */
export function mayBeNamed({ kid }: JWK, named: string | undefined): boolean {
  return kid === undefined || named === undefined || kid === named;
}
