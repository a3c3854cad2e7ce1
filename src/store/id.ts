import { base62, toBigInt } from '../lib/base62.ts';

/** Characters of a generated id behind its prefix: 128 bits in base 62. */
export const ID_RANDOM_LENGTH = 22;

/** A new id of 128 random bits behind a prefix that tells what it names, such as `org_` or `role_`. */
export function generateId(prefix: string): string {
  return `${prefix}_${base62(toBigInt(crypto.getRandomValues(new Uint8Array(16))), ID_RANDOM_LENGTH)}`;
}
