import type { Moment } from '../lib/moment.ts';
import { END_MARGIN_MS } from './constants.ts';

/** An access token ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). */
export interface Token {
  readonly access_token: string;
  /** `DPoP` if it is bound to a key of the source. */
  readonly token_type: 'Bearer' | 'DPoP';
  /** When it expires, in seconds since the epoch by the clock of the server. */
  readonly expires_at: number;
  /** The granted scope; undefined if the server granted what was requested and did not repeat it. */
  readonly scope: string | undefined;
}

/**
 * How a token stands: `valid`; `due` for renewal, and still valid; `doubtful` if it has expired by the machine's clock but not by the monotonic
 * one, which stands still while the machine sleeps; `expired`.
 */
export type Standing = 'valid' | 'due' | 'doubtful' | 'expired';

/** A token with the time that it has left. It trusts no clock, only how much time has passed. */
export class HeldToken {
  readonly token: Token;
  /** Its whole lifetime, in milliseconds. */
  readonly lifetimeMs: number;
  #anchor: Moment;
  #leftMs: number;
  #renewalMs: number;

  /**
   * @param leftMs what it has left at the anchor, in milliseconds
   * @param renewalMs after how many milliseconds it is due, from the anchor
   */
  constructor(token: Token, lifetimeMs: number, leftMs: number, renewalMs: number, anchor: Moment) {
    this.token = Object.freeze(token);
    this.lifetimeMs = lifetimeMs;
    this.#anchor = anchor;
    this.#leftMs = leftMs - Math.min(END_MARGIN_MS, lifetimeMs / 10);
    this.#renewalMs = renewalMs;
  }

  standing(monotonic: number, wall: number): Standing {
    const passed = monotonic - this.#anchor.monotonic;
    if (passed >= this.#leftMs) return 'expired';
    const longest = Math.max(passed, wall - this.#anchor.wall);
    if (longest >= this.#leftMs) return 'doubtful';
    return longest >= this.#renewalMs ? 'due' : 'valid';
  }

  /** Returns what it has left, in milliseconds. */
  leftMs(monotonic: number): number {
    return this.#leftMs - (monotonic - this.#anchor.monotonic);
  }

  /**
   * Judges it anew by the clock of the server, after an answer has shown it. It never gets more time than it had.
   * @param latest the latest time that it may be at the server, in milliseconds since the epoch
   */
  judge(latest: number, now: Moment): void {
    const passed = now.monotonic - this.#anchor.monotonic;
    const margin = Math.min(END_MARGIN_MS, this.lifetimeMs / 10);
    this.#leftMs = Math.min(this.#leftMs - passed, this.token.expires_at * 1000 - margin - latest);
    this.#renewalMs -= passed;
    this.#anchor = now;
  }

  /** Trusts the monotonic clock for the time until now: there is no better source. */
  trustMonotonic(now: Moment): void {
    const { monotonic } = this.#anchor;
    this.#anchor = { monotonic, wall: now.wall - (now.monotonic - monotonic) };
  }
}
