import { base62, toBigInt } from './base62.ts';
import type { MasterKey, MasterKeys } from './master-key.ts';
import { equalInConstantTime } from './secret-hash.ts';

const PREFIX = 'emc_';
const RANDOM_LENGTH = 22; // 128 bits in base 62
const TAG_LENGTH = 8;
const FORM = /^emc_[0-9A-Za-z]{30}$/;

const encoder = new TextEncoder();

/** A new client_id: `emc_`, 22 random base62 characters, and an 8 character tag that only a holder of the master key can make. */
export async function generateClientId(masterKeys: MasterKeys): Promise<string> {
  const untagged = PREFIX + base62(toBigInt(crypto.getRandomValues(new Uint8Array(16))), RANDOM_LENGTH);
  return untagged + (await tag(untagged, masterKeys[0]));
}

/** Whether this service once generated the client_id. An invented one is told so without asking any store. */
export async function isOwnClientId(clientId: string, masterKeys: MasterKeys): Promise<boolean> {
  if (!FORM.test(clientId)) return false;
  const untagged = clientId.slice(0, -TAG_LENGTH);
  const presented = clientId.slice(-TAG_LENGTH);
  for (const key of masterKeys) if (equalInConstantTime(presented, await tag(untagged, key))) return true;
  return false;
}

async function tag(untagged: string, key: MasterKey): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key.clientIdTag, encoder.encode(untagged)));
  return base62(toBigInt(mac.subarray(0, 8)) % 62n ** BigInt(TAG_LENGTH), TAG_LENGTH);
}
