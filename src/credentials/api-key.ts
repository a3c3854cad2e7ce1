import { LAST_USED_PRECISION } from '../constants.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { loggable } from '../log/log.ts';
import { Redacted } from '../log/redacted.ts';
import { addLogDetails } from '../log/trace.ts';
import { ROOT } from '../store/actors.ts';
import type { ApiKey } from '../store/api-keys.ts';
import { TAG_LENGTH, UNKNOWN_KEY_AGE } from './constants.ts';
import { appendTag, hasLongLivedTag } from './keyed-tag.ts';
import type { AcceptedKeys, MasterKeys } from './master-key.ts';
import { appendChecksum, generateSecretBody, stripChecksum } from './secret.ts';
import { candidateHashes, equalInConstantTime } from './secret-hash.ts';

/** Who manages: the holder of `ROOT_API_KEY`, or of an organization's API key. */
export type Administrator = { readonly kind: 'root' } | ({ readonly kind: 'api_key' } & ApiKey);

/** A new API key: as a secret, with a tag before its checksum by which it is known as our own. */
export async function generateApiKey(masterKeys: MasterKeys): Promise<Redacted> {
  return new Redacted(appendChecksum(await appendTag(generateSecretBody('emk_'), 'apiKeyTag', masterKeys)));
}

type Find = (hashes: readonly string[]) => Promise<ApiKey | undefined>;
type NoteUse = (id: string, now: number) => void;

/** A cache of API keys that exist, by their stored hashes. */
export interface ApiKeyCache {
  get(hashes: readonly string[]): ApiKey | undefined;
  set(hashes: readonly string[], apiKey: ApiKey): void;
}

/**
 * Finds out whose API key a text is. An invented one is told so by its tag, so that nobody can make the store be asked, or an
 * administrator wait, by guessing.
 */
export class ApiKeys {
  readonly #rootApiKey: Redacted;
  readonly #acceptedKeys: () => Promise<AcceptedKeys>;
  readonly #find: Find;
  readonly #noteUse: NoteUse;
  // Keys that were ours once, by their hashes.
  readonly #unknown = new ExpiringCache<true>();
  // Keys whose use was noted lately, by their ids.
  readonly #noted = new ExpiringCache<true>();

  /**
   * @param find looks stored hashes up in D1
   * @param noteUse notes there that a key was used, in the background
   */
  constructor(rootApiKey: Redacted, acceptedKeys: () => Promise<AcceptedKeys>, find: Find, noteUse: NoteUse) {
    this.#rootApiKey = rootApiKey;
    this.#acceptedKeys = acceptedKeys;
    this.#find = find;
    this.#noteUse = noteUse;
  }

  /**
   * Whose it is stands in the request's line in the log.
   * @param now milliseconds since the epoch
   * @param cache avoids the query to D1 for a key that was found a moment ago; only keys that exist are put into it
   * @returns undefined for a key that is malformed, unknown or expired
   * @throws StoreUnavailableError
   */
  async authenticate(key: Redacted, now: number, cache?: ApiKeyCache): Promise<Administrator | undefined> {
    if (equalInConstantTime(key.reveal(), this.#rootApiKey.reveal())) {
      addLogDetails({ actor: loggable(ROOT) });
      return { kind: 'root' };
    }
    const tagged = stripChecksum(key.reveal(), 'emk_', TAG_LENGTH);
    const acceptedKeys = await this.#acceptedKeys();
    if (tagged === undefined || !(await hasLongLivedTag(tagged, 'apiKeyTag', acceptedKeys))) return undefined;

    const hashes = await candidateHashes(key, acceptedKeys);
    const memoryKey = hashes.join(' ');
    if (this.#unknown.get(memoryKey, now)) return undefined;
    const found = cache?.get(hashes) ?? (await this.#findIn(cache, hashes));
    if (!found) this.#unknown.set(memoryKey, true, now + UNKNOWN_KEY_AGE * 1000);
    const live = found && (found.expiresAt === null || found.expiresAt > now);
    if (!live) return undefined;
    this.#used(found, now);
    addLogDetails({ actor: loggable(found.id) });
    return { kind: 'api_key', ...found };
  }

  async #findIn(cache: ApiKeyCache | undefined, hashes: readonly string[]): Promise<ApiKey | undefined> {
    const found = await this.#find(hashes);
    if (found) cache?.set(hashes, found);
    return found;
  }

  #used({ id, lastUsedAt }: ApiKey, now: number): void {
    const precision = LAST_USED_PRECISION * 1000;
    if (now - (lastUsedAt ?? 0) < precision || this.#noted.get(id, now)) return;
    this.#noted.set(id, true, now + precision);
    this.#noteUse(id, now);
  }
}
