import { exportJWK, type JWK } from 'jose';
import { generateKeyPair } from 'oauth4webapi';

/** The algorithms with which machines may sign, by the names that the libraries use. */
export const ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const;

/** Generates a machine's key. @returns it with the fields that register its public half */
export async function newKey(alg: (typeof ALGS)[number], kid = '2026-11') {
  const pair = await generateKeyPair(alg, { extractable: true });
  const registration = {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), kid } satisfies JWK] },
  };
  return { pair, privateKey: { key: pair.privateKey, kid }, registration };
}
