import { CLOCK_JUMP_MS } from './constants.ts';
import { type Moment, moment } from './moment.ts';

/** Between which times it was at the server, at a moment of the machine. */
interface Seen {
  readonly at: Moment;
  readonly earliest: number;
  readonly latest: number;
}

/**
 * The clock of a server, as its `Date` headers show it
 * ([RFC 9110 section 6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)). Between two answers it runs by the machine's monotonic
 * clock. All times are milliseconds since the epoch.
 */
export class ServerClock {
  #seen: Seen | undefined;

  /**
   * Reads the time of the server from an answer. If it contradicts an earlier one, as of a cache that served an old answer, the one nearer to
   * the machine's clock counts.
   * @returns whether the answer had a time
   */
  observe(headers: Headers, sentAt: Moment, receivedAt: Moment): boolean {
    const date = Date.parse(headers.get('Date') ?? '');
    if (Number.isNaN(date)) return false;
    // The header has whole seconds, and was written before the answer arrived. Of a cached answer it is as old as `Age` says, or new:
    // caches differ.
    const age = Number(headers.get('Age') ?? 0) * 1000 || 0;
    const latest = date + 1000 + Math.max(0, age) + (receivedAt.monotonic - sentAt.monotonic);
    const seen = { at: receivedAt, earliest: date, latest };
    const known = this.#seen && !this.isDoubtful(receivedAt) ? later(this.#seen, receivedAt) : undefined;
    const contradicts = known && (known.latest < seen.earliest || seen.latest < known.earliest);
    this.#seen = contradicts && distance(known) < distance(seen) ? known : seen;
    return true;
  }

  /**
   * Whether one of the machine's clocks was set, or stood still, since the time of the server was seen: what it is now is not known then.
   */
  isDoubtful(now: Moment): boolean {
    if (!this.#seen) return false;
    const { wall, monotonic } = this.#seen.at;
    return Math.abs(now.wall - wall - (now.monotonic - monotonic)) > CLOCK_JUMP_MS;
  }

  /** Returns the latest time that it may be at the server; undefined if no answer has shown its time. */
  latest(now: Moment = moment()): number | undefined {
    return this.#seen && this.#seen.latest + elapsed(this.#seen.at, now);
  }

  /** Returns the time for a signature: the machine's, or the nearest that is possible at the server. */
  now(now: Moment = moment()): number {
    if (!this.#seen) return now.wall;
    const passed = elapsed(this.#seen.at, now);
    return Math.min(Math.max(now.wall, this.#seen.earliest + passed), this.#seen.latest + passed);
  }
}

/** Returns what was seen, at a later moment. */
function later({ at, earliest, latest }: Seen, now: Moment): Seen {
  const passed = elapsed(at, now);
  return { at: now, earliest: earliest + passed, latest: latest + passed };
}

/** How far the machine's clock is from what was seen, in milliseconds. */
function distance({ at, earliest, latest }: Seen): number {
  return Math.max(0, earliest - at.wall, at.wall - latest);
}

function elapsed(from: Moment, to: Moment): number {
  return to.monotonic - from.monotonic;
}
