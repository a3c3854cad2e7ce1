import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { VerificationAlg } from '../../src/jwt/public-key.ts';

/** Somebody who signs. */
export interface Signer {
  readonly alg: VerificationAlg;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  /** What must never be published. */
  readonly privateJwk: JWK;
}

/** A signer whose published key has these members beside its own. */
export async function newSigner(alg: VerificationAlg, members: Partial<JWK> = {}): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    alg,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), ...members },
    privateJwk: { ...(await exportJWK(privateKey)), ...members },
  };
}

/** Which of some signers the keys are of, by place; -1 is none of them. */
export async function signersOf(keys: readonly CryptoKey[], signers: readonly Signer[]): Promise<number[]> {
  const jwks = await Promise.all(keys.map((key) => exportJWK(key)));
  return jwks.map(({ x, n }) => signers.findIndex(({ publicJwk }) => publicJwk.x === x && publicJwk.n === n));
}
