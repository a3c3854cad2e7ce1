import type { FlushedCount, UsageCount, UsageOutcome } from '../gates/protocol.ts';
import { USAGE_HOURS_KEPT } from './constants.ts';

const HOUR_MS = 3_600_000;

/** How often a client's token requests ended how, by hour, and which of it D1 does not have yet. Times are in milliseconds. */
export class UsageCounts {
  readonly #counts = new Map<string, FlushedCount>();

  constructor(counts: readonly FlushedCount[] = []) {
    for (const count of counts) this.#set(count);
  }

  add(outcome: UsageOutcome, now: number): void {
    const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
    const { count, flushed } = this.#counts.get(key({ hour, outcome })) ?? { count: 0, flushed: 0 };
    this.#set({ hour, outcome, count: count + 1, flushed });
  }

  /** All that are kept, with what D1 has of them. */
  all(): FlushedCount[] {
    return [...this.#counts.values()];
  }

  /** Those that D1 does not have whole. */
  owed(): UsageCount[] {
    const owed = this.all().filter(({ count, flushed }) => flushed < count);
    return owed.map(({ hour, outcome, count }) => ({ hour, outcome, count }));
  }

  /** Notes what D1 has taken. */
  flushed(taken: readonly UsageCount[]): void {
    for (const { hour, outcome, count } of taken) {
      const kept = this.#counts.get(key({ hour, outcome }));
      if (kept) this.#set({ ...kept, flushed: Math.min(kept.count, Math.max(kept.flushed, count)) });
    }
  }

  /** Forgets the hours that are over and whole in D1, and those that D1 has not taken for too long. */
  forget(now: number): void {
    for (const { hour, outcome, count, flushed } of this.all()) {
      const isWhole = hour + HOUR_MS <= now && flushed === count;
      if (isWhole || hour <= now - USAGE_HOURS_KEPT * HOUR_MS) this.#counts.delete(key({ hour, outcome }));
    }
  }

  #set(count: FlushedCount): void {
    this.#counts.set(key(count), count);
  }
}

function key({ hour, outcome }: Pick<UsageCount, 'hour' | 'outcome'>): string {
  return `${hour} ${outcome}`;
}
