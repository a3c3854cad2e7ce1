import { ExpiringCache } from '../lib/expiring-cache.ts';
import { REMOTE_BACK_OFF_MAX, REMOTE_HOST_FAILURES } from './constants.ts';
import { fetchJson } from './fetch-json.ts';
import { RemoteError } from './remote-error.ts';
import { backOffSeconds } from './source-state.ts';

/** A host that did not answer lately. Times are milliseconds since the epoch. */
interface HostState {
  /** The documents that failed since the host last answered, at most `REMOTE_HOST_FAILURES`. */
  readonly urls: readonly string[];
  /** Further failures after that many documents failed. */
  readonly failures: number;
  readonly backOffUntil: number;
}

/**
 * Back-off of hosts at which several documents fail, so that many sources at one host do not each ask it. A single source that fails has
 * its own back-off. Each owner has its own as well: documents that fail for one owner must not stop the fetches of others from a host that
 * they share.
 */
export class HostBackOffs {
  readonly #states = new ExpiringCache<HostState>();

  isBackingOff(owner: string, url: string, now: number): boolean {
    return now < (this.#states.get(hostKey(owner, url), now)?.backOffUntil ?? 0);
  }

  /**
   * Fetches a document, and counts whether its host answered.
   * @param clock returns the current time, milliseconds since the epoch
   * @throws RemoteError `backing_off` if the host has just failed
   */
  async fetch(owner: string, url: string, clock: () => number): Promise<unknown> {
    if (this.isBackingOff(owner, url, clock())) throw new RemoteError('backing_off');
    const key = hostKey(owner, url);
    try {
      const document = await fetchJson(url);
      this.#states.delete(key);
      return document;
    } catch (error) {
      if (error instanceof RemoteError && error.isOfHost) this.#failed(key, url, clock());
      throw error;
    }
  }

  #failed(key: string, url: string, now: number): void {
    const before = this.#states.get(key, now) ?? { urls: [], failures: 0 };
    const urls = [...new Set([...before.urls, url])].slice(0, REMOTE_HOST_FAILURES);
    const isDown = urls.length === REMOTE_HOST_FAILURES;
    const backOffUntil = isDown ? now + backOffSeconds(before.failures) * 1000 : 0;
    const failures = isDown ? before.failures + 1 : 0;
    // Kept for longer than the longest back-off of a source, so that a host that stays down is noticed.
    const keptUntil = Math.max(now, backOffUntil) + 2 * REMOTE_BACK_OFF_MAX * 1000;
    this.#states.set(key, { urls, failures, backOffUntil }, keptUntil);
  }
}

function hostKey(owner: string, url: string): string {
  return `${owner} ${URL.parse(url)?.host ?? ''}`;
}
