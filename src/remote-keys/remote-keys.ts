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

/** A fetch of a source that one request began and that others wait for as well. */
interface PendingFetch {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  outcome?: { readonly keys: KeySet } | { readonly error: unknown };
}

interface SourceEntry {
  state: SourceState;
  pending?: PendingFetch | undefined;
}

/** Per-isolate cache of keys that third parties publish. Callers must pass only sources that an administrator has configured. */
export class RemoteKeys {
  readonly #sources = new ExpiringCache<SourceEntry>(REMOTE_SOURCES_MAX);

  /**
   * Finds the keys of a source that may have made a signature. If no cached key matches, the source is fetched again, unless that was done
   * within `REMOTE_KEYS_REFETCH_MIN`.
   * @param now milliseconds since the epoch
   * @returns the keys with the `kid`, or all that fit the algorithm if none is named; at most `REMOTE_KEYS_TRIED`, possibly none
   * @throws RemoteError if no cached key can be used and the source could not be fetched
   */
  async find(source: KeySource, wanted: WantedKey, now: number): Promise<CryptoKey[]> {
    const keys = await this.#keySet(source, (keySet) => keySet.has(wanted), now);
    return keys.find(wanted);
  }

  /**
   * Returns all public keys of a source, cached and fetched as `find()` does.
   * @param isWanted whether a key is one that the caller needs. If no cached key is, the source is fetched again.
   * @param now milliseconds since the epoch
   * @throws RemoteError
   */
  async all(source: KeySource, isWanted: (jwk: JWK) => boolean, now: number): Promise<readonly JWK[]> {
    return (await this.#keySet(source, (keySet) => keySet.jwks.some(isWanted), now)).jwks;
  }

  async #keySet(source: KeySource, hasWanted: (keySet: KeySet) => boolean, now: number): Promise<KeySet> {
    const entry = this.#entryOf(source);
    const { state } = entry;
    const cached = usableKeys(state, now);
    const pending = isPending(entry, now) ? entry.pending : undefined;
    if (cached && hasWanted(cached)) {
      const refresh = pending ?? (needsRefresh(state, now) ? startFetch(source, entry, now) : undefined);
      return refresh && mustAwaitRefresh(state, now) ? awaitKeys(refresh).catch(() => cached) : cached;
    }
    const refetch = pending ?? (mayRefetch(state, now) ? startFetch(source, entry, now) : undefined);
    if (refetch) return awaitKeys(refetch);
    if (!cached || state.failures > 0) throw new RemoteError('backing_off');
    return cached;
  }

  #entryOf(source: KeySource): SourceEntry {
    const key = 'jwks_uri' in source ? `jwks_uri ${source.jwks_uri}` : `issuer ${source.issuer}`;
    const entry = this.#sources.get(key, 0) ?? { state: INITIAL_STATE };
    // Setting it again makes it the newest entry, so that the least recently used source is evicted.
    this.#sources.set(key, entry);
    return entry;
  }
}

// An older fetch has died with the request that began it.
function isPending({ pending }: SourceEntry, now: number): boolean {
  return pending !== undefined && now < pending.startedAt + REMOTE_WAIT_MAX_MS;
}

function startFetch(source: KeySource, entry: SourceEntry, now: number): PendingFetch {
  const pending: PendingFetch = { startedAt: now };
  entry.pending = pending;
  waitUntil(runFetch(source, entry, pending));
  return pending;
}

async function runFetch(source: KeySource, entry: SourceEntry, pending: PendingFetch): Promise<void> {
  const { startedAt } = pending;
  const timerStart = performance.now();
  const outcome = await fetchKeySet(source).then(
    (keys) => ({ keys }),
    (error: unknown) => ({ error }),
  );
  pending.outcome = outcome;
  if (entry.pending !== pending) return;
  entry.pending = undefined;
  entry.state =
    'keys' in outcome
      ? afterSuccess(outcome.keys, startedAt)
      : afterFailure(entry.state, startedAt, startedAt + performance.now() - timerStart, Math.random());
}

/** Waits for a fetch by polling, because one request must not await a promise of another. @throws RemoteError */
async function awaitKeys(pending: PendingFetch): Promise<KeySet> {
  await pollUntil(() => pending.outcome !== undefined, REMOTE_WAIT_MAX_MS);
  if (!pending.outcome) throw new RemoteError('deadline');
  if ('error' in pending.outcome) throw pending.outcome.error;
  return pending.outcome.keys;
}
