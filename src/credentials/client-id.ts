import { Memory } from '../memory.ts';
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

/** Tells the client_ids that this service once generated from inventions, without asking any store. */
export class OwnClientIds {
  readonly #masterKeys: () => Promise<MasterKeys>;
  // Those that were found to be own stay so.
  readonly #known = new Memory<true>();

  constructor(masterKeys: () => Promise<MasterKeys>) {
    this.#masterKeys = masterKeys;
  }

  async has(clientId: string): Promise<boolean> {
    if (this.#known.get(clientId, 0)) return true;
    const isOwn = FORM.test(clientId) && (await hasOwnTag(clientId, await this.#masterKeys()));
    if (isOwn) this.#known.set(clientId, true, Number.POSITIVE_INFINITY);
    return isOwn;
  }
}

async function hasOwnTag(clientId: string, masterKeys: MasterKeys): Promise<boolean> {
  const untagged = clientId.slice(0, -TAG_LENGTH);
  const presented = clientId.slice(-TAG_LENGTH);
  for (const key of masterKeys) if (equalInConstantTime(presented, await tag(untagged, key))) return true;
  return false;
}

async function tag(untagged: string, key: MasterKey): Promise<string> {
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key.clientIdTag, encoder.encode(untagged)));
  return base62(toBigInt(mac.subarray(0, 8)) % 62n ** BigInt(TAG_LENGTH), TAG_LENGTH);
}
