import { type CryptoKey, importJWK, importPKCS8, type JWK } from 'jose';
import { invalidOption } from '../lib/http.ts';

/** A private key: as WebCrypto has it, as a JWK, or as the PEM text of PKCS #8 (`BEGIN PRIVATE KEY`). */
export type PrivateKey = CryptoKey | JWK | string;

/** A private key that can sign. */
export interface SigningKey {
  readonly key: CryptoKey;
  readonly alg: string;
  readonly kid: string | undefined;
}

// The object identifiers in a PKCS #8 key, as they are in its DER, in hexadecimal.
const PKCS8_KINDS: readonly (readonly [oid: string, algs: readonly string[]])[] = [
  ['06092a864886f70d01010a', ['PS256']],
  ['06092a864886f70d010101', ['RS256', 'PS256']],
  ['06082a8648ce3d030107', ['ES256']],
  ['06052b81040022', ['ES384']],
  ['06052b81040023', ['ES512']],
  ['06032b6570', ['EdDSA', 'Ed25519']],
];
/** The identifiers stand at the beginning of the DER. */
const IDENTIFIERS_BYTES_MAX = 48;

/**
 * Imports a private key for signatures.
 * @param alg the algorithm; without it, the key's own, or one that fits the key and that the server supports
 * @param supported the algorithms that the server names in its metadata
 * @throws SdkError `invalid_option`
 */
export async function importSigningKey(
  key: PrivateKey,
  alg: string | undefined,
  supported: readonly string[] | undefined,
): Promise<SigningKey> {
  const choose = (candidates: readonly string[]): string => {
    const chosen = alg ?? candidates.find((name) => supported?.includes(name)) ?? candidates[0];
    if (chosen === undefined)
      throw invalidOption('The private key is of an unknown kind. Use RSA, EC or Ed25519, or set alg.');
    return chosen;
  };
  try {
    if (typeof key === 'string') {
      const chosen = choose(algsOfPem(key));
      return { key: await importPKCS8(key, chosen), alg: chosen, kid: undefined };
    }
    if (isJwk(key)) {
      if (typeof key.d !== 'string') throw invalidOption('The JWK has no private part: `d` is missing.');
      const chosen = choose(key.alg === undefined ? algsOfJwk(key) : [key.alg]);
      return { key: (await importJWK(key, chosen)) as CryptoKey, alg: chosen, kid: key.kid };
    }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'SdkError') throw cause;
    // The cause is left out: it might show a part of the key.
    throw invalidOption('The private key cannot be imported. It must be a JWK, or a PEM of PKCS #8.');
  }
  if (key.type !== 'private') throw invalidOption(`The key must be a private key, not a ${key.type} one.`);
  return { key, alg: choose(algsOfCryptoKey(key)), kid: undefined };
}

/** Whether a key is a JWK, and not a `CryptoKey`. */
export function isJwk(key: object): key is JWK {
  return 'kty' in key;
}

function algsOfPem(pem: string): readonly string[] {
  if (!pem.includes('-----BEGIN PRIVATE KEY-----')) {
    throw invalidOption('The PEM must begin with BEGIN PRIVATE KEY (openssl pkcs8 -topk8 -nocrypt).');
  }
  const base64 = pem.replace(/-----[^-]+-----|\s/g, '');
  const bytes = Array.from(atob(base64).slice(0, IDENTIFIERS_BYTES_MAX), (character) => character.charCodeAt(0));
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return PKCS8_KINDS.find(([oid]) => hex.includes(oid))?.[1] ?? [];
}

function algsOfJwk({ kty, crv }: JWK): readonly string[] {
  if (kty === 'RSA') return ['RS256', 'PS256'];
  return algsOfCurve(crv);
}

/** Returns the algorithms with which a `CryptoKey` can sign. */
export function algsOfCryptoKey({ algorithm }: CryptoKey): readonly string[] {
  const { name, hash, namedCurve } = algorithm as { name: string; hash?: { name: string }; namedCurve?: string };
  const bits = hash?.name.slice('SHA-'.length) ?? '';
  if (name === 'RSASSA-PKCS1-v1_5') return [`RS${bits}`];
  if (name === 'RSA-PSS') return [`PS${bits}`];
  return algsOfCurve(namedCurve ?? name);
}

function algsOfCurve(name: string | undefined): readonly string[] {
  switch (name) {
    case 'P-256':
      return ['ES256'];
    case 'P-384':
      return ['ES384'];
    case 'P-521':
      return ['ES512'];
    case 'Ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}
