/** The first 16 bytes of a SHA-256, as four words of 32 bits. */
export type Hash = readonly [number, number, number, number];

/** The words of a slot: a hash, `expiresAt`, which is 0 in a free slot, and `cutOff`. */
const SLOT_WORDS = 6;
const SLOTS_MIN = 16;
/** The share of used slots from which on the table is doubled: a search then looks at six slots at most, on average. */
const LOAD_MAX = 0.7;
const WORD_MAX = 0xffff_ffff;

/**
 * A map from hashes to two times in seconds. A slot takes 24 bytes, so that an entry takes 34 to 69; in a `Map` of texts it would take more
 * than 100.
 */
export class HashTable {
  /** Random, so that nobody can choose ids that all belong in one place of the table. */
  readonly #seed = Math.floor(Math.random() * WORD_MAX);
  #words = new Uint32Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(hash: Hash): boolean {
    return this.#size > 0 && this.#expiresAt(this.#find(hash)) > 0;
  }

  /** Returns the `cutOff` of a hash, or 0 if it is not there or has expired before `now`. */
  cutOff(hash: Hash, now: number): number {
    if (this.#size === 0) return 0;
    const place = this.#find(hash);
    return this.#expiresAt(place) >= Math.max(1, now) ? (this.#words[place + 5] ?? 0) : 0;
  }

  /** Adds a hash, or replaces its times. */
  set([a, b, c, d]: Hash, expiresAt: number, cutOff = 0): void {
    if (this.#size >= this.#slots * LOAD_MAX) this.#rebuild(Math.max(SLOTS_MIN, this.#slots * 2), 0);
    const place = this.#place(this.#words, a, b, c, d);
    if (this.#expiresAt(place) === 0) this.#size++;
    this.#words.set([a, b, c, d, word(Math.max(1, expiresAt)), word(cutOff)], place);
  }

  /** Forgets what has expired before `now`. */
  purge(now: number): void {
    let live = 0;
    for (let place = 0; place < this.#words.length; place += SLOT_WORDS) if (this.#expiresAt(place) >= now) live++;
    if (live < this.#size) this.#rebuild(SLOTS_MIN * 2 ** Math.ceil(Math.log2(live / LOAD_MAX / SLOTS_MIN + 1)), now);
  }

  get #slots(): number {
    return this.#words.length / SLOT_WORDS;
  }

  #expiresAt(place: number): number {
    return this.#words[place + 4] ?? 0;
  }

  #find([a, b, c, d]: Hash): number {
    return this.#place(this.#words, a, b, c, d);
  }

  /** Returns the place of a hash, or the free one where it belongs. */
  #place(words: Uint32Array, a: number, b: number, c: number, d: number): number {
    const mask = words.length / SLOT_WORDS - 1;
    let slot = Math.imul(a ^ this.#seed, 0x9e3779b1) ^ Math.imul(b ^ this.#seed, 0x85ebca6b);
    slot ^= slot >>> 16;
    for (;;) {
      const place = (slot & mask) * SLOT_WORDS;
      if (words[place + 4] === 0) return place;
      if (words[place] === a && words[place + 1] === b && words[place + 2] === c && words[place + 3] === d)
        return place;
      slot++;
    }
  }

  #rebuild(slots: number, from: number): void {
    const old = this.#words;
    const words = new Uint32Array(slots * SLOT_WORDS);
    this.#size = 0;
    for (let place = 0; place < old.length; place += SLOT_WORDS) {
      const [a = 0, b = 0, c = 0, d = 0, expiresAt = 0] = old.subarray(place, place + SLOT_WORDS);
      if (expiresAt < Math.max(1, from)) continue;
      words.set(old.subarray(place, place + SLOT_WORDS), this.#place(words, a, b, c, d));
      this.#size++;
    }
    this.#words = words;
  }
}

/** Returns the hash that bytes begin with. */
export function hashOf(bytes: Uint8Array): Hash {
  return [wordAt(bytes, 0), wordAt(bytes, 4), wordAt(bytes, 8), wordAt(bytes, 12)];
}

/** Returns the key of two hashes together. Nobody can find others with the same key, as nobody can find an id with the same hash. */
export function pairOf([a, b, c, d]: Hash, [e, f, g, h]: Hash): Hash {
  return [(a ^ f) >>> 0, (b ^ g) >>> 0, (c ^ h) >>> 0, (d ^ e) >>> 0];
}

function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

function word(value: number): number {
  return Math.min(value, WORD_MAX);
}
