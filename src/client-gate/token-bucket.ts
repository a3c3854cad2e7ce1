import type { RateLimit, WrittenBucket } from '../gates/protocol.ts';
import { RESERVED_SHARE_OF_BURST } from './constants.ts';

/**
 * A token bucket that is written ahead: what is written lacks a reservation, which is spent from memory. For a busy client it is a tenth of
 * the burst; for others only the token that is spent at once. An eviction loses the rest of the reservation, so a client loses at most a
 * tenth of its burst and never gets more.
 *
 * What is written refills after an eviction, up to a burst without the reservation. The bucket is written again as soon as it has less than
 * that: of a busy client whose bucket stays almost full, one write lasts.
 */
export interface TokenBucket {
  /** Tokens at the time `at`. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
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
  return { level: limit.burst, at: now };
}

/**
 * Returns the bucket after an eviction. The first token of the last reservation was spent when it was written. The others count as spent
 * at `now`: later than they really were, so that the bucket refills too little rather than too much.
 */
export function recoveredBucket(written: WrittenBucket, limit: RateLimit, now: number): TokenBucket {
  return { level: refilled(written, limit, now, limit.burst - reservation(limit, true) + 1), at: now };
}

/**
 * Takes one token.
 * @param written the bucket in storage, if there is one
 * @param isBusy whether to reserve a tenth of the burst, rather than to write each token that is taken
 * @param now milliseconds since the epoch
 */
export function take(
  bucket: TokenBucket,
  written: WrittenBucket | undefined,
  limit: RateLimit,
  isBusy: boolean,
  now: number,
): Taken {
  const { level, at } = refilledBucket(bucket, limit, now);
  if (wholeTokens(level) < 1) return { granted: false, bucket: { level, at }, ...rateStatus(level, limit) };
  const left = level - 1;
  const taken = { granted: true, bucket: { level: left, at }, ...rateStatus(left, limit) };
  // At the bucket's time, not at `now`: a clock that was set back may come forward again.
  if (isBusy && written && recoveredBucket(written, limit, at).level <= left) return taken;
  return { ...taken, write: writtenAhead({ level, at }, reservation(limit, isBusy)) };
}

/** Returns what is left, without taking a token. */
export function statusOf(bucket: TokenBucket, limit: RateLimit, now: number): Pick<Taken, 'remaining' | 'reset'> {
  return rateStatus(refilledBucket(bucket, limit, now).level, limit);
}

/**
 * Returns what to write when the bucket is written for another reason than a request: a busy client reserves a tenth of the burst, while
 * others get the rest of their reservation back. Reserves one token less than `take()`, because `recoveredBucket()` takes one as spent.
 */
export function renewed(bucket: TokenBucket, limit: RateLimit, isBusy: boolean, now: number): WrittenBucket {
  return writtenAhead(refilledBucket(bucket, limit, now), reservation(limit, isBusy) - 1);
}

function writtenAhead({ level, at }: TokenBucket, reservation: number): WrittenBucket {
  return { level: Math.max(0, level - Math.min(wholeTokens(level), reservation)), at };
}

function refilledBucket(bucket: TokenBucket, limit: RateLimit, now: number): TokenBucket {
  return { level: refilled(bucket, limit, now, limit.burst), at: Math.max(bucket.at, now) };
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
