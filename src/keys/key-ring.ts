import type { JWK } from 'jose';
import {
  type AcceptedKeys,
  type HashingKeys,
  type MasterKeys,
  openRetiredKeys,
  type RetiredKeys,
} from '../credentials/master-key.ts';
import type { SigningAlg } from '../gates/protocol.ts';
import type { Env } from '../platform/env.ts';
import { NotYetError, StoreUnavailableError } from '../store/errors.ts';
import type { RingRows } from '../store/ring.ts';
import { SharedWork } from '../store/waiting.ts';
import {
  KEY_RING_COPY_RENEWAL_AGE,
  KEY_RING_LEASE,
  KEY_RING_RENEWAL_AGE,
  KEY_RING_RETRY_AFTER,
  KEY_RING_WAIT_MAX_MS,
} from './constants.ts';
import { isSealedUnder, unseal } from './sealing.ts';
import { openPublishedKey, openSigningKey, type PublishedKey, type SigningKey } from './signing-key.ts';
import { StoredRing } from './stored-ring.ts';

/** One state of the published keys, with the master keys whose hashes and tags are accepted. */
export interface Ring {
  /** The active key of each algorithm. */
  readonly active: ReadonlyMap<SigningAlg, SigningKey>;
  readonly byKid: ReadonlyMap<string, PublishedKey>;
  /** The serialized JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). */
  readonly jwks: string;
  readonly acceptedKeys: AcceptedKeys;
}

interface Lease {
  readonly ring: Ring;
  /** When the ring is renewed in the background, milliseconds since the epoch. */
  readonly renewsAt: number;
  /** Milliseconds since the epoch. */
  readonly endsAt: number;
}

/**
 * The key ring of an isolate, held under a lease. A young lease is used as it is; an older one is renewed in the background; when it has
 * ended, requests wait for a new one. The first read of a new deployment makes the keys.
 */
export class KeyRing {
  readonly #stored: StoredRing;
  readonly #masterKeys: () => Promise<MasterKeys>;
  #lease: Lease | undefined;
  // A read that one request began and that others wait for as well.
  #read: SharedWork<Lease> | undefined;
  // The error of the last read, for as long as the stores are not asked again.
  #failure: { readonly error: unknown; readonly until: number } | undefined;

  constructor(env: Pick<Env, 'DB' | 'KV'>, masterKeys: () => Promise<MasterKeys>) {
    this.#stored = new StoredRing(env);
    this.#masterKeys = masterKeys;
  }

  /** Returns the ring if its lease is young, so that nothing must be awaited for it. @param now milliseconds since the epoch */
  held(now: number): Ring | undefined {
    const lease = this.#lease;
    return lease && now < lease.renewsAt ? lease.ring : undefined;
  }

  /**
   * Returns the ring.
   * @param now milliseconds since the epoch
   * @throws StoreUnavailableError if the lease has ended and neither D1 nor KV answers
   */
  async current(now: number): Promise<Ring> {
    const held = this.held(now);
    if (held) return held;

    const lease = this.#lease;
    if (this.#failure && now < this.#failure.until) {
      if (lease && now < lease.endsAt) return lease.ring;
      throw this.#failure.error;
    }
    const read = this.#read?.isPending() ? this.#read : this.#beginRead(now);
    // While the lease lasts, a failed renewal is harmless: it is retried, and reported only after the lease has ended.
    if (lease && now < lease.endsAt) return lease.ring;
    return (await read.result()).ring;
  }

  /**
   * Returns the key that signs with an algorithm.
   * @param now milliseconds since the epoch
   * @throws StoreUnavailableError; NotYetError if verifiers may not have the active key in their cached JWKS yet
   */
  async signer(alg: SigningAlg, now: number): Promise<SigningKey> {
    const { active } = this.held(now) ?? (await this.current(now));
    const key = active.get(alg);
    // Happens only with a copy in KV that lags behind an emergency: D1 has a new active key.
    if (!key) throw new StoreUnavailableError('d1', `no active ${alg} key`);
    if (now < key.heldBackUntil) throw new NotYetError(key.heldBackUntil, now);
    return key;
  }

  /** Ends the lease, so that the next use reads the ring from its store. For an isolate that has just changed the ring. */
  endLease(): void {
    this.#lease = undefined;
    this.#read = undefined;
    this.#failure = undefined;
  }

  #beginRead(now: number): SharedWork<Lease> {
    const loading = this.#load(now, () => this.#read === read);
    const read = new SharedWork('d1', KEY_RING_WAIT_MAX_MS, loading);
    this.#read = read;
    return read;
  }

  /** @param isCurrent whether no later read and no end of the lease has replaced this read */
  async #load(now: number, isCurrent: () => boolean): Promise<Lease> {
    try {
      const lease = await this.#open(now);
      // A read that began before `endLease()` may lack the change, so its result is not kept.
      if (isCurrent()) this.#lease = lease;
      this.#failure = undefined;
      return lease;
    } catch (error) {
      if (isCurrent()) this.#failure = { error, until: Date.now() + KEY_RING_RETRY_AFTER * 1000 };
      throw error;
    } finally {
      if (isCurrent()) this.#read = undefined;
    }
  }

  async #open(now: number): Promise<Lease> {
    const masterKeys = await this.#masterKeys();
    const { store, ...rows } = await this.#stored.read(masterKeys, now);
    const renewalAge = store === 'd1' ? KEY_RING_RENEWAL_AGE : KEY_RING_COPY_RENEWAL_AGE;
    return {
      ring: await openRing(rows, masterKeys),
      renewsAt: now + renewalAge * 1000,
      endsAt: now + KEY_RING_LEASE * 1000,
    };
  }
}

/** Whether the configured master keys have sealed everything that `openRing` opens. Unseals nothing. */
export function canOpenRing({ keys, retired }: RingRows, masterKeys: MasterKeys): boolean {
  const isOpenable = (sealed: string) => masterKeys.some((key) => isSealedUnder(sealed, key));
  return (
    keys.every(({ status, sealedPrivateJwk }) => status !== 'active' || isOpenable(sealedPrivateJwk)) &&
    retired.every(({ id, sealedKeys }) => masterKeys.some((key) => key.id === id) || isOpenable(sealedKeys))
  );
}

async function openRing({ keys: stored, retired }: RingRows, masterKeys: MasterKeys): Promise<Ring> {
  const isConfigured = ({ id }: { readonly id: string }) => masterKeys.some((key) => key.id === id);
  const [published, active, retiredKeys] = await Promise.all([
    Promise.all(stored.map(openPublishedKey)),
    // Only active keys sign, so the private halves of the others stay sealed.
    Promise.all(stored.filter(({ status }) => status === 'active').map((key) => openSigningKey(key, masterKeys))),
    Promise.all(
      retired.filter((key) => !isConfigured(key)).map(({ sealedKeys }) => openRetired(sealedKeys, masterKeys)),
    ),
  ]);
  return {
    active: new Map(active.map((key) => [key.alg, key])),
    byKid: new Map(published.map((key) => [key.kid, key])),
    jwks: JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk).sort(byKeyType) }),
    acceptedKeys: [...masterKeys, ...retiredKeys],
  };
}

// python-jose tries the keys of a set in their order and stops at the first key of another type, so the keys of the default algorithm are
// first.
const KEY_TYPES = ['EC', 'RSA', 'OKP'];

function byKeyType(one: JWK, other: JWK): number {
  return KEY_TYPES.indexOf(one.kty ?? '') - KEY_TYPES.indexOf(other.kty ?? '');
}

async function openRetired(sealedKeys: string, masterKeys: MasterKeys): Promise<HashingKeys> {
  return openRetiredKeys(await unseal<RetiredKeys>(sealedKeys, 'retired-master-key', masterKeys));
}
