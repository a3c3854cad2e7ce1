import { waitUntil } from 'cloudflare:workers';
import { KEY_RING_LEASE, KEY_RING_RENEWAL_AGE } from '../constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { Env } from '../env.ts';
import type { SigningAlg } from '../gate/client-record.ts';
import { database } from '../store/database.ts';
import { StoreUnavailableError, withDeadline } from '../store/errors.ts';
import {
  addSigningKeys,
  readSigningKeys,
  readSigningKeysCopy,
  type StoredSigningKey,
  writeSigningKeysCopy,
} from '../store/signing-keys.ts';
import { makeSigningKey, openSigningKey, SIGNING_ALGS, type SigningKey } from './signing-key.ts';

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

/**
 * The signing keys, as one isolate holds them under a lease: used as they are while the lease is young, renewed in the background
 * before it ends, read anew after that. The first use of a new deployment makes them.
 */
export class KeyRing {
  readonly #env: Pick<Env, 'DB' | 'KV'>;
  readonly #masterKeys: () => Promise<MasterKeys>;
  #lease: Lease | undefined;
  #reading: Promise<Ring> | undefined;

  constructor(env: Pick<Env, 'DB' | 'KV'>, masterKeys: () => Promise<MasterKeys>) {
    this.#env = env;
    this.#masterKeys = masterKeys;
  }

  /**
   * The ring, at `now` in milliseconds since the epoch.
   * @throws StoreUnavailableError where the lease has ended and neither D1 nor KV answers
   */
  async current(now: number): Promise<Ring> {
    const lease = this.#lease;
    const age = lease ? now - lease.readAt : Number.POSITIVE_INFINITY;
    if (!lease || age >= KEY_RING_LEASE * 1000) return this.#readShared(now);
    // Failing in the background harms nothing before the lease ends, and then the failure is answered.
    if (age >= KEY_RING_RENEWAL_AGE * 1000 && !this.#reading) this.#read(now).catch(() => undefined);
    return lease.ring;
  }

  /** The key that signs with an algorithm, at `now`. @throws StoreUnavailableError */
  async signer(alg: SigningAlg, now: number): Promise<SigningKey> {
    const key = (await this.current(now)).active.get(alg);
    if (!key) throw new Error(`no active ${alg} key`);
    return key;
  }

  // Whoever shares a read waits for it no longer than for a store: the request that began it may have been killed.
  async #readShared(now: number): Promise<Ring> {
    const reading = this.#reading ?? this.#read(now);
    try {
      return await withDeadline('d1', reading);
    } catch (error) {
      if (this.#reading === reading) this.#reading = undefined;
      throw error;
    }
  }

  #read(now: number): Promise<Ring> {
    const reading = this.#load(now)
      .then((ring) => {
        this.#lease = { ring, readAt: now };
        return ring;
      })
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    this.#reading = reading;
    waitUntil(reading.catch(() => undefined));
    return reading;
  }

  async #load(now: number): Promise<Ring> {
    const masterKeys = await this.#masterKeys();
    const stored = await this.#readStored(masterKeys, now);
    return openRing(stored, masterKeys);
  }

  async #readStored(masterKeys: MasterKeys, now: number): Promise<StoredSigningKey[]> {
    const db = database(this.#env.DB);
    try {
      const stored = await readSigningKeys(db);
      return stored.length > 0 ? stored : await this.#makeFirst(masterKeys, now);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const copy = await readSigningKeysCopy(this.#env.KV).catch(() => undefined);
      if (!copy) throw error;
      return copy;
    }
  }

  // The first ring is made whole: an active and a next key for every algorithm, so that no JWKS is ever short of one.
  async #makeFirst(masterKeys: MasterKeys, now: number): Promise<StoredSigningKey[]> {
    const db = database(this.#env.DB);
    const places = SIGNING_ALGS.flatMap((alg) => [
      { alg, status: 'active' as const },
      { alg, status: 'next' as const },
    ]);
    const made = await Promise.all(places.map(({ alg, status }) => makeSigningKey(alg, status, masterKeys, now)));
    await addSigningKeys(db, made);
    const stored = await readSigningKeys(db);
    waitUntil(writeSigningKeysCopy(this.#env.KV, stored).catch(() => undefined));
    return stored;
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
