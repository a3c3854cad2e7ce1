import { env } from 'cloudflare:workers';
import { base64url, decodeJwt, decodeProtectedHeader, type JWK } from 'jose';
import { deriveMasterKeys } from '../../src/credentials/master-key.ts';
import type { SigningAlg } from '../../src/gates/protocol.ts';
import { unseal } from '../../src/keys/sealing.ts';
import { openPublishedKey, openSigningKey, type PublishedKey, type SigningKey } from '../../src/keys/signing-key.ts';
import { readConfig } from '../../src/platform/config.ts';
import { database } from '../../src/store/database.ts';
import { readRing } from '../../src/store/ring.ts';

/** A signing key of the service, with its private key in plain form. */
export interface StolenKey extends SigningKey, PublishedKey {
  readonly privateJwk: JWK;
}

/** Takes the service's own signing key out of its database. Only its operator could do that. */
export async function stealKey(alg: SigningAlg): Promise<StolenKey> {
  const masterKeys = await deriveMasterKeys(readConfig(env).masterKeys);
  const stored = (await readRing(database(env.DB))).keys;
  const active = stored.find((key) => key.alg === alg && key.status === 'active');
  if (!active) throw new Error(`no active ${alg} key`);
  const privateJwk = await unseal<JWK>(active.sealedPrivateJwk, 'signing-key', masterKeys);
  return { ...(await openPublishedKey(active)), ...(await openSigningKey(active, masterKeys)), privateJwk };
}

type Signer = Pick<SigningKey, 'alg' | 'privateKey'>;

const SIGNING: Record<SigningAlg, Parameters<SubtleCrypto['sign']>[0]> = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5' },
  EdDSA: { name: 'Ed25519' },
};

const encoder = new TextEncoder();

/** The base64url of a text, or of a value's JSON. */
export function segment(content: unknown): string {
  return base64url.encode(typeof content === 'string' ? content : JSON.stringify(content));
}

/** Signs any text with the key. */
export async function signature(input: string, { alg, privateKey }: Signer): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.sign(SIGNING[alg], privateKey, encoder.encode(input))));
}

/** A compact JWS of any header and payload, JSON values or raw texts. Its signature is the key's, even if the header says otherwise. */
export function forge(header: unknown, payload: unknown, key: Signer): Promise<string> {
  return sign(segment(header), segment(payload), key);
}

/** A compact JWS from two encoded segments. */
export async function sign(header: string, payload: string, key: Signer): Promise<string> {
  const input = `${header}.${payload}`;
  return `${input}.${await signature(input, key)}`;
}

/** A token's header and claims, to forge other tokens from. */
export function decode(token: string) {
  return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
}
