import { base64url } from 'jose';

/** What one MASTER_KEY gives: a key for each purpose, derived by HKDF ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)) under a label of its own. */
export interface MasterKey {
  /** Eight characters that name the key and tell nothing about it; every sealed or hashed value says which one made it. */
  readonly id: string;
  /** AES-256-GCM, for sealing private keys at rest. */
  readonly sealing: Uint8Array;
  /** HMAC-SHA-256, for hashing client secrets and API keys. */
  readonly secretHash: CryptoKey;
  /** HMAC-SHA-256, for the tag in generated client ids. */
  readonly clientIdTag: CryptoKey;
  /** HMAC-SHA-256, for the tag in API keys. */
  readonly apiKeyTag: CryptoKey;
}

/** The accepted keys, the current one first. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]];

/** Derives the keys of every accepted MASTER_KEY (32 bytes each, the current one first). */
export async function deriveMasterKeys(rawKeys: readonly Uint8Array<ArrayBuffer>[]): Promise<MasterKeys> {
  const [current, ...others] = await Promise.all(rawKeys.map(deriveMasterKey));
  if (!current) throw new TypeError('at least one master key is needed');
  return [current, ...others];
}

async function deriveMasterKey(raw: Uint8Array<ArrayBuffer>): Promise<MasterKey> {
  const root = await crypto.subtle.importKey('raw', raw, 'HKDF', false, ['deriveBits']);
  const derive = async (label: string, bytes: number) => {
    const parameters = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: new TextEncoder().encode(label) };
    return new Uint8Array(await crypto.subtle.deriveBits(parameters, root, bytes * 8));
  };
  const hmac = async (label: string) =>
    crypto.subtle.importKey('raw', await derive(label, 32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const [id, sealing, secretHash, clientIdTag, apiKeyTag] = await Promise.all([
    derive('edgemint/master-key-id', 6),
    derive('edgemint/sealing', 32),
    hmac('edgemint/secret-hash'),
    hmac('edgemint/client-id-tag'),
    hmac('edgemint/api-key-tag'),
  ]);
  return { id: base64url.encode(id), sealing, secretHash, clientIdTag, apiKeyTag };
}
