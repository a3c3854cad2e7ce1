import { base64url } from 'jose';
import type { Redacted } from '../log/redacted.ts';
import { FINGERPRINT_LENGTH } from './constants.ts';
import type { AcceptedKeys, HashingKeys } from './master-key.ts';

const encoder = new TextEncoder();

/** HMAC-SHA-256 of the secret under the current master key, as it is stored: `<master key id>.<base64url>`. */
export function hashSecret(secret: Redacted, masterKeys: AcceptedKeys): Promise<string> {
  return hashUnder(secret, masterKeys[0]);
}

/** The stored forms that the secret could have, one for each accepted master key, the current one first. */
export async function candidateHashes(secret: Redacted, masterKeys: AcceptedKeys): Promise<[string, ...string[]]> {
  const [current, ...others] = masterKeys;
  return Promise.all([hashUnder(secret, current), ...others.map((key) => hashUnder(secret, key))]);
}

async function hashUnder(secret: Redacted, key: HashingKeys): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', key.secretHash, encoder.encode(secret.reveal()));
  return `${key.id}.${base64url.encode(new Uint8Array(mac))}`;
}

/** Whether two texts are equal, in a time that tells nothing about where they differ. Their lengths are no secret. No test shows the time: the runtime's comparison is trusted. */
export function equalInConstantTime(one: string, other: string): boolean {
  const left = encoder.encode(one);
  const right = encoder.encode(other);
  return left.byteLength === right.byteLength && crypto.subtle.timingSafeEqual(left, right);
}

/**
 * The part of a secret's hash by which the edge can tell that a credential is not worth asking a gate about. A hash is keyed, so
 * this tells nothing about the secret; and it only ever refuses, the gate alone admits.
 */
export function fingerprint(hash: string): string {
  return hash.slice(0, FINGERPRINT_LENGTH);
}
