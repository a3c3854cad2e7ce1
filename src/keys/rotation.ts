import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW, JWKS_MAX_AGE } from '../constants.ts';
import type { SigningAlg } from '../gates/protocol.ts';
import { SIGNING_ALGS } from '../jwt/signing-algs.ts';
import type { StoredSigningKey } from '../store/ring.ts';
import type { SigningKeysChange } from '../store/signing-keys.ts';
import { KEY_RING_AGE_MAX } from './constants.ts';

// The life of a signing key: next, published and not signing; active; retiring, published until the last token that it signed has
// expired; removed. In an emergency it is removed from wherever it stands. Times are milliseconds since the epoch.

/**
 * When a key that is made now may sign: an isolate may publish a ring without it for as long as it goes by an old one, and verifiers keep
 * that for as long as the JWKS may be cached.
 */
export function maturesAt(now: number): number {
  return now + (JWKS_MAX_AGE + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
}

/** When a key may sign. One that code of an older version made does not say: if it signs already, it may. */
export function signsFrom({ signsFrom: from, activatedAt, createdAt }: StoredSigningKey): number {
  return from ?? activatedAt ?? maturesAt(createdAt);
}

/**
 * From when on an active key is to be signed with by an isolate's own clock: 0 for one that was ready when it was activated, whatever that
 * clock says.
 */
export function heldBackUntil(key: StoredSigningKey): number {
  const from = signsFrom(key);
  return key.activatedAt !== null && key.activatedAt >= from ? 0 : from;
}

/** Keys that retired before this have signed no token that can still be accepted. */
export function removalCutoff(now: number): number {
  return now - (ACCESS_TOKEN_TTL_MAX + KEY_RING_AGE_MAX + CLOCK_SKEW) * 1000;
}

/** When a revoked key is in no isolate any more, KV having been told of it now. */
export function revocationSettlesAt(now: number): number {
  return now + KEY_RING_AGE_MAX * 1000;
}

/** What becomes of keys, but for those that must be made. */
export type Rotation = Omit<SigningKeysChange, 'made'>;

export function findKey(
  keys: readonly StoredSigningKey[],
  alg: SigningAlg,
  status: StoredSigningKey['status'],
): StoredSigningKey | undefined {
  return keys.find((key) => key.alg === alg && key.status === status);
}

/** Whether an active key followed another at some time since. */
export function hasTakenOverSince({ activatedAt, createdAt }: StoredSigningKey, since: number): boolean {
  return activatedAt !== null && activatedAt > createdAt && activatedAt > since;
}

/** The algorithms whose active key has signed for long enough, and whose next one is ready. @param maxAge seconds */
export function findDueAlgs(keys: readonly StoredSigningKey[], maxAge: number, now: number): SigningAlg[] {
  return SIGNING_ALGS.filter((alg) => {
    const [active, next] = [findKey(keys, alg, 'active'), findKey(keys, alg, 'next')];
    return active && next && (active.activatedAt ?? active.createdAt) + maxAge * 1000 <= now && signsFrom(next) <= now;
  });
}

/** Lets the next keys of some algorithms sign, and the active ones retire. */
export function planRotation(keys: readonly StoredSigningKey[], algs: readonly SigningAlg[], now: number): Rotation {
  const of = (status: StoredSigningKey['status']) => algs.flatMap((alg) => findKey(keys, alg, status) ?? []);
  // Code of an older version did not say from when on its key may sign: once that is active nobody could tell any more.
  const activated = of('next').map((key) => ({ ...key, signsFrom: signsFrom(key) }));
  return { activated, retired: of('active'), revoked: [], now };
}

/** Takes some keys out of the ring at once. Where one signed, the next one follows it, and signs as soon as it may. */
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

/** The algorithms that lack a next key after a rotation: each key that was the next one, and is not any more, is replaced. */
export function findAlgsWithoutNextKey({ activated, revoked }: Rotation): SigningAlg[] {
  return [...activated, ...revoked.filter(({ status }) => status === 'next')].map(({ alg }) => alg);
}

/** The keys as a change leaves them. */
export function applyKeyChange(
  keys: readonly StoredSigningKey[],
  { activated, retired, revoked, made, now }: SigningKeysChange,
): StoredSigningKey[] {
  const among = (some: readonly StoredSigningKey[], { kid }: StoredSigningKey) => some.some((key) => key.kid === kid);
  const left = keys.filter((key) => !among(revoked, key));
  const moved = left.map((key): StoredSigningKey => {
    if (among(activated, key)) return { ...key, status: 'active', activatedAt: now, signsFrom: signsFrom(key) };
    return among(retired, key) ? { ...key, status: 'retiring', retiredAt: now } : key;
  });
  return [...moved, ...made];
}

/**
 * The keys of a copy that may lag, without those that are known to be revoked. The next key follows an active one that is, as it has in
 * what was copied.
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
