import { base62, toBigInt } from '../lib/base62.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { CLIENT_ID_RANDOM_BYTES, CLIENT_ID_RANDOM_LENGTH, TAG_LENGTH } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';

const FORM = new RegExp(`^emc_[0-9A-Za-z]{${CLIENT_ID_RANDOM_LENGTH + TAG_LENGTH}}$`);

/** Generates a client_id: `emc_`, random base62 characters, and a tag by which the service recognizes its own ids. */
export function generateClientId(masterKeys: MasterKeys): Promise<string> {
  const random = base62(
    toBigInt(crypto.getRandomValues(new Uint8Array(CLIENT_ID_RANDOM_BYTES))),
    CLIENT_ID_RANDOM_LENGTH,
  );
  return appendTag(`emc_${random}`, 'clientIdTag', masterKeys);
}

/** Recognizes the client_ids that this service generated, without a store call. */
export class OwnClientIds {
  readonly #acceptedKeys: () => Promise<AcceptedKeys>;
  // Ids with a valid tag. They stay valid, so these entries do not expire.
  readonly #own = new ExpiringCache<true>();

  constructor(acceptedKeys: () => Promise<AcceptedKeys>) {
    this.#acceptedKeys = acceptedKeys;
  }

  /** Whether this service generated a client_id. The client may have been deleted since. */
  async has(clientId: string): Promise<boolean> {
    if (this.#own.get(clientId, Date.now())) return true;
    const isOwn = FORM.test(clientId) && (await hasLongLivedTag(clientId, 'clientIdTag', await this.#acceptedKeys()));
    if (isOwn) this.#own.set(clientId, true);
    return isOwn;
  }
}
