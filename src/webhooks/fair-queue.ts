/** A queue in which owners take turns: one with many items does not delay the others. */
export class FairQueue<T> {
  // The owner whose turn is next is first.
  readonly #owners = new Map<string, T[]>();

  add(owner: string, item: T): void {
    const items = this.#owners.get(owner);
    if (items) items.push(item);
    else this.#owners.set(owner, [item]);
  }

  /** Takes the oldest item of the owner whose turn it is, or returns undefined if there is none. */
  take(): T | undefined {
    for (const [owner, [item, ...others]] of this.#owners) {
      this.#owners.delete(owner);
      if (others.length > 0) this.#owners.set(owner, others);
      return item;
    }
    return undefined;
  }
}
