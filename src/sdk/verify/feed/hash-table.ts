/** The first 16 bytes of a SHA-256, as four words of 32 bits. */
export type Hash = readonly [number, number, number, number];

/** The words of a slot: a hash, `expiresAt`, which is 0 in a free slot, and `cutOff`. */
const SLOT_WORDS = 6;
/** The share of used slots from which on the table is doubled: a search then looks at six slots at most, on average. */
const LOAD_MAX = 0.7;
const WORD_MAX = 0xffff_ffff;

/**
 * A map from hashes to two times in seconds. A slot takes 24 bytes, so that an entry takes 34 to 69; in a `Map` of texts it would take more
 * than 100.
 */
export class HashTable {
  /** Random, so that nobody can choose ids that all belong in one place of the table. */
  #seed = 0;
  #words = new Uint32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Returns the `cutOff` of a hash, or 0 if it is not there or has expired before `now`. */
  cutOff(hash: Hash, now: number): number {
    const place = this.#size > 0 ? this.#place(hash) : 0;
    return (this.#words[place + 4] ?? 0) >= now ? (this.#words[place + 5] ?? 0) : 0;
  }

  /** Adds a hash, or replaces its times. */
  set(hash: Hash, expiresAt: number, cutOff: number): void {
    if (this.#size >= (this.#words.length / SLOT_WORDS) * LOAD_MAX) this.purge(0);
    const place = this.#place(hash);
    if (this.#words[place + 4] === 0) this.#size++;
    const words = [...hash, Math.min(expiresAt, WORD_MAX) || 1, Math.min(cutOff, WORD_MAX)];
    for (let word = 0; word < SLOT_WORDS; word++) this.#words[place + word] = words[word] ?? 0;
  }

  /** Forgets what has expired before `now`, and makes room for as much again as the rest. */
  purge(now: number): void {
    const old = this.#words;
    this.#words = new Uint32Array(SLOT_WORDS * 2 ** Math.ceil(Math.log2(this.#size * 2 + 16)));
    this.#size = 0;
    this.#seed = Math.random() * WORD_MAX;
    for (let place = 0; place < old.length; place += SLOT_WORDS) {
      const at = (word: number) => old[place + word] ?? 0;
      const expiresAt = at(4);
      if (expiresAt > 0 && expiresAt >= now) this.set([at(0), at(1), at(2), at(3)], expiresAt, at(5));
    }
  }

  /** Returns the place of a hash, or the free one where it belongs. */
  #place([a, b, c, d]: Hash): number {
    const words = this.#words;
    let slot = Math.imul(a ^ this.#seed, 0x9e3779b1) ^ Math.imul(b ^ this.#seed, 0x85ebca6b);
    for (slot ^= slot >>> 16; ; slot++) {
      const place = (slot & (words.length / SLOT_WORDS - 1)) * SLOT_WORDS;
      const isSame = words[place] === a && words[place + 1] === b && words[place + 2] === c && words[place + 3] === d;
      if (isSame || words[place + 4] === 0) return place;
    }
  }
}

/** Returns the hash that bytes begin with. */
export function hashOf(bytes: Uint8Array): Hash {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
}

/** Returns the key of two hashes together. Nobody can find others with the same key, as nobody can find an id with the same hash. */
export function pairOf([a, b, c, d]: Hash, [e, f, g, h]: Hash): Hash {
  return [(a ^ f) >>> 0, (b ^ g) >>> 0, (c ^ h) >>> 0, (d ^ e) >>> 0];
}
