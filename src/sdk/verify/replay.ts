import { PROOFS_FORGOTTEN_MIN, PROOFS_MAX } from './constants.ts';
import type { ReplayStore } from './options.ts';

/** The used proofs of one key. */
interface KeyProofs {
  /** When each expires, in the order of their use. */
  readonly used: Map<string, number>;
  /** Proofs that expire until then are refused, because some of them were forgotten. */
  horizon: number;
}

/**
 * Remembers used proofs in the memory of the process. A full memory forgets the oldest proofs of the key that has the most, and refuses all
 * further proofs of that key that are as old: none is accepted twice, and a flood costs its own client only.
 */
export class ReplayMemory implements ReplayStore {
  readonly #keys = new Map<string, KeyProofs>();
  readonly #max: number;
  #size = 0;
  #sweptAt = 0;

  /** @param max the most proofs that are remembered */
  constructor(max = PROOFS_MAX) {
    this.#max = max;
  }

  use(id: string, expiresAt: number, now: number): boolean {
    // Once a second suffices, and keeps a busy process from looking at every key for each request.
    if (now >= this.#sweptAt + 1000 || now < this.#sweptAt) this.#sweep(now);
    const key = id.slice(0, id.indexOf(' '));
    const proofs = this.#keys.get(key) ?? { used: new Map(), horizon: Number.NEGATIVE_INFINITY };
    if (expiresAt <= proofs.horizon || proofs.used.has(id)) return false;
    if (this.#size >= this.#max) this.#makeRoom();
    this.#keys.set(key, proofs);
    proofs.used.set(id, expiresAt);
    this.#size++;
    return true;
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const [key, { used, horizon }] of this.#keys) {
      for (const [id, expiresAt] of used) {
        // The order of use is nearly that of the ends: the rest is found later.
        if (expiresAt > now) break;
        used.delete(id);
        this.#size--;
      }
      if (used.size === 0 && horizon <= now) this.#keys.delete(key);
    }
  }

  #makeRoom(): void {
    const busiest = [...this.#keys.values()].sort((one, other) => other.used.size - one.used.size);
    let missing = Math.min(PROOFS_FORGOTTEN_MIN, Math.ceil(this.#max / 10));
    for (const proofs of busiest) {
      let count = Math.ceil(proofs.used.size / 10);
      for (const [id, expiresAt] of proofs.used) {
        if (count-- <= 0) break;
        proofs.used.delete(id);
        proofs.horizon = Math.max(proofs.horizon, expiresAt);
        this.#size--;
        missing--;
      }
      if (missing <= 0) return;
    }
  }
}
