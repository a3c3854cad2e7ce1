import { base64url } from 'jose';
import type { Redacted } from '../log/redacted.ts';
import { FINGERPRINT_LENGTH } from './constants.ts';
import type { AcceptedKeys, HashingKeys } from './master-key.ts';

const encoder = new TextEncoder();

/** Hashes a secret for storage: its HMAC-SHA-256 under the current master key, as `<master key id>.<base64url>`. */
export function hashSecret(secret: Redacted, masterKeys: AcceptedKeys): Promise<string> {
  return hashUnder(secret, masterKeys[0]);
}

/** Returns the hashes that a secret may be stored as: one for each accepted master key, the current one first. */
export async function candidateHashes(secret: Redacted, masterKeys: AcceptedKeys): Promise<[string, ...string[]]> {
  const [current, ...others] = masterKeys;
  const hashes: [string, ...string[]] = [await hashUnder(secret, current)];
  for (const key of others) hashes.push(await hashUnder(secret, key));
  return hashes;
}

async function hashUnder(secret: Redacted, key: HashingKeys): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', key.secretHash, encoder.encode(secret.reveal()));
  return `${key.id}.${base64url.encode(new Uint8Array(mac))}`;
}

/**
 * Whether two texts are equal. The duration does not depend on where they differ; it may disclose their lengths. No test measures it: the
 * comparison is the runtime's own.
 */
export function equalInConstantTime(a: string, b: string): boolean {
  const left = encoder.encode(a);
  const right = encoder.encode(b);
  return left.byteLength === right.byteLength && crypto.subtle.timingSafeEqual(left, right);
}

/**
 * Returns the part of a secret's hash by which the edge refuses a wrong credential without a call to its gate. The hash is keyed, so the
 * fingerprint discloses nothing about the secret. A match admits nobody: only the gate does.
 */
export function fingerprint(hash: string): string {
  return hash.slice(0, FINGERPRINT_LENGTH);
}
