import type { IssuedTokens, PeriodCount, QuotaPeriod, UsageCount } from '../gates/protocol.ts';
import { periodAt } from '../lib/utc-period.ts';

/**
 * How many tokens a client was issued in the current day and month, by UTC. Kept for every client, so that a quota that is set later counts
 * from the period's beginning. A clock that was set back counts for the latest period that it has shown: no period comes twice. Times are
 * in milliseconds since the epoch.
 */
export class IssuedCounts {
  readonly #day: Count;
  readonly #month: Count;

  /** @param usage the counts by hour, for a row of older code, which has no counts by period */
  constructor(stored?: IssuedTokens, usage: readonly UsageCount[] = []) {
    const earlier = stored ? [] : usage.filter(({ outcome }) => outcome === 'issued');
    this.#day = new Count('day', stored?.day, earlier);
    this.#month = new Count('month', stored?.month, earlier);
  }

  /** Counts a token. */
  add(now: number): void {
    this.#day.add(now);
    this.#month.add(now);
  }

  /** Returns the counts of the day and month of a time, or of the latest ones if these are later. */
  at(now: number): IssuedTokens {
    return { day: this.#day.at(now), month: this.#month.at(now) };
  }

  /** Returns the counts as they are stored, or undefined before the first token. */
  toStored(): IssuedTokens | undefined {
    const [day, month] = [this.#day.toStored(), this.#month.toStored()];
    return day && month && { day, month };
  }
}

class Count {
  readonly #period: QuotaPeriod;
  readonly #earlier: readonly UsageCount[];
  #from = 0;
  #until = 0;
  #count = 0;

  constructor(period: QuotaPeriod, stored: PeriodCount | undefined, earlier: readonly UsageCount[]) {
    this.#period = period;
    this.#earlier = earlier;
    if (!stored) return;
    this.#from = stored.from;
    this.#until = periodAt(period, stored.from).until;
    this.#count = stored.count;
  }

  add(now: number): void {
    if (now >= this.#until) {
      this.#count = this.#earlierSince(now);
      ({ from: this.#from, until: this.#until } = periodAt(this.#period, now));
    }
    this.#count++;
  }

  at(now: number): PeriodCount {
    if (now < this.#until) return { from: this.#from, count: this.#count };
    return { from: periodAt(this.#period, now).from, count: this.#earlierSince(now) };
  }

  toStored(): PeriodCount | undefined {
    return this.#until === 0 ? undefined : { from: this.#from, count: this.#count };
  }

  // Hours of a period that began before the first token are not in it any more.
  #earlierSince(now: number): number {
    const { from, until } = periodAt(this.#period, now);
    return this.#earlier.reduce((sum, { hour, count }) => (hour >= from && hour < until ? sum + count : sum), 0);
  }
}
