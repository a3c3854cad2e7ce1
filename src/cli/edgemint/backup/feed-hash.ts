import { createHash } from 'node:crypto';
import { FEED_HASH_BYTES } from '../../../store/constants.ts';

/** Returns the hash under which `live_revocations` lists the id of a token or client. */
export function feedHash(id: string): string {
  return createHash('sha256').update(id).digest().subarray(0, FEED_HASH_BYTES).toString('base64url');
}
