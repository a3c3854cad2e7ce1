import { CLIENT_ID_LENGTH_MAX } from '../constants.ts';
import { base62, toBigInt } from '../lib/base62.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { ACTORS } from '../store/actors.ts';
import { CLIENT_ID_RANDOM_BYTES, CLIENT_ID_RANDOM_LENGTH, TAG_LENGTH } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';

const FORM = new RegExp(`^emc_[0-9A-Za-z]{${CLIENT_ID_RANDOM_LENGTH + TAG_LENGTH}}$`);

// A path cannot end in one or two dots, tokens name organizations as their subjects, and audit events tell of actors by the other names.
const NOT_IMPORTABLE = new RegExp(`^(?:emc_.*|key_.*|org_.*|${ACTORS.join('|')}|\\.\\.?)$`);
const IMPORTABLE = new RegExp(`^[!#-$&-*,-9;-~]{1,${CLIENT_ID_LENGTH_MAX}}$`);

/**
 * Whether a client_id could be one that a client brought along from another provider: at most `CLIENT_ID_LENGTH_MAX` visible ASCII
 * characters, without those that form encoding or Basic credentials give a meaning (`"`, `%`, `+`, `:`), and not to be taken for one that
 * is generated here, an API key's, an organization's, or another actor's.
 */
export function isImportableId(clientId: string): boolean {
  return IMPORTABLE.test(clientId) && !NOT_IMPORTABLE.test(clientId);
}

/** A new client_id: `emc_`, 22 random base62 characters, and a tag by which it is known as our own. */
export function generateClientId(masterKeys: MasterKeys): Promise<string> {
  const random = base62(
    toBigInt(crypto.getRandomValues(new Uint8Array(CLIENT_ID_RANDOM_BYTES))),
    CLIENT_ID_RANDOM_LENGTH,
  );
  return appendTag(`emc_${random}`, 'clientIdTag', masterKeys);
}

/** Tells the client_ids that this service once generated from inventions, without asking any store. */
export class OwnClientIds {
  readonly #acceptedKeys: () => Promise<AcceptedKeys>;
  // Those that were found to be own stay so.
  readonly #known = new ExpiringCache<true>();

  constructor(acceptedKeys: () => Promise<AcceptedKeys>) {
    this.#acceptedKeys = acceptedKeys;
  }

  async has(clientId: string): Promise<boolean> {
    if (this.#known.get(clientId, Date.now())) return true;
    const isOwn = FORM.test(clientId) && (await hasLongLivedTag(clientId, 'clientIdTag', await this.#acceptedKeys()));
    if (isOwn) this.#known.set(clientId, true);
    return isOwn;
  }
}
