import { base62, toBigInt } from '../lib/base62.ts';
import { TAG_LENGTH, TAG_MAC_BYTES } from './constants.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';
import { equalInConstantTime } from './secret-hash.ts';

/** What is tagged, each under a key of its own. */
export type LongLivedTag = 'clientIdTag' | 'apiKeyTag';
/** What is tagged for so short a time that a MASTER_KEY which is no longer set need not be known for it. */
export type ShortLivedTag = 'dpopNonceTag';

const encoder = new TextEncoder();

/** The text with 8 characters behind it that only a holder of the master key can make. */
export async function appendTag(
  text: string,
  what: LongLivedTag | ShortLivedTag,
  [current]: MasterKeys,
): Promise<string> {
  return text + (await tag(text, current[what]));
}

/** Whether the text ends with a tag that an accepted master key made. */
export function hasLongLivedTag(tagged: string, what: LongLivedTag, keys: AcceptedKeys): Promise<boolean> {
  return endsWithTagOf(
    tagged,
    keys.map((key) => key[what]),
  );
}

/** As `hasLongLivedTag`, for a tag of a master key that is set. */
export function hasShortLivedTag(tagged: string, what: ShortLivedTag, keys: MasterKeys): Promise<boolean> {
  return endsWithTagOf(
    tagged,
    keys.map((key) => key[what]),
  );
}

async function endsWithTagOf(tagged: string, keys: readonly CryptoKey[]): Promise<boolean> {
  const text = tagged.slice(0, -TAG_LENGTH);
  const presented = tagged.slice(-TAG_LENGTH);
  for (const key of keys) if (equalInConstantTime(presented, await tag(text, key))) return true;
  return false;
}

async function tag(text: string, key: CryptoKey): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)));
  return base62(toBigInt(mac.subarray(0, TAG_MAC_BYTES)) % 62n ** BigInt(TAG_LENGTH), TAG_LENGTH);
}
