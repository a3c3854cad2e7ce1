import { waitUntil } from 'cloudflare:workers';
import { KEY_RING_LEASE, KEY_RING_PATIENCE_MS, KEY_RING_RENEWAL_AGE } from '../constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { Env } from '../env.ts';
import type { SigningAlg } from '../store/client-record.ts';
import { withDeadline } from '../store/errors.ts';
import type { StoredSigningKey } from '../store/signing-keys.ts';
import { openSigningKey, type SigningKey } from './signing-key.ts';
import { StoredRing } from './stored-ring.ts';

/** The keys that are published, in one state of them. */
export interface Ring {
  /** The key that signs with an algorithm. */
  readonly active: ReadonlyMap<SigningAlg, SigningKey>;
  readonly byKid: ReadonlyMap<string, SigningKey>;
  /** The JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), serialized. */
  readonly jwks: string;
}

interface Lease {
  readonly ring: Ring;
  /** Milliseconds since the epoch. */
  readonly readAt: number;
}

interface Reading {
  readonly ring: Promise<Ring>;
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
    const age = lease ? now - lease.readAt : Number.POSITIVE_INFINITY;
    if (lease && age < KEY_RING_RENEWAL_AGE * 1000) return lease.ring;

    const underWay = this.#reading && now - this.#reading.begunAt < KEY_RING_PATIENCE_MS ? this.#reading : undefined;
    const { ring } = underWay ?? this.#read(now);
    // In the background a failure harms nothing: once the lease has ended it is answered.
    if (lease && age < KEY_RING_LEASE * 1000) return lease.ring;
    // A read belongs to the request that began it, and dies with it: others do not wait for it for ever.
    return withDeadline('d1', ring, KEY_RING_PATIENCE_MS);
  }

  /** The key that signs with an algorithm, at `now`. @throws StoreUnavailableError */
  async signer(alg: SigningAlg, now: number): Promise<SigningKey> {
    const key = (await this.current(now)).active.get(alg);
    if (!key) throw new Error(`no active ${alg} key`);
    return key;
  }

  #read(now: number): Reading {
    const ring = this.#load(now);
    const reading = { ring, begunAt: now };
    this.#reading = reading;
    const settled = ring
      .then((read) => {
        this.#lease = { ring: read, readAt: now };
      })
      .catch(() => undefined)
      .then(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    waitUntil(settled);
    return reading;
  }

  async #load(now: number): Promise<Ring> {
    const masterKeys = await this.#masterKeys();
    return openRing(await this.#stored.read(masterKeys, now), masterKeys);
  }
}

async function openRing(stored: readonly StoredSigningKey[], masterKeys: MasterKeys): Promise<Ring> {
  const keys = await Promise.all(stored.map((key) => openSigningKey(key, masterKeys)));
  const jwks = JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) });
  return {
    active: new Map(keys.filter(({ status }) => status === 'active').map((key) => [key.alg, key])),
    byKid: new Map(keys.map((key) => [key.kid, key])),
    jwks,
  };
}
