import { base64url } from 'jose';
import type { Redacted } from '../log/redacted.ts';
import { DERIVED_KEY_BYTES, MASTER_KEY_ID_BYTES } from './constants.ts';

/**
 * The keys for hashes and tags of one MASTER_KEY, each derived under its own label by HKDF
 * ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
 */
export interface HashingKeys {
  /** Identifies the master key in every sealed or hashed value. It is derived too, so it discloses nothing about the key. */
  readonly id: string;
  /** HMAC-SHA-256, for hashing client secrets and API keys. */
  readonly secretHash: CryptoKey;
  /** HMAC-SHA-256, for the tag in generated client ids. */
  readonly clientIdTag: CryptoKey;
  /** HMAC-SHA-256, for the tag in API keys. */
  readonly apiKeyTag: CryptoKey;
}

/** All keys that are derived from one MASTER_KEY. */
export interface MasterKey extends HashingKeys {
  /** HMAC-SHA-256, for the tag in DPoP nonces. */
  readonly dpopNonceTag: CryptoKey;
  /** AES-256-GCM, for sealing private keys at rest. */
  readonly sealing: Uint8Array;
}

/** Configured master keys. The first one seals, hashes and tags new values. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]];

/** The keys whose hashes and tags are accepted: of the configured master keys, the current one first, then of the retired ones. */
export type AcceptedKeys = readonly [HashingKeys, ...HashingKeys[]];

/**
 * The part of a MASTER_KEY that outlives its removal from the configuration: its keys for hashes and tags, in base64url. It is stored
 * sealed under another master key. It lacks the sealing key, so it cannot unseal anything.
 */
export interface RetiredKeys {
  readonly id: string;
  readonly secret_hash: string;
  readonly client_id_tag: string;
  readonly api_key_tag: string;
}

type Raw = Uint8Array<ArrayBuffer>;

/** Derives the keys of every configured MASTER_KEY (`MASTER_KEY_BYTES` each, the current one first). */
export async function deriveMasterKeys(masterKeys: readonly Redacted<Raw>[]): Promise<MasterKeys> {
  const [current, ...previous] = await Promise.all(masterKeys.map(deriveMasterKey));
  if (!current) throw new TypeError('at least one master key is needed');
  return [current, ...previous];
}

async function deriveMasterKey(masterKey: Redacted<Raw>): Promise<MasterKey> {
  const [hashing, dpopNonceTag, sealing] = await Promise.all([
    deriveHashing(masterKey).then(importHashing),
    derive(masterKey, 'dpop-nonce-tag').then(importHmac),
    derive(masterKey, 'sealing'),
  ]);
  return { ...hashing, dpopNonceTag, sealing };
}

/** Derives the part of a MASTER_KEY that stays after its removal from the configuration. */
export async function retireMasterKey(masterKey: Redacted<Raw>): Promise<RetiredKeys> {
  const { id, secretHash, clientIdTag, apiKeyTag } = await deriveHashing(masterKey);
  const [secret_hash, client_id_tag, api_key_tag] = [secretHash, clientIdTag, apiKeyTag].map((key) =>
    base64url.encode(key),
  ) as [string, string, string];
  return { id, secret_hash, client_id_tag, api_key_tag };
}

/** Imports the keys of a retired MASTER_KEY. */
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
