import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { VerificationAlg } from '../../src/jwt/public-key.ts';

/** A signer with its key pair. */
export interface Signer {
  readonly alg: VerificationAlg;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
  /** The private JWK, which must never be published. */
  readonly privateJwk: JWK;
}

/** Makes a signer whose published key has additional members. */
export async function newSigner(alg: VerificationAlg, members: Partial<JWK> = {}): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    alg,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), ...members },
    privateJwk: { ...(await exportJWK(privateKey)), ...members },
  };
}

/** Returns for each key the index of its signer, or -1 if it belongs to none of them. */
export async function signersOf(keys: readonly CryptoKey[], signers: readonly Signer[]): Promise<number[]> {
  const jwks = await Promise.all(keys.map((key) => exportJWK(key)));
  return jwks.map(({ x, n }) => signers.findIndex(({ publicJwk }) => publicJwk.x === x && publicJwk.n === n));
}
