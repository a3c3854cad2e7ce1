import { CLIENT_ID_LENGTH_MAX } from '../constants.ts';
import { base62, toBigInt } from '../lib/base62.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { ACTORS } from '../store/actors.ts';
import { CLIENT_ID_RANDOM_BYTES, CLIENT_ID_RANDOM_LENGTH, TAG_LENGTH } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';

const FORM = new RegExp(`^emc_[0-9A-Za-z]{${CLIENT_ID_RANDOM_LENGTH + TAG_LENGTH}}$`);

/**
 * The client_ids that cannot be imported. One or two dots cannot end a URL path. The subject of a token may be an organization's id. Audit
 * events name actors by the other forms.
 */
export const RESERVED_ID = new RegExp(`^(?:emc_.*|key_.*|org_.*|${ACTORS.join('|')}|\\.\\.?)$`);
/** The characters of a client_id that may be imported. */
export const IMPORTABLE_ID = new RegExp(`^[!#-$&-*,-~]{1,${CLIENT_ID_LENGTH_MAX}}$`);

/**
 * Whether a client_id may be imported from another provider: 1 to `CLIENT_ID_LENGTH_MAX` visible ASCII characters, except those that
 * have a meaning in form encoding (`"`, `%`, `+`), and not in the form of a generated client_id, or of the id of an API key, an organization
 * or another actor. An id with a colon works in HTTP Basic only if the client form-encodes it ([RFC 6749 section
 * 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
 */
export function isImportableId(clientId: string): boolean {
  return IMPORTABLE_ID.test(clientId) && !RESERVED_ID.test(clientId);
}

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
