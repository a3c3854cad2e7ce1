import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type JWK, SignJWT } from 'jose';
import { RSA_MODULUS_BITS } from '../../constants.ts';
import { isJsonObject } from '../../lib/json.ts';
import { ASSERTION_LIFETIME } from '../constants.ts';
import { Failure } from '../failure.ts';

/** The algorithms of keys that `clients generate-key` makes. */
export const KEY_ALGS = ['ES256', 'EdDSA', 'RS256'] as const;
export type KeyAlg = (typeof KEY_ALGS)[number];

/** A key of a client that signs its assertions. */
export interface PrivateKey {
  readonly key: KeyObject;
  readonly alg: string;
  readonly kid: string;
}

/** Returns the public JWK of a key, with its thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)) as `kid`. */
export function publicJwk(key: KeyObject): JWK {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  return { ...jwk, kid: thumbprint(jwk), use: 'sig' };
}

function thumbprint({ kty, crv, e, n, x, y }: JWK): string {
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

/** Whether a text is PEM ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)). */
export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** Reads the public keys and certificates in a PEM file. @returns undefined if it holds a private key. @throws if one is malformed */
export function publicJwksOfPem(text: string): JWK[] | undefined {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return undefined;
  const blocks = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  return blocks.map((block) => publicJwk(createPublicKey(block)));
}

/** Makes a new key. */
export function generateKey(alg: KeyAlg): KeyObject {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: RSA_MODULUS_BITS }).privateKey;
  return alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('ed25519').privateKey;
}

/**
 * Reads a private key from a file in PEM, or a JWK.
 * @param kid the id under which it is registered, by default its `kid`, else its thumbprint
 * @throws Failure if it cannot be read, or is no private key
 */
export async function readPrivateKey(file: string, kid?: string): Promise<PrivateKey> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`${file} could not be read: ${error instanceof Error ? error.message : error}`);
  }
  try {
    const jwk = isPem(text) ? undefined : soleKey(JSON.parse(text));
    const key = jwk ? createPrivateKey({ key: jwk as never, format: 'jwk' }) : createPrivateKey(text);
    const known = publicJwk(key);
    return { key, alg: jwk?.alg ?? algOf(known), kid: kid ?? jwk?.kid ?? known.kid ?? '' };
  } catch {
    // The reason could quote the key.
    throw new Failure(`${file} holds no private key without a passphrase, in PEM (PKCS #8) or as a JWK.`);
  }
}

function soleKey(value: unknown): JWK {
  if (!isJsonObject(value)) throw new TypeError('not an object');
  const { keys } = value;
  return (Array.isArray(keys) ? keys[0] : value) as JWK;
}

function algOf({ kty }: JWK): string {
  if (kty === 'RSA') return 'RS256';
  return kty === 'EC' ? 'ES256' : 'EdDSA';
}

/** Signs an assertion of a client for a server ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)). */
export function signAssertion(clientId: string, { key, alg, kid }: PrivateKey, issuer: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg, kid })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${ASSERTION_LIFETIME}s`)
    .sign(key);
}
