import type { RateLimit, WrittenBucket } from '../gates/protocol.ts';
import { RESERVED_SHARE_OF_BURST } from './constants.ts';

/**
 * A token bucket whose storage is written ahead: a reservation of a tenth of the burst is taken off the written level, and
 * spent from memory. An eviction forgets what was reserved and not spent, so it loses at most a tenth of the burst and never
 * grants more.
 */
export interface TokenBucket {
  /** Tokens beyond the reservation, as of `at`. */
  readonly level: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** What is left of the reservation. */
  readonly reserved: number;
}

export interface Taken {
  readonly granted: boolean;
  readonly bucket: TokenBucket;
  /** Present when storage must be written before the grant is acted upon. */
  readonly write?: WrittenBucket;
  /** Whole tokens left. */
  readonly remaining: number;
  /** Whole seconds until one token more is there than `remaining`, 0 when the bucket is full. */
  readonly reset: number;
}

/** The bucket of a client that has not asked before. */
export function fullBucket(limit: RateLimit, now: number): TokenBucket {
  return { level: limit.burst, at: now, reserved: 0 };
}

/**
 * The bucket after an eviction. The first token of the last reservation was spent when it was written; the others count as spent
 * just now, which is the worst that can have been.
 */
export function recoveredBucket(written: WrittenBucket, limit: RateLimit, now: number): TokenBucket {
  return { level: refilled(written, limit, now, limit.burst - reservation(limit) + 1), at: now, reserved: 0 };
}

/** Takes one token at `now`, in milliseconds since the epoch. */
export function take(bucket: TokenBucket, limit: RateLimit, now: number): Taken {
  // What is reserved was counted under the limit of its time; a limit lowered since must hold at once.
  const reserved = Math.min(bucket.reserved, limit.burst);
  const level = refilled(bucket, limit, now, limit.burst - reserved);
  const at = Math.max(bucket.at, now);
  if (reserved >= 1) return taken({ level, at, reserved: reserved - 1 }, limit);
  if (wholeTokens(level) < 1) return { granted: false, bucket: { level, at, reserved: 0 }, ...standing(level, limit) };
  const reserve = Math.min(wholeTokens(level), reservation(limit));
  const written = { level: Math.max(0, level - reserve), at };
  return { ...taken({ ...written, reserved: reserve - 1 }, limit), write: written };
}

function taken(bucket: TokenBucket, limit: RateLimit): Taken {
  return { granted: true, bucket, ...standing(bucket.level + bucket.reserved, limit) };
}

function standing(tokens: number, limit: RateLimit): Pick<Taken, 'remaining' | 'reset'> {
  const remaining = wholeTokens(tokens);
  if (remaining >= limit.burst) return { remaining: limit.burst, reset: 0 };
  return { remaining, reset: Math.max(1, Math.ceil(((remaining + 1 - tokens) * 60) / limit.per_minute - EPSILON)) };
}

// A level is a sum of fractions: what is within a millionth of a whole token is whole.
const EPSILON = 1e-6;

function wholeTokens(level: number): number {
  return Math.floor(level + EPSILON);
}

function refilled(from: WrittenBucket, limit: RateLimit, now: number, capacity: number): number {
  const elapsed = Math.max(0, now - from.at);
  return Math.max(0, Math.min(capacity, from.level + (elapsed * limit.per_minute) / 60_000));
}

function reservation(limit: RateLimit): number {
  return Math.max(1, Math.floor(limit.burst * RESERVED_SHARE_OF_BURST));
}
