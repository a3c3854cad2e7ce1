import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW, JWKS_MAX_AGE, KEY_RING_LEASE } from '../constants.ts';
import type { StoredSigningKey } from '../store/signing-keys.ts';

/**
 * When a next key may sign: an isolate may have published a ring without it for a lease's time, and verifiers keep that for as long as
 * the JWKS may be cached. In milliseconds since the epoch.
 */
export function signsFrom({ createdAt }: Pick<StoredSigningKey, 'createdAt'>): number {
  return createdAt + (JWKS_MAX_AGE + KEY_RING_LEASE + CLOCK_SKEW) * 1000;
}

/** Keys that retired before this have signed no token that can still be accepted. In milliseconds since the epoch. */
export function forgottenBefore(now: number): number {
  return now - (ACCESS_TOKEN_TTL_MAX + KEY_RING_LEASE + CLOCK_SKEW) * 1000;
}
