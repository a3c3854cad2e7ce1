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
import { unseal } from './sealing.ts';
import { openPublishedKey, openSigningKey, type PublishedKey, type SigningKey } from './signing-key.ts';
import { StoredRing } from './stored-ring.ts';

/** The keys that are published, in one state of them, and those that hashes and tags are accepted of. */
export interface Ring {
  /** The key that signs with an algorithm. */
  readonly active: ReadonlyMap<SigningAlg, SigningKey>;
  readonly byKid: ReadonlyMap<string, PublishedKey>;
  /** The JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), serialized. */
  readonly jwks: string;
  readonly acceptedKeys: AcceptedKeys;
}

interface Lease {
  readonly ring: Ring;
  /** Milliseconds since the epoch, as what follows. */
  readonly renewedFrom: number;
  readonly endsAt: number;
}

interface Reading {
  readonly lease: SharedWork<Lease>;
  /** Milliseconds since the epoch. */
  readonly begunAt: number;
}

/**
 * The signing keys, as one isolate holds them under a lease: used as they are while the lease is young, renewed in the background
 * before it ends, read anew after that. The first use of a new deployment makes them.
 */
export class KeyRing {
  readonly #stored: StoredRing;
  readonly #masterKeys: () => Promise<MasterKeys>;
  #lease: Lease | undefined;
  #reading: Reading | undefined;
  // Of the last reading, where it failed a moment ago.
  #failure: { readonly error: unknown; readonly until: number } | undefined;

  constructor(env: Pick<Env, 'DB' | 'KV'>, masterKeys: () => Promise<MasterKeys>) {
    this.#stored = new StoredRing(env);
    this.#masterKeys = masterKeys;
  }

  /**
   * The ring, at `now` in milliseconds since the epoch.
   * @throws StoreUnavailableError where the lease has ended and neither D1 nor KV answers
   */
  async current(now: number): Promise<Ring> {
    const lease = this.#lease;
    if (lease && now < lease.renewedFrom) return lease.ring;

    if (this.#failure && now < this.#failure.until) {
      if (lease && now < lease.endsAt) return lease.ring;
      throw this.#failure.error;
    }
    const underWay = this.#reading && now - this.#reading.begunAt < KEY_RING_WAIT_MAX_MS ? this.#reading : undefined;
    const reading = underWay ?? this.#read(now);
    // In the background a failure harms nothing: once the lease has ended it is answered.
    if (lease && now < lease.endsAt) return lease.ring;
    // A read dies with the request that began it: nobody waits for it for ever.
    return (await reading.lease.result(KEY_RING_WAIT_MAX_MS)).ring;
  }

  /**
   * The key that signs with an algorithm, at `now`.
   * @throws StoreUnavailableError; NotYetError where there is none that every verifier must already have
   */
  async signer(alg: SigningAlg, now: number): Promise<SigningKey> {
    const key = (await this.current(now)).active.get(alg);
    // Only in a copy that lags behind emergencies: D1 has another.
    if (!key) throw new StoreUnavailableError('d1', `no active ${alg} key`);
    if (now < key.heldBackUntil) throw new NotYetError(key.heldBackUntil, now);
    return key;
  }

  /** Lets the next use read the ring anew, for an isolate that knows it to have changed. */
  endLease(): void {
    this.#lease = undefined;
    this.#reading = undefined;
    this.#failure = undefined;
  }

  #read(now: number): Reading {
    const reading: Reading = {
      lease: new SharedWork(
        'd1',
        this.#load(now, () => this.#reading === reading),
      ),
      begunAt: now,
    };
    this.#reading = reading;
    return reading;
  }

  /** @param isWanted whether what is read is still to be held when it is there */
  async #load(now: number, isWanted: () => boolean): Promise<Lease> {
    try {
      const lease = await this.#open(now);
      // One that was begun before the lease was ended is not what it is to be.
      if (isWanted()) this.#lease = lease;
      this.#failure = undefined;
      return lease;
    } catch (error) {
      if (isWanted()) this.#failure = { error, until: Date.now() + KEY_RING_RETRY_AFTER * 1000 };
      throw error;
    } finally {
      if (isWanted()) this.#reading = undefined;
    }
  }

  async #open(now: number): Promise<Lease> {
    const masterKeys = await this.#masterKeys();
    const { store, ...rows } = await this.#stored.read(masterKeys, now);
    const renewalAge = store === 'd1' ? KEY_RING_RENEWAL_AGE : KEY_RING_COPY_RENEWAL_AGE;
    return {
      ring: await openRing(rows, masterKeys),
      renewedFrom: now + renewalAge * 1000,
      endsAt: now + KEY_RING_LEASE * 1000,
    };
  }
}

async function openRing({ keys: stored, retired }: RingRows, masterKeys: MasterKeys): Promise<Ring> {
  const isSet = ({ id }: { readonly id: string }) => masterKeys.some((set) => set.id === id);
  const [published, active, accepted] = await Promise.all([
    Promise.all(stored.map(openPublishedKey)),
    // Nobody needs the others' private halves.
    Promise.all(stored.filter(({ status }) => status === 'active').map((key) => openSigningKey(key, masterKeys))),
    Promise.all(retired.filter((key) => !isSet(key)).map(({ sealedKeys }) => openRetired(sealedKeys, masterKeys))),
  ]);
  return {
    active: new Map(active.map((key) => [key.alg, key])),
    byKid: new Map(published.map((key) => [key.kid, key])),
    jwks: JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk) }),
    acceptedKeys: [...masterKeys, ...accepted],
  };
}

async function openRetired(sealedKeys: string, masterKeys: MasterKeys): Promise<HashingKeys> {
  return openRetiredKeys(await unseal<RetiredKeys>(sealedKeys, 'retired-master-key', masterKeys));
}
