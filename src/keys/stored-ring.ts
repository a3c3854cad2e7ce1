import { waitUntil } from 'cloudflare:workers';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { Env } from '../env.ts';
import { SIGNING_ALGS } from '../store/client-record.ts';
import { type Database, database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import {
  addSigningKeys,
  readSigningKeys,
  readSigningKeysCopy,
  type StoredSigningKey,
  writeSigningKeysCopy,
} from '../store/signing-keys.ts';
import { makeSigningKey } from './signing-key.ts';

/** The ring at rest: in D1, with a copy in KV for when D1 is gone. */
export class StoredRing {
  readonly #kv: KVNamespace;
  readonly #db: Database;
  #copied: string | undefined;

  constructor({ DB, KV }: Pick<Env, 'DB' | 'KV'>) {
    this.#db = database(DB);
    this.#kv = KV;
  }

  /**
   * The stored keys, from D1 first and from the copy when D1 fails. Where there are none they are made.
   * @param now milliseconds since the epoch
   * @throws StoreUnavailableError where neither store has them
   */
  async read(masterKeys: MasterKeys, now: number): Promise<StoredSigningKey[]> {
    try {
      let keys = await readSigningKeys(this.#db);
      if (keys.length === 0) {
        await addSigningKeys(this.#db, await makeFirstKeys(masterKeys, now));
        // Whoever else was making them meanwhile may have won.
        keys = await readSigningKeys(this.#db);
      }
      waitUntil(this.#keepCopy(keys).catch(() => undefined));
      return keys;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const copy = await readSigningKeysCopy(this.#kv).catch(() => undefined);
      if (!copy) throw error;
      return copy;
    }
  }

  // Looked at once for each state of the ring that this isolate sees: a copy that was lost, or never made, comes back by itself.
  async #keepCopy(keys: readonly StoredSigningKey[]): Promise<void> {
    const state = JSON.stringify(keys);
    if (this.#copied === state) return;
    if (JSON.stringify(await readSigningKeysCopy(this.#kv)) !== state) await writeSigningKeysCopy(this.#kv, keys);
    this.#copied = state;
  }
}

// The first ring is made whole: an active and a next key for every algorithm, so that no JWKS is ever short of one.
function makeFirstKeys(masterKeys: MasterKeys, now: number): Promise<StoredSigningKey[]> {
  const places = SIGNING_ALGS.flatMap((alg) => [
    { alg, status: 'active' as const },
    { alg, status: 'next' as const },
  ]);
  return Promise.all(places.map(({ alg, status }) => makeSigningKey(alg, status, masterKeys, now)));
}
