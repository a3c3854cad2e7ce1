import type { RateLimit, WrittenBucket } from '../gates/protocol.ts';
import { RESERVED_SHARE_OF_BURST } from './constants.ts';

/**
 * A token bucket that is written ahead: a reservation is subtracted from the stored level and spent from memory. For a busy client it is a
 * tenth of the burst; for others only the token that is spent at once. An eviction loses the rest of the reservation, so a client loses at
 * most a tenth of its burst and never gets more.
 */
export interface TokenBucket {
  /** Tokens besides the reservation, at the time `at`. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The rest of the reservation, in tokens. */
  readonly reserved: number;
}

/** The result of taking a token. */
export interface Taken {
  readonly granted: boolean;
  readonly bucket: TokenBucket;
  /** The bucket to write to storage before the request is answered. Absent if nothing must be written. */
  readonly write?: WrittenBucket;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Whole seconds until there is one token more than `remaining`, or 0 if the bucket is full. */
  readonly reset: number;
}

/** Returns the bucket of a client that made no request before. */
export function fullBucket(limit: RateLimit, now: number): TokenBucket {
  return { level: limit.burst, at: now, reserved: 0 };
}

/**
 * Returns the bucket after an eviction. The first token of the last reservation was spent when it was written. The others count as spent
 * at `now`: later than they really were, so that the bucket refills too little rather than too much.
 */
export function recoveredBucket(written: WrittenBucket, limit: RateLimit, now: number): TokenBucket {
  return { level: refilled(written, limit, now, limit.burst - reservation(limit, true) + 1), at: now, reserved: 0 };
}

/**
 * Takes one token.
 * @param isBusy whether to reserve a tenth of the burst, rather than to write each token that is taken
 * @param now milliseconds since the epoch
 */
export function take(bucket: TokenBucket, limit: RateLimit, isBusy: boolean, now: number): Taken {
  const { level, at, reserved } = refilledBucket(bucket, limit, now);
  if (isBusy && reserved >= 1) return taken({ level, at, reserved: reserved - 1 }, limit);
  const all = level + reserved;
  if (wholeTokens(all) < 1)
    return { granted: false, bucket: { level: all, at, reserved: 0 }, ...rateStatus(all, limit) };
  const reserve = Math.min(wholeTokens(all), reservation(limit, isBusy));
  const written = { level: Math.max(0, all - reserve), at };
  return { ...taken({ ...written, reserved: reserve - 1 }, limit), write: written };
}

/**
 * Renews the reservation when the bucket is written for another reason than a request: in full for a busy client, while others get the rest
 * of it back. Reserves one token less than `take()`, because `recoveredBucket()` takes one as spent.
 */
export function renewed(bucket: TokenBucket, limit: RateLimit, isBusy: boolean, now: number): TokenBucket {
  const { level, at, reserved } = refilledBucket(bucket, limit, now);
  const all = level + reserved;
  const reserve = Math.min(wholeTokens(all), reservation(limit, isBusy) - 1);
  return { level: Math.max(0, all - reserve), at, reserved: reserve };
}

function refilledBucket(bucket: TokenBucket, limit: RateLimit, now: number): TokenBucket {
  // The reservation was made under the limit of its time. A limit that was lowered since holds at once.
  const reserved = Math.min(bucket.reserved, limit.burst);
  return { level: refilled(bucket, limit, now, limit.burst - reserved), at: Math.max(bucket.at, now), reserved };
}

function taken(bucket: TokenBucket, limit: RateLimit): Taken {
  return { granted: true, bucket, ...rateStatus(bucket.level + bucket.reserved, limit) };
}

function rateStatus(tokens: number, limit: RateLimit): Pick<Taken, 'remaining' | 'reset'> {
  const remaining = wholeTokens(tokens);
  if (remaining >= limit.burst) return { remaining: limit.burst, reset: 0 };
  return { remaining, reset: Math.max(1, Math.ceil(((remaining + 1 - tokens) * 60) / limit.per_minute - EPSILON)) };
}

// A level is a sum of fractions. One that lacks less than a millionth of a whole token counts as whole.
const EPSILON = 1e-6;

function wholeTokens(level: number): number {
  return Math.floor(level + EPSILON);
}

function refilled(from: WrittenBucket, limit: RateLimit, now: number, capacity: number): number {
  const elapsed = Math.max(0, now - from.at);
  return Math.max(0, Math.min(capacity, from.level + (elapsed * limit.per_minute) / 60_000));
}

/** Returns how many tokens a write reserves, including the one that is spent at once. */
function reservation(limit: RateLimit, isBusy: boolean): number {
  return isBusy ? Math.max(1, Math.floor(limit.burst * RESERVED_SHARE_OF_BURST)) : 1;
}
