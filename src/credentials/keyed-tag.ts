import { base62, toBigInt } from '../base62.ts';
import type { AcceptedKeys, HashingKeys } from './master-key.ts';
import { equalInConstantTime } from './secret-hash.ts';

export const TAG_LENGTH = 8;

/** What is tagged, each under a key of its own. */
export type Tagged = 'clientIdTag' | 'apiKeyTag';

const encoder = new TextEncoder();

/** The text with 8 characters behind it that only a holder of the master key can make. */
export async function withTag(text: string, what: Tagged, [current]: AcceptedKeys): Promise<string> {
  return text + (await tag(text, current[what]));
}

/** Whether the text ends with a tag that an accepted master key made. */
export async function hasOwnTag(tagged: string, what: Tagged, masterKeys: AcceptedKeys): Promise<boolean> {
  const text = tagged.slice(0, -TAG_LENGTH);
  const presented = tagged.slice(-TAG_LENGTH);
  for (const key of masterKeys) if (equalInConstantTime(presented, await tag(text, key[what]))) return true;
  return false;
}

async function tag(text: string, key: HashingKeys[Tagged]): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)));
  return base62(toBigInt(mac.subarray(0, 8)) % 62n ** BigInt(TAG_LENGTH), TAG_LENGTH);
}
