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
    const known = this.isDoubtful(receivedAt) ? undefined : this.#seenAt(receivedAt);
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
    return this.#seenAt(now)?.latest;
  }

  /** Returns the time for a signature: the machine's, or the nearest that is possible at the server. */
  now(now: Moment = moment()): number {
    const seen = this.#seenAt(now);
    return seen ? nearest(seen) : now.wall;
  }

  /** Returns what was seen, at a later moment. */
  #seenAt(now: Moment): Seen | undefined {
    if (!this.#seen) return undefined;
    const { at, earliest, latest } = this.#seen;
    const passed = now.monotonic - at.monotonic;
    return { at: now, earliest: earliest + passed, latest: latest + passed };
  }
}

/** Returns the machine's time, or the nearest that is possible at the server. */
function nearest({ at, earliest, latest }: Seen): number {
  return Math.min(Math.max(at.wall, earliest), latest);
}

function distance(seen: Seen): number {
  return Math.abs(seen.at.wall - nearest(seen));
}
