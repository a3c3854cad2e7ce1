import { base62, toBigInt } from '../lib/base62.ts';
import { ID_RANDOM_BYTES, ID_RANDOM_LENGTH } from './constants.ts';

/** Generates an id with 128 random bits. @param prefix names the kind of resource, such as `org` or `role` */
export function generateId(prefix: string): string {
  return `${prefix}_${base62(toBigInt(crypto.getRandomValues(new Uint8Array(ID_RANDOM_BYTES))), ID_RANDOM_LENGTH)}`;
}
