import type { FlushedCount, UsageCount, UsageOutcome } from '../gates/protocol.ts';
import { HOUR_MS, USAGE_HOURS_KEPT } from './constants.ts';

type MutableCount = { -readonly [Member in keyof FlushedCount]: FlushedCount[Member] };

/** A client's usage: the number of its token requests by hour and outcome, and how much of each count D1 has. Times are in milliseconds. */
export class UsageCounts {
  readonly #counts = new Map<string, MutableCount>();

  constructor(counts: readonly FlushedCount[] = []) {
    for (const count of counts) this.#set(count);
  }

  /** Counts a token request. */
  add(outcome: UsageOutcome, now: number): void {
    const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
    const stored = this.#counts.get(key({ hour, outcome }));
    if (stored) stored.count++;
    else this.#set({ hour, outcome, count: 1, flushed: 0 });
  }

  /** Returns all counts, each with the part that D1 has. */
  all(): FlushedCount[] {
    return [...this.#counts.values()].map((count) => ({ ...count }));
  }

  /** Returns the counts that D1 does not have in full. */
  owed(): UsageCount[] {
    const owed = this.all().filter(({ count, flushed }) => flushed < count);
    return owed.map(({ hour, outcome, count }) => ({ hour, outcome, count }));
  }

  /** Records the counts that D1 has taken. */
  flushed(taken: readonly UsageCount[]): void {
    for (const { hour, outcome, count } of taken) {
      const stored = this.#counts.get(key({ hour, outcome }));
      if (stored) stored.flushed = Math.min(stored.count, Math.max(stored.flushed, count));
    }
  }

  /** Forgets the counts of past hours that D1 has in full, and those that D1 has not taken within `USAGE_HOURS_KEPT`. */
  forget(now: number): void {
    for (const { hour, outcome, count, flushed } of this.all()) {
      const isComplete = hour + HOUR_MS <= now && flushed === count;
      if (isComplete || hour <= now - USAGE_HOURS_KEPT * HOUR_MS) this.#counts.delete(key({ hour, outcome }));
    }
  }

  #set(count: FlushedCount): void {
    this.#counts.set(key(count), { ...count });
  }
}

function key({ hour, outcome }: Pick<UsageCount, 'hour' | 'outcome'>): string {
  return `${hour} ${outcome}`;
}
