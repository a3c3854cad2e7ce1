import { base64url } from 'jose';
import type { Redacted } from '../log/redacted.ts';
import { DERIVED_KEY_BYTES, MASTER_KEY_ID_BYTES } from './constants.ts';

/** The keys for hashes and tags that are derived from one MASTER_KEY by HKDF ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)), under a label each. */
export interface HashingKeys {
  /** Eight characters that name the master key and tell nothing about it; every sealed or hashed value says which one made it. */
  readonly id: string;
  /** HMAC-SHA-256, for hashing client secrets and API keys. */
  readonly secretHash: CryptoKey;
  /** HMAC-SHA-256, for the tag in generated client ids. */
  readonly clientIdTag: CryptoKey;
  /** HMAC-SHA-256, for the tag in API keys. */
  readonly apiKeyTag: CryptoKey;
}

/** All that one MASTER_KEY gives. */
export interface MasterKey extends HashingKeys {
  /** HMAC-SHA-256, for the tag in DPoP nonces. */
  readonly dpopNonceTag: CryptoKey;
  /** AES-256-GCM, for sealing private keys at rest. */
  readonly sealing: Uint8Array;
}

/** Those that are set, the current one first. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]];

/** Those whose hashes and tags are accepted, the current one first: those that are set, and those that were retired. */
export type AcceptedKeys = readonly [HashingKeys, ...HashingKeys[]];

/** What is kept of a MASTER_KEY that is to go, sealed under another: its keys for hashes and tags, in base64url. It opens no seal. */
export interface RetiredKeys {
  readonly id: string;
  readonly secret_hash: string;
  readonly client_id_tag: string;
  readonly api_key_tag: string;
}

type Raw = Uint8Array<ArrayBuffer>;

/** Derives the keys of every MASTER_KEY that is set (32 bytes each, the current one first). */
export async function deriveMasterKeys(masterKeys: readonly Redacted<Raw>[]): Promise<MasterKeys> {
  const [current, ...others] = await Promise.all(masterKeys.map(deriveMasterKey));
  if (!current) throw new TypeError('at least one master key is needed');
  return [current, ...others];
}

async function deriveMasterKey(masterKey: Redacted<Raw>): Promise<MasterKey> {
  const [hashing, dpopNonceTag, sealing] = await Promise.all([
    deriveHashing(masterKey).then(importHashing),
    derive(masterKey, 'dpop-nonce-tag').then(importHmac),
    derive(masterKey, 'sealing'),
  ]);
  return { ...hashing, dpopNonceTag, sealing };
}

/** What is to be kept of a MASTER_KEY (32 bytes) that is to go. */
export async function retireMasterKey(masterKey: Redacted<Raw>): Promise<RetiredKeys> {
  const { id, secretHash, clientIdTag, apiKeyTag } = await deriveHashing(masterKey);
  const [secret_hash, client_id_tag, api_key_tag] = [secretHash, clientIdTag, apiKeyTag].map((key) =>
    base64url.encode(key),
  ) as [string, string, string];
  return { id, secret_hash, client_id_tag, api_key_tag };
}

/** The keys of a MASTER_KEY that was retired, for use. */
export function openRetiredKeys({ id, secret_hash, client_id_tag, api_key_tag }: RetiredKeys): Promise<HashingKeys> {
  const decode = (text: string) => new Uint8Array(base64url.decode(text));
  return importHashing({
    id,
    secretHash: decode(secret_hash),
    clientIdTag: decode(client_id_tag),
    apiKeyTag: decode(api_key_tag),
  });
}

type RawHashing = { readonly [Name in keyof HashingKeys]: Name extends 'id' ? string : Raw };

async function deriveHashing(masterKey: Redacted<Raw>): Promise<RawHashing> {
  const [id, secretHash, clientIdTag, apiKeyTag] = await Promise.all([
    derive(masterKey, 'master-key-id', MASTER_KEY_ID_BYTES),
    derive(masterKey, 'secret-hash'),
    derive(masterKey, 'client-id-tag'),
    derive(masterKey, 'api-key-tag'),
  ]);
  return { id: base64url.encode(id), secretHash, clientIdTag, apiKeyTag };
}

async function importHashing({ id, ...raw }: RawHashing): Promise<HashingKeys> {
  const [secretHash, clientIdTag, apiKeyTag] = await Promise.all([
    importHmac(raw.secretHash),
    importHmac(raw.clientIdTag),
    importHmac(raw.apiKeyTag),
  ]);
  return { id, secretHash, clientIdTag, apiKeyTag };
}

function importHmac(key: Raw): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

async function derive(masterKey: Redacted<Raw>, label: string, bytes = DERIVED_KEY_BYTES): Promise<Raw> {
  const root = await crypto.subtle.importKey('raw', masterKey.reveal(), 'HKDF', false, ['deriveBits']);
  const info = new TextEncoder().encode(`edgemint/${label}`);
  const parameters = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, root, bytes * 8));
}
