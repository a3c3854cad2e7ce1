import { STORE_DEADLINE_MS } from '../constants.ts';

/** Attempts of one kind within a window. */
export interface Tally {
  /** The checks under way. */
  readonly pending: Pending;
  failures: number;
  readonly limit: number;
}

/** Checks under way. Each counts until a store's deadline at most: the check of a request that was killed never ends. */
export class Pending {
  readonly #checks = new Set<{ readonly lostAt: number }>();

  /** @param now milliseconds since the epoch @returns a function to call when the check has ended */
  begin(now: number): () => void {
    const check = { lostAt: now + STORE_DEADLINE_MS };
    this.#checks.add(check);
    return () => this.#checks.delete(check);
  }

  count(now: number): number {
    for (const check of this.#checks) {
      if (now < check.lostAt) break;
      this.#checks.delete(check);
    }
    return this.#checks.size;
  }
}

export function newTally(limit: number): Tally {
  return { pending: new Pending(), failures: 0, limit };
}

export function isExhausted({ failures, limit }: Tally): boolean {
  return failures >= limit;
}

/** Whether one more check may begin. @param now milliseconds since the epoch */
export function hasRoom({ pending, failures, limit }: Tally, now: number): boolean {
  return pending.count(now) + failures < limit;
}

interface Entry<T> {
  readonly tally: T;
  /** Milliseconds since the epoch. */
  readonly endsAt: number;
}

/**
 * Per-isolate tallies that each count for one window. When there are too many, the oldest one that holds nobody back is evicted. A
 * tally that holds somebody back stays to the end of its window, or a flood of invented names could wipe it. Each such tally takes a whole
 * limit of failures, so the traffic of a window bounds their number.
 */
export class Tallies<T> {
  // Windows are equally long, so both maps are in the order in which their entries end.
  readonly #entries = new Map<string, Entry<T>>();
  // Exhausted tallies that eviction has met.
  readonly #kept = new Map<string, Entry<T>>();
  readonly #create: (key: string) => T;
  readonly #mustKeep: (tally: T) => boolean;
  readonly #windowMs: number;
  readonly #capacity: number;

  /** @param mustKeep whether a tally holds somebody back */
  constructor(create: (key: string) => T, mustKeep: (tally: T) => boolean, windowMs: number, capacity: number) {
    this.#create = create;
    this.#mustKeep = mustKeep;
    this.#windowMs = windowMs;
    this.#capacity = capacity;
  }

  /** Returns the tally of the current window, a new one if there is none. @param now milliseconds since the epoch */
  get(key: string, now: number): T {
    const found = this.#find(key, now);
    if (found) return found;
    this.#makeRoom(now);
    const tally = this.#create(key);
    this.#entries.delete(key);
    this.#entries.set(key, { tally, endsAt: now + this.#windowMs });
    return tally;
  }

  #find(key: string, now: number): T | undefined {
    const entry = this.#entries.get(key) ?? this.#kept.get(key);
    return entry && now < entry.endsAt ? entry.tally : undefined;
  }

  #makeRoom(now: number): void {
    dropEnded(this.#kept, now);
    dropEnded(this.#entries, now);
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size < this.#capacity) return;
      this.#entries.delete(key);
      if (this.#mustKeep(entry.tally)) this.#kept.set(key, entry);
    }
  }
}

function dropEnded(entries: Map<string, Entry<unknown>>, now: number): void {
  for (const [key, { endsAt }] of entries) {
    if (now < endsAt) return;
    entries.delete(key);
  }
}
