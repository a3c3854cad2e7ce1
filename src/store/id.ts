import { base62, toBigInt } from '../lib/base62.ts';

/** A new id of 128 random bits behind a prefix that tells what it names, such as `org_` or `role_`. */
export function generateId(prefix: string): string {
  return `${prefix}_${base62(toBigInt(crypto.getRandomValues(new Uint8Array(16))), 22)}`;
}
