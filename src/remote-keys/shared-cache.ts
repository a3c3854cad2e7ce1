interface Entry<V> {
  readonly value: V;
  /** In how many shares it is. */
  holders: number;
}

/**
 * Per-isolate cache in which each owner has a share. An entry stays as long as it is in a share. When the cache is full, the largest share
 * loses what it used longest ago, so an owner with many entries cannot evict those of others, and one alone may use all.
 */
export class SharedCache<V> {
  // By owner, its keys. Both in the order of their last use.
  readonly #shares = new Map<string, Set<string>>();
  readonly #entries = new Map<string, Entry<V>>();
  readonly #capacity: number;
  // The number of keys in all shares together.
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Returns the value of a key in any share, and makes it the latest of the owner's share. */
  use(owner: string, key: string): V | undefined {
    const value = this.#entries.get(key)?.value;
    if (value !== undefined) this.set(owner, key, value);
    return value;
  }

  /** Puts a value into the owner's share. Of a key that others hold, their value stays. */
  set(owner: string, key: string, value: V): void {
    if (!this.#shares.get(owner)?.has(key)) this.#add(owner, key, value);
    const share = this.#shares.get(owner) ?? new Set();
    share.delete(key);
    share.add(key);
    this.#shares.delete(owner);
    this.#shares.set(owner, share);
  }

  /** Removes a key from the owner's share. */
  delete(owner: string, key: string): void {
    const share = this.#shares.get(owner);
    if (!share?.delete(key)) return;
    if (share.size === 0) this.#shares.delete(owner);
    this.#size--;
    const entry = this.#entries.get(key);
    if (entry && --entry.holders === 0) this.#entries.delete(key);
  }

  #add(owner: string, key: string, value: V): void {
    // Counted before room is made, so that making room cannot drop the value.
    const entry = this.#entries.get(key) ?? { value, holders: 0 };
    this.#entries.set(key, entry);
    entry.holders++;
    if (this.#size >= this.#capacity) this.#makeRoom(owner);
    const share = this.#shares.get(owner) ?? new Set();
    this.#shares.set(owner, share.add(key));
    this.#size++;
  }

  #makeRoom(owner: string): void {
    let largest: [owner: string, keys: ReadonlySet<string>] = [owner, this.#shares.get(owner) ?? new Set()];
    for (const share of this.#shares) if (share[1].size > largest[1].size) largest = share;
    const [oldest] = largest[1];
    if (oldest !== undefined) this.delete(largest[0], oldest);
  }
}
