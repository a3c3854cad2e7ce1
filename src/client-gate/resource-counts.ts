import type { FlushedResourceCount, ResourceCount } from '../gates/protocol.ts';
import { RESOURCE_COUNTS_MAX, USAGE_HOURS_KEPT } from './constants.ts';

const HOUR_MS = 3_600_000;

/** The name under which tokens are counted for which there is no room. No resource server has it. */
const OTHER = '';

type MutableCount = { -readonly [Member in keyof FlushedResourceCount]: FlushedResourceCount[Member] };

/**
 * The number of a client's tokens by hour and resource server, and how much of each count D1 has. Bounded, because one row of storage holds
 * it. Times are in milliseconds.
 */
export class ResourceCounts {
  readonly #counts: MutableCount[];
  // The count of the last token. The next one usually belongs to it as well.
  #last: MutableCount | undefined;

  constructor(counts: readonly FlushedResourceCount[] = []) {
    this.#counts = counts.map((count) => ({ ...count }));
  }

  /** Counts an issued token. */
  add(resource: string, now: number): void {
    const hour = now - (now % HOUR_MS);
    if (this.#last?.hour !== hour || this.#last.resource !== resource) this.#last = this.#countOf(hour, resource);
    this.#last.count++;
  }

  /** Returns all counts, each with the part that D1 has. */
  all(): readonly FlushedResourceCount[] {
    return this.#counts;
  }

  /** Returns the counts that D1 does not have in full. */
  owed(): ResourceCount[] {
    const owed = this.#counts.filter(({ count, flushed }) => flushed < count);
    return owed.map(({ hour, resource, count }) => ({ hour, resource, count }));
  }

  /** Records the counts that D1 has taken. */
  flushed(taken: readonly ResourceCount[]): void {
    for (const { hour, resource, count } of taken) {
      const stored = this.#find(hour, resource);
      if (stored) stored.flushed = Math.min(stored.count, Math.max(stored.flushed, count));
    }
  }

  /** Forgets the counts of past hours that D1 has in full, and those that D1 has not taken within `USAGE_HOURS_KEPT`. */
  forget(now: number): void {
    const isOver = ({ hour, count, flushed }: FlushedResourceCount) =>
      (hour + HOUR_MS <= now && flushed === count) || hour <= now - USAGE_HOURS_KEPT * HOUR_MS;
    if (!this.#counts.some(isOver)) return;
    const kept = this.#counts.filter((count) => !isOver(count));
    this.#counts.splice(0, this.#counts.length, ...kept);
    this.#last = undefined;
  }

  #countOf(hour: number, resource: string): MutableCount {
    const found = this.#find(hour, resource);
    if (found) return found;
    if (resource !== OTHER && this.#counts.length >= RESOURCE_COUNTS_MAX) return this.#countOf(hour, OTHER);
    const count = { hour, resource, count: 0, flushed: 0 };
    this.#counts.push(count);
    return count;
  }

  #find(hour: number, resource: string): MutableCount | undefined {
    return this.#counts.find((count) => count.hour === hour && count.resource === resource);
  }
}
