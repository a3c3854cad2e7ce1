import { waitUntil } from 'cloudflare:workers';
import type { JWK } from 'jose';
import { pollUntil } from '../store/waiting.ts';
import { REMOTE_SOURCES_MAX, REMOTE_SOURCES_PER_REQUEST, REMOTE_WAIT_MAX_MS } from './constants.ts';
import { HostBackOffs } from './host-back-offs.ts';
import type { KeySet, WantedKey } from './key-set.ts';
import { RemoteError } from './remote-error.ts';
import { SharedCache } from './shared-cache.ts';
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
  /** The organization for whose client it was begun. */
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  outcome?: { readonly keys: KeySet } | { readonly error: unknown };
}

interface SourceEntry {
  state: SourceState;
  /** The documents that the last fetch asked for: of an issuer, the discovery document and the keys. */
  urls: readonly string[];
  pending?: PendingFetch | undefined;
}

/** The keys of third parties, as one request sees them. */
export type KeyFinder = Pick<RemoteKeys, 'find' | 'all'>;

/** A request that needs keys. */
interface Requester {
  /** Returns whose sources it asks for: the organization of the client. */
  readonly owner: () => string;
  /** How many more sources it may fetch. */
  fetchesLeft: number;
}

const UNLIMITED: Requester = { owner: () => '', fetchesLeft: Number.POSITIVE_INFINITY };

/** Per-isolate cache of keys that third parties publish. Callers must pass only sources that an administrator has configured. */
export class RemoteKeys {
  // Apart, so that sources that fail evict no keys.
  readonly #fetched = new SharedCache<SourceEntry>(REMOTE_SOURCES_MAX);
  readonly #unfetched = new SharedCache<SourceEntry>(REMOTE_SOURCES_MAX);
  readonly #hosts = new HostBackOffs();

  /**
   * Returns the view of one request, which fetches at most `REMOTE_SOURCES_PER_REQUEST` sources.
   * @param owner returns the organization whose client sent the request. What is fetched for it counts to its share of the cache.
   */
  forRequest(owner: () => string): KeyFinder {
    const requester: Requester = { owner, fetchesLeft: REMOTE_SOURCES_PER_REQUEST };
    return {
      find: (source, wanted, now) => this.find(source, wanted, now, requester),
      all: (source, isWanted, now) => this.all(source, isWanted, now, requester),
    };
  }

  /**
   * Finds the keys of a source that may have made a signature. If no cached key matches, the source is fetched again, unless that was done
   * within `REMOTE_KEYS_REFETCH_MIN`.
   * @param now milliseconds since the epoch
   * @returns the keys with the `kid`, or all that fit the algorithm if none is named; at most `REMOTE_KEYS_TRIED`, possibly none
   * @throws RemoteError if no cached key can be used and the source could not be fetched
   */
  async find(source: KeySource, wanted: WantedKey, now: number, requester = UNLIMITED): Promise<CryptoKey[]> {
    const keys = await this.#keySet(source, (keySet) => keySet.has(wanted), now, requester);
    return keys.find(wanted);
  }

  /**
   * Returns all public keys of a source, cached and fetched as `find()` does.
   * @param isWanted whether a key is one that the caller needs. If no cached key is, the source is fetched again.
   * @param now milliseconds since the epoch
   * @throws RemoteError
   */
  async all(
    source: KeySource,
    isWanted: (jwk: JWK) => boolean,
    now: number,
    requester = UNLIMITED,
  ): Promise<readonly JWK[]> {
    return (await this.#keySet(source, (keySet) => keySet.jwks.some(isWanted), now, requester)).jwks;
  }

  async #keySet(
    source: KeySource,
    hasWanted: (keySet: KeySet) => boolean,
    now: number,
    requester: Requester,
  ): Promise<KeySet> {
    const owner = requester.owner();
    const entry = this.#entryOf(owner, source);
    const { state } = entry;
    const cached = usableKeys(state, now);
    const pending = isPending(entry, now) ? entry.pending : undefined;
    const isBackingOff = entry.urls.some((url) => this.#hosts.isBackingOff(owner, url, now));
    const mayFetch = requester.fetchesLeft > 0 && !isBackingOff;
    const startFetch = () => {
      requester.fetchesLeft--;
      return this.#startFetch(owner, source, entry, now);
    };
    if (cached && hasWanted(cached)) {
      const refresh = pending ?? (mayFetch && needsRefresh(state, now) ? startFetch() : undefined);
      return refresh && mustAwaitRefresh(state, now) ? awaitKeys(refresh).catch(() => cached) : cached;
    }
    const isDue = mayRefetch(state, now);
    const refetch = pending ?? (mayFetch && isDue ? startFetch() : undefined);
    if (refetch) {
      const keys = await awaitKeys(refetch).catch((error: unknown) => {
        if (refetch.owner === owner || !isBackOffOfOwner(error)) throw error;
      });
      // Another organization may not ask the host, and this one may: it asks for itself.
      return keys ?? this.#keySet(source, hasWanted, now, requester);
    }
    if (isDue && requester.fetchesLeft <= 0) throw new RemoteError('too_many_sources');
    if (!cached || isDue || state.failures > 0) throw new RemoteError('backing_off');
    return cached;
  }

  #entryOf(owner: string, source: KeySource): SourceEntry {
    const key = keyOf(source);
    const known = this.#fetched.use(owner, key) ?? this.#unfetched.use(owner, key);
    if (known) return known;
    const entry = { state: INITIAL_STATE, urls: [urlOf(source)] };
    this.#unfetched.set(owner, key, entry);
    return entry;
  }

  #startFetch(owner: string, source: KeySource, entry: SourceEntry, now: number): PendingFetch {
    const pending: PendingFetch = { owner, startedAt: now };
    entry.pending = pending;
    waitUntil(this.#runFetch(owner, source, entry, pending));
    return pending;
  }

  async #runFetch(owner: string, source: KeySource, entry: SourceEntry, pending: PendingFetch): Promise<void> {
    const { startedAt } = pending;
    const timerStart = performance.now();
    const clock = () => startedAt + performance.now() - timerStart;
    const urls: string[] = [];
    const fetchDocument = (url: string) => {
      urls.push(url);
      return this.#hosts.fetch(owner, url, clock);
    };
    const outcome = await fetchKeySet(source, fetchDocument).then(
      (keys) => ({ keys }),
      (error: unknown) => ({ error }),
    );
    pending.outcome = outcome;
    if (entry.pending !== pending) return;
    entry.pending = undefined;
    entry.urls = urls.length > 0 ? urls : entry.urls;
    if ('keys' in outcome) {
      entry.state = afterSuccess(outcome.keys, startedAt);
      this.#fetched.set(owner, keyOf(source), entry);
      this.#unfetched.delete(owner, keyOf(source));
    } else if (!isBackOffOfOwner(outcome.error)) {
      entry.state = afterFailure(entry.state, startedAt, clock(), Math.random());
    }
  }
}

function urlOf(source: KeySource): string {
  return 'jwks_uri' in source ? source.jwks_uri : source.issuer;
}

function keyOf(source: KeySource): string {
  return `${'jwks_uri' in source ? 'jwks_uri' : 'issuer'} ${urlOf(source)}`;
}

// A host's back-off is that of one organization. The source has not failed, and others may fetch it.
function isBackOffOfOwner(error: unknown): boolean {
  return error instanceof RemoteError && error.fault === 'backing_off';
}

// An older fetch has died with the request that began it.
function isPending({ pending }: SourceEntry, now: number): boolean {
  return pending !== undefined && now < pending.startedAt + REMOTE_WAIT_MAX_MS;
}

/** Waits for a fetch by polling, because one request must not await a promise of another. @throws RemoteError */
async function awaitKeys(pending: PendingFetch): Promise<KeySet> {
  await pollUntil(() => pending.outcome !== undefined, REMOTE_WAIT_MAX_MS);
  if (!pending.outcome) throw new RemoteError('deadline');
  if ('error' in pending.outcome) throw pending.outcome.error;
  return pending.outcome.keys;
}
