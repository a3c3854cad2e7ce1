import { base62, toBigInt } from '../lib/base62.ts';
import { TAG_LENGTH, TAG_MAC_BYTES } from './constants.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';
import { equalInConstantTime } from './secret-hash.ts';

/** The kind of a tag that is accepted even after its MASTER_KEY has been retired. Each kind has its own key. */
export type LongLivedTag = 'clientIdTag' | 'apiKeyTag';
/** The kind of a tag that expires so soon that only configured MASTER_KEYs need to verify it. */
export type ShortLivedTag = 'dpopNonceTag';

const encoder = new TextEncoder();

/** Appends a tag of `TAG_LENGTH` characters that only a holder of the master key can make. */
export async function appendTag(
  text: string,
  kind: LongLivedTag | ShortLivedTag,
  [current]: MasterKeys,
): Promise<string> {
  return text + (await tag(text, current[kind]));
}

/** Whether a text ends with a tag that an accepted master key made, configured or retired. */
export function hasLongLivedTag(tagged: string, kind: LongLivedTag, keys: AcceptedKeys): Promise<boolean> {
  return endsWithTagOf(
    tagged,
    keys.map((key) => key[kind]),
  );
}

/** Whether a text ends with a tag that a configured master key made. */
export function hasShortLivedTag(tagged: string, kind: ShortLivedTag, keys: MasterKeys): Promise<boolean> {
  return endsWithTagOf(
    tagged,
    keys.map((key) => key[kind]),
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
