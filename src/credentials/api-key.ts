import { LAST_USED_PRECISION } from '../constants.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { loggable } from '../log/log.ts';
import { Redacted } from '../log/redacted.ts';
import { addLogDetails } from '../log/trace.ts';
import { ROOT } from '../store/actors.ts';
import type { ApiKey, UsedApiKey } from '../store/api-keys.ts';
import { TAG_LENGTH, UNKNOWN_KEY_AGE } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';
import { appendChecksum, generateSecretBody, stripChecksum } from './secret.ts';
import { candidateHashes, equalInConstantTime } from './secret-hash.ts';

/** The holder of `ROOT_API_KEY`, or of an organization's API key. */
export type KeyHolder = { readonly kind: 'root' } | ({ readonly kind: 'api_key' } & ApiKey);

/** Generates an API key: a secret with a tag before its checksum, by which the service recognizes its own keys. */
export async function generateApiKey(masterKeys: MasterKeys): Promise<Redacted> {
  return new Redacted(appendChecksum(await appendTag(generateSecretBody('emk_'), 'apiKeyTag', masterKeys)));
}

type Find = (hashes: readonly string[]) => Promise<ApiKey | undefined>;
type RecordUse = (used: UsedApiKey, now: number) => void;

/** A cache of API keys that exist, by their stored hashes. */
export interface ApiKeyCache {
  get(hashes: readonly string[]): ApiKey | undefined;
  set(hashes: readonly string[], apiKey: ApiKey): void;
}

/**
 * Authenticates API keys. An invented key fails the check of its tag, so guessing neither causes store calls nor delays administrators.
 */
export class ApiKeys {
  readonly #rootApiKey: Redacted;
  readonly #acceptedKeys: () => Promise<AcceptedKeys>;
  readonly #find: Find;
  readonly #recordUse: RecordUse;
  // Keys with a valid tag that D1 does not have (any more), by their hashes.
  readonly #unknown = new ExpiringCache<true>();
  // Values of keys whose use was recorded within `LAST_USED_PRECISION`, by their hashes.
  readonly #recentlyUsed = new ExpiringCache<true>();

  /**
   * @param find looks up a key in D1 by its possible hashes
   * @param recordUse records in D1, in the background, that a key was used
   */
  constructor(rootApiKey: Redacted, acceptedKeys: () => Promise<AcceptedKeys>, find: Find, recordUse: RecordUse) {
    this.#rootApiKey = rootApiKey;
    this.#acceptedKeys = acceptedKeys;
    this.#find = find;
    this.#recordUse = recordUse;
  }

  /**
   * Authenticates an API key, and adds its owner to the request's log line.
   * @param now milliseconds since the epoch
   * @param cache answers for keys that were found recently, without a query to D1. Only existing keys are added to it.
   * @returns undefined for a key that is malformed, unknown or expired
   * @throws StoreUnavailableError
   */
  async authenticate(key: Redacted, now: number, cache?: ApiKeyCache): Promise<KeyHolder | undefined> {
    if (equalInConstantTime(key.reveal(), this.#rootApiKey.reveal())) {
      addLogDetails({ actor: loggable(ROOT) });
      return { kind: 'root' };
    }
    const tagged = stripChecksum(key.reveal(), 'emk_', TAG_LENGTH);
    const acceptedKeys = await this.#acceptedKeys();
    if (tagged === undefined || !(await hasLongLivedTag(tagged, 'apiKeyTag', acceptedKeys))) return undefined;

    const hashes = await candidateHashes(key, acceptedKeys);
    const cacheKey = hashes.join(' ');
    if (this.#unknown.get(cacheKey, now)) return undefined;
    const found = cache?.get(hashes) ?? (await this.#findAndCache(cache, hashes));
    if (!found) this.#unknown.set(cacheKey, true, now + UNKNOWN_KEY_AGE * 1000);
    const isActive = found && (found.expiresAt === null || found.expiresAt > now);
    if (!isActive) return undefined;
    this.#recordUseOnce(found, hashes, now);
    addLogDetails({ actor: loggable(found.id) });
    return { kind: 'api_key', ...found };
  }

  async #findAndCache(cache: ApiKeyCache | undefined, hashes: readonly string[]): Promise<ApiKey | undefined> {
    const found = await this.#find(hashes);
    if (found) cache?.set(hashes, found);
    return found;
  }

  #recordUseOnce({ id, rank, lastUsedAt }: ApiKey, hashes: readonly string[], now: number): void {
    const precision = LAST_USED_PRECISION * 1000;
    const value = hashes.join(' ');
    if (now - (lastUsedAt ?? 0) < precision || this.#recentlyUsed.get(value, now)) return;
    this.#recentlyUsed.set(value, true, now + precision);
    this.#recordUse({ id, rank, hashes }, now);
  }
}
