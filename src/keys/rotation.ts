import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW, JWKS_MAX_AGE } from '../constants.ts';
import type { SigningAlg } from '../gates/protocol.ts';
import { SIGNING_ALGS } from '../jwt/signing-algs.ts';
import type { StoredSigningKey } from '../store/ring.ts';
import type { SigningKeysChange } from '../store/signing-keys.ts';
import { KEY_RING_AGE_MAX } from './constants.ts';

// The life of a signing key:
// - `next`: published, does not sign yet;
// - `active`: signs;
// - `retiring`: does not sign any more, published until the last token that it signed has expired;
// - removed. An emergency removes a key at once, from any of these states.
// Times are milliseconds since the epoch.

/**
 * Returns when a key that is made now may sign: when every verifier has it. Until its outdated ring ends, an isolate may publish a JWKS
 * without the key, and verifiers may cache that JWKS for `JWKS_MAX_AGE`.
 */
export function maturesAt(now: number): number {
  return now + (JWKS_MAX_AGE + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
}

/** Returns when a key may sign. Older versions did not store this: their key may sign if it is active, and otherwise once it matures. */
export function signsFrom({ signsFrom: from, activatedAt, createdAt }: StoredSigningKey): number {
  return from ?? activatedAt ?? maturesAt(createdAt);
}

/**
 * Returns the time on an isolate's own clock from which an active key may sign. 0 if the key was ready when it was activated: then an
 * isolate whose clock is behind must not delay it. Only an emergency activates a key that is not ready.
 */
export function heldBackUntil(key: StoredSigningKey): number {
  const from = signsFrom(key);
  return key.activatedAt !== null && key.activatedAt >= from ? 0 : from;
}

/** Returns the removal cutoff: every token of a key that retired before it has expired. */
export function removalCutoff(now: number): number {
  return now - (ACCESS_TOKEN_TTL_MAX + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
}

/** Returns when the last isolate has dropped a revoked key whose revocation is copied to KV now. */
export function revocationSettlesAt(now: number): number {
  return now + KEY_RING_AGE_MAX * 1000;
}

/** A planned change of the ring, before the keys that it needs are made. */
export type Rotation = Omit<SigningKeysChange, 'made'>;

/** Finds the key of an algorithm and status. */
export function findKey(
  keys: readonly StoredSigningKey[],
  alg: SigningAlg,
  status: StoredSigningKey['status'],
): StoredSigningKey | undefined {
  return keys.find((key) => key.alg === alg && key.status === status);
}

/** Whether a key has replaced another active key since a time. False for a key of the first ring, which replaced none. */
export function hasTakenOverSince({ activatedAt, createdAt }: StoredSigningKey, since: number): boolean {
  return activatedAt !== null && activatedAt > createdAt && activatedAt > since;
}

/** Finds the algorithms whose active key has reached its maximum age and whose next key may sign. @param maxAge seconds */
export function findDueAlgs(keys: readonly StoredSigningKey[], maxAge: number, now: number): SigningAlg[] {
  return SIGNING_ALGS.filter((alg) => {
    const [active, next] = [findKey(keys, alg, 'active'), findKey(keys, alg, 'next')];
    return active && next && (active.activatedAt ?? active.createdAt) + maxAge * 1000 <= now && signsFrom(next) <= now;
  });
}

/** Plans a rotation: the next key of each algorithm becomes active, and its active key retires. */
export function planRotation(keys: readonly StoredSigningKey[], algs: readonly SigningAlg[], now: number): Rotation {
  const keysWith = (status: StoredSigningKey['status']) => algs.flatMap((alg) => findKey(keys, alg, status) ?? []);
  // Older versions did not store `signsFrom`. It must be stored now, because it cannot be derived once the key is active.
  const activated = keysWith('next').map((key) => ({ ...key, signsFrom: signsFrom(key) }));
  return { activated, retired: keysWith('active'), revoked: [], now };
}

/** Plans a revocation: the compromised keys leave the ring at once. The next key replaces an active one, and signs as soon as it may. */
export function planRevocation(
  keys: readonly StoredSigningKey[],
  compromised: readonly StoredSigningKey[],
  now: number,
): Rotation {
  const algs = compromised.filter(({ status }) => status === 'active').map(({ alg }) => alg);
  const { activated } = planRotation(keys, algs, now);
  return {
    activated: activated.filter(({ kid }) => !compromised.some((key) => key.kid === kid)),
    retired: [],
    revoked: compromised,
    now,
  };
}

/** Finds the algorithms that lack a next key after a rotation: their next key was activated or revoked. */
export function findAlgsWithoutNextKey({ activated, revoked }: Rotation): SigningAlg[] {
  return [...activated, ...revoked.filter(({ status }) => status === 'next')].map(({ alg }) => alg);
}

/** Returns the keys after a change. */
export function applyKeyChange(
  keys: readonly StoredSigningKey[],
  { activated, retired, revoked, made, now }: SigningKeysChange,
): StoredSigningKey[] {
  const includes = (list: readonly StoredSigningKey[], { kid }: StoredSigningKey) =>
    list.some((key) => key.kid === kid);
  const remaining = keys.filter((key) => !includes(revoked, key));
  const updated = remaining.map((key): StoredSigningKey => {
    if (includes(activated, key)) return { ...key, status: 'active', activatedAt: now, signsFrom: signsFrom(key) };
    return includes(retired, key) ? { ...key, status: 'retiring', retiredAt: now } : key;
  });
  return [...updated, ...made];
}

/**
 * Removes revoked keys from a copy of the ring that lags behind the revocation. The next key replaces a revoked active key, as it did in
 * D1.
 */
export function removeRevokedKeys(
  keys: readonly StoredSigningKey[],
  revoked: ReadonlySet<string>,
  now: number,
): readonly StoredSigningKey[] {
  const compromised = keys.filter(({ kid }) => revoked.has(kid));
  return compromised.length === 0
    ? keys
    : applyKeyChange(keys, { ...planRevocation(keys, compromised, now), made: [] });
}
