import { waitUntil } from 'cloudflare:workers';
import type { JWK } from 'jose';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { pollUntil } from '../store/waiting.ts';
import { REMOTE_SOURCES_MAX, REMOTE_WAIT_MAX_MS } from './constants.ts';
import type { KeySet, WantedKey } from './key-set.ts';
import { RemoteError } from './remote-error.ts';
import { fetchKeySet, type KeySource } from './source.ts';
import {
  afterFailure,
  afterSuccess,
  INITIAL_STATE,
  mayRefetch,
  mustAwaitRefresh,
  needsRefresh,
  type SourceState,
  usableKeys,
} from './source-state.ts';

export type { KeySource } from './source.ts';

/** One asking of a source, which one request begins and others wait for as well. */
interface Asking {
  /** Milliseconds since the epoch. */
  readonly begunAt: number;
  outcome?: { readonly keys: KeySet } | { readonly error: unknown };
}

interface Remembered {
  knowledge: SourceState;
  asking?: Asking | undefined;
}

/** What an isolate knows of the keys that others publish. Only sources that administrators have named must get here. */
export class RemoteKeys {
  readonly #sources = new ExpiringCache<Remembered>(REMOTE_SOURCES_MAX);

  /**
   * The keys at a source that can have made a signature. Where none of those that are known has the kid, the source is asked once more,
   * unless it was asked a moment ago.
   * @param now milliseconds since the epoch
   * @returns those with the kid, or where none is named all that fit the algorithm, at most `REMOTE_KEYS_TRIED` of them; none where the source has none
   * @throws RemoteError where nothing usable is known and the source could not be asked
   */
  async find(source: KeySource, wanted: WantedKey, now: number): Promise<CryptoKey[]> {
    const keys = await this.#keySet(source, (known) => known.has(wanted), now);
    return keys.find(wanted);
  }

  /**
   * All public keys of a source, by the same rules.
   * @param isWanted whether a key is what the caller looks for: where none is, the source is asked once more
   * @param now milliseconds since the epoch
   * @throws RemoteError
   */
  async all(source: KeySource, isWanted: (jwk: JWK) => boolean, now: number): Promise<readonly JWK[]> {
    return (await this.#keySet(source, (known) => known.jwks.some(isWanted), now)).jwks;
  }

  async #keySet(source: KeySource, hasWanted: (known: KeySet) => boolean, now: number): Promise<KeySet> {
    const remembered = this.#recall(source);
    const { knowledge } = remembered;
    const known = usableKeys(knowledge, now);
    const underWay = isUnderWay(remembered, now) ? remembered.asking : undefined;
    if (known && hasWanted(known)) {
      const renewal = underWay ?? (needsRefresh(knowledge, now) ? ask(source, remembered, now) : undefined);
      return renewal && mustAwaitRefresh(knowledge, now) ? outcomeOf(renewal).catch(() => known) : known;
    }
    const asking = underWay ?? (mayRefetch(knowledge, now) ? ask(source, remembered, now) : undefined);
    if (asking) return outcomeOf(asking);
    if (!known || knowledge.failures > 0) throw new RemoteError('backing_off');
    return known;
  }

  #recall(source: KeySource): Remembered {
    const key = 'jwks_uri' in source ? `jwks_uri ${source.jwks_uri}` : `issuer ${source.issuer}`;
    const remembered = this.#sources.get(key, 0) ?? { knowledge: INITIAL_STATE };
    this.#sources.set(key, remembered);
    return remembered;
  }
}

// One that was begun long ago has died with the request that began it.
function isUnderWay({ asking }: Remembered, now: number): boolean {
  return asking !== undefined && now < asking.begunAt + REMOTE_WAIT_MAX_MS;
}

function ask(source: KeySource, remembered: Remembered, now: number): Asking {
  const asking: Asking = { begunAt: now };
  remembered.asking = asking;
  waitUntil(run(source, remembered, asking));
  return asking;
}

async function run(source: KeySource, remembered: Remembered, asking: Asking): Promise<void> {
  const { begunAt } = asking;
  const began = performance.now();
  const outcome = await fetchKeySet(source).then(
    (keys) => ({ keys }),
    (error: unknown) => ({ error }),
  );
  asking.outcome = outcome;
  if (remembered.asking !== asking) return;
  remembered.asking = undefined;
  remembered.knowledge =
    'keys' in outcome
      ? afterSuccess(outcome.keys, begunAt)
      : afterFailure(remembered.knowledge, begunAt, begunAt + performance.now() - began, Math.random());
}

/** Waits for what was asked by looking again and again: a promise of one request is not another's to wait for. @throws RemoteError */
async function outcomeOf(asking: Asking): Promise<KeySet> {
  await pollUntil(() => asking.outcome !== undefined, REMOTE_WAIT_MAX_MS);
  if (!asking.outcome) throw new RemoteError('deadline');
  if ('error' in asking.outcome) throw asking.outcome.error;
  return asking.outcome.keys;
}
