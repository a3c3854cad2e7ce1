import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { RSA_MODULUS_BITS } from '../constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { SigningAlg } from '../gates/protocol.ts';
import { fitsAlg, importPublicKey } from '../jwt/public-key.ts';
import type { StoredSigningKey } from '../store/ring.ts';
import { heldBackUntil, maturesAt } from './rotation.ts';
import { seal, unseal } from './sealing.ts';

/** A key that is published, as an isolate holds it. */
export interface PublishedKey {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** A key that signs. */
export interface SigningKey extends Pick<PublishedKey, 'kid' | 'alg'> {
  /** See `heldBackUntil()`. */
  readonly heldBackUntil: number;
  readonly privateKey: CryptoKey;
}

/**
 * Makes a signing key, its private half sealed. The `kid` is the key's thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
 * @param now milliseconds since the epoch
 * @param from when it may sign, in the same
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
 * Imports a published key, for verifying with its one algorithm and nothing else.
 * @throws TypeError where the key says that it is for another algorithm, use or curve, of which jose and the runtime let some pass
 */
export async function importPublishedKey(jwk: JWK, alg: SigningAlg): Promise<CryptoKey> {
  if (jwk.alg !== alg || !fitsAlg(jwk, alg)) throw new TypeError(`not an ${alg} key`);
  return importPublicKey(jwk, alg);
}

/** A stored key's public half, for use. */
export async function openPublishedKey({ kid, alg, publicJwk: json }: StoredSigningKey): Promise<PublishedKey> {
  const publicJwk = JSON.parse(json) as JWK;
  return { kid, alg, publicKey: await importPublishedKey(publicJwk, alg), publicJwk };
}

/** A stored key's private half, for use. It cannot be taken out of the isolate's CryptoKey again. */
export async function openSigningKey(stored: StoredSigningKey, masterKeys: MasterKeys): Promise<SigningKey> {
  const { kid, alg, sealedPrivateJwk } = stored;
  const privateKey = await importJWK(await unseal<JWK>(sealedPrivateJwk, 'signing-key', masterKeys), alg);
  if (privateKey instanceof Uint8Array) throw new TypeError('not a private key');
  return { kid, alg, heldBackUntil: heldBackUntil(stored), privateKey };
}
