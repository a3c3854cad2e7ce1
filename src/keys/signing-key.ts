import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { RSA_MODULUS_BITS } from '../constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { SigningAlg } from '../gates/protocol.ts';
import { fitsAlg, importPublicKey } from '../jwt/public-key.ts';
import type { StoredSigningKey } from '../store/ring.ts';
import { heldBackUntil, maturesAt } from './rotation.ts';
import { seal, unseal } from './sealing.ts';

/** A published key in an isolate's memory. */
export interface PublishedKey {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** An active key with its private half. */
export interface SigningKey extends Pick<PublishedKey, 'kid' | 'alg'> {
  /** See `heldBackUntil()`. */
  readonly heldBackUntil: number;
  readonly privateKey: CryptoKey;
}

/**
 * Makes a signing key with a sealed private half. Its `kid` is its thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
 * @param now milliseconds since the epoch
 * @param from when the key may sign, milliseconds since the epoch
 */
export async function makeSigningKey(
  alg: SigningAlg,
  status: StoredSigningKey['status'],
  masterKeys: MasterKeys,
  now: number,
  from = maturesAt(now),
): Promise<StoredSigningKey> {
  const options = alg === 'RS256' ? { modulusLength: RSA_MODULUS_BITS, extractable: true } : { extractable: true };
  const pair = await generateKeyPair(alg, options);
  const [privateJwk, publicJwk] = await Promise.all([exportJWK(pair.privateKey), exportJWK(pair.publicKey)]);
  const kid = await calculateJwkThumbprint(publicJwk);
  return {
    kid,
    alg,
    status,
    publicJwk: JSON.stringify({ ...publicJwk, kid, use: 'sig', alg }),
    sealedPrivateJwk: await seal(privateJwk, 'signing-key', masterKeys),
    activatedAt: status === 'active' ? now : null,
    retiredAt: null,
    signsFrom: from,
    createdAt: now,
  };
}

/**
 * Imports a published key for verification with its one algorithm.
 * @throws TypeError if the key declares another algorithm, use or curve. jose and the runtime accept some of these.
 */
export async function importPublishedKey(jwk: JWK, alg: SigningAlg): Promise<CryptoKey> {
  if (jwk.alg !== alg || !fitsAlg(jwk, alg)) throw new TypeError(`not an ${alg} key`);
  return importPublicKey(jwk, alg);
}

/** Imports the public half of a stored key. */
export async function openPublishedKey({ kid, alg, publicJwk: json }: StoredSigningKey): Promise<PublishedKey> {
  const publicJwk = JSON.parse(json) as JWK;
  return { kid, alg, publicKey: await importPublishedKey(publicJwk, alg), publicJwk };
}

/** Unseals and imports the private half of a stored key. The resulting CryptoKey cannot be exported. */
export async function openSigningKey(stored: StoredSigningKey, masterKeys: MasterKeys): Promise<SigningKey> {
  const { kid, alg, sealedPrivateJwk } = stored;
  const privateKey = await importJWK(await unseal<JWK>(sealedPrivateJwk, 'signing-key', masterKeys), alg);
  if (privateKey instanceof Uint8Array) throw new TypeError('not a private key');
  return { kid, alg, heldBackUntil: heldBackUntil(stored), privateKey };
}
