import { exportJWK, type JWK } from 'jose';
import { generateKeyPair } from 'oauth4webapi';

/** The algorithms by which machines may sign, as the libraries name them. */
export const ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const;

/** A key of a machine, and what is registered of it. */
export async function newKey(alg: (typeof ALGS)[number], kid = '2026-11') {
  const pair = await generateKeyPair(alg, { extractable: true });
  const registration = {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), kid } satisfies JWK] },
  };
  return { pair, privateKey: { key: pair.privateKey, kid }, registration };
}
