import { compactVerify, type JWK } from 'jose';
import { fitsAlg, importPublicKey, type VerificationAlg } from '../../jwt/public-key.ts';
import type { Redacted } from '../../log/redacted.ts';

/** Whether one of the keys made the signature of a JWS, with exactly this algorithm. */
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

// Keyed by the JWK object, so a key is dropped together with the cached record that holds its JWK.
const imported = new WeakMap<JWK, Map<VerificationAlg, CryptoKey>>();

/**
 * Imports a key of a cached record once, and keeps it with the record.
 * @param uses as for `fitsAlg`
 * @returns undefined if the key does not fit the algorithm
 */
export async function importKeyOnce(
  jwk: JWK,
  alg: VerificationAlg,
  uses?: readonly string[],
): Promise<CryptoKey | undefined> {
  const cached = imported.get(jwk)?.get(alg);
  if (cached || !fitsAlg(jwk, alg, uses)) return cached;
  const key = await importPublicKey(jwk, alg).catch(() => undefined);
  if (key) imported.set(jwk, (imported.get(jwk) ?? new Map<VerificationAlg, CryptoKey>()).set(alg, key));
  return key;
}

/** Whether a key may be the one that a header's `kid` names. A key without `kid` may be, and any key if the header has none. */
export function matchesKid({ kid }: JWK, named: string | undefined): boolean {
  return kid === undefined || named === undefined || kid === named;
}
