import { SdkError } from '../lib/errors.ts';
import { PROOFS_MAX, RETRY_AFTER } from './constants.ts';

/** Remembers the DPoP proofs that were used, such as in a store that all processes of an API share. */
export interface ReplayStore {
  /**
   * Notes that a proof was used, in one step with the question whether it was used before.
   * @param id of the proof @param expiresAt until when it must be remembered, milliseconds since the epoch
   * @returns whether this is its first use
   * @throws anything if that cannot be known; the request is then answered with 503
   */
  use(id: string, expiresAt: number): boolean | Promise<boolean>;
}

/** Remembers proofs in the memory of the process. */
export class ReplayMemory implements ReplayStore {
  // By the order of their use, which is nearly that of their end.
  readonly #used = new Map<string, number>();

  /** @throws SdkError if there is no room: one that is forgotten could be used twice */
  use(id: string, expiresAt: number): boolean {
    if (this.#used.has(id)) return false;
    const now = Date.now();
    for (const [old, end] of this.#used) {
      if (end > now) break;
      this.#used.delete(old);
    }
    if (this.#used.size >= PROOFS_MAX) {
      throw new SdkError('too_many_proofs', 'Too many DPoP proofs are in use.', {
        isTemporary: true,
        retryAfter: RETRY_AFTER,
      });
    }
    this.#used.set(id, expiresAt);
    return true;
  }
}
