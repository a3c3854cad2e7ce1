import { waitUntil } from 'cloudflare:workers';
import type { MasterKeys } from '../credentials/master-key.ts';
import { SIGNING_ALGS } from '../jwt/signing-algs.ts';
import type { Env } from '../platform/env.ts';
import { type Database, database } from '../store/database.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { copiedKeyRevocations } from '../store/revoked-signing-keys.ts';
import { copyRing, type RingRows, readCopiedRing, readRing } from '../store/ring.ts';
import { addSigningKeys } from '../store/signing-keys.ts';
import { removeRevokedKeys } from './rotation.ts';
import { makeSigningKey } from './signing-key.ts';

/** The ring as it is stored, and by which store. */
export interface FoundRing extends RingRows {
  readonly store: 'd1' | 'kv';
}

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
  async read(masterKeys: MasterKeys, now: number): Promise<FoundRing> {
    try {
      let rows = await readRing(this.#db);
      if (rows.keys.length === 0) {
        await addSigningKeys(this.#db, await makeFirstKeys(masterKeys, now));
        // Whoever else was making them meanwhile may have won.
        rows = await readRing(this.#db);
      }
      waitUntil(this.#keepCopy(rows).catch(() => undefined));
      return { ...rows, store: 'd1' };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const copy = await this.#readCopy(now).catch(() => undefined);
      if (!copy) throw error;
      return { ...copy, store: 'kv' };
    }
  }

  /** Sees to it that KV has what D1 has. @returns whether it had something else @throws StoreUnavailableError */
  async copy(): Promise<boolean> {
    const rows = await readRing(this.#db);
    return rows.keys.length > 0 && copyRing(this.#kv, rows);
  }

  // Looked at once for each state of the ring that this isolate sees: a copy that was lost, or never made, comes back by itself.
  async #keepCopy(rows: RingRows): Promise<void> {
    const state = JSON.stringify(rows);
    if (this.#copied === state) return;
    await copyRing(this.#kv, rows);
    this.#copied = state;
  }

  async #readCopy(now: number): Promise<RingRows | undefined> {
    const copy = await readCopiedRing(this.#kv);
    if (!copy) return undefined;
    const revoked = await copiedKeyRevocations(
      this.#kv,
      copy.keys.map(({ kid }) => kid),
    );
    return { ...copy, keys: removeRevokedKeys(copy.keys, revoked, now) };
  }
}

// The first ring is made whole: an active and a next key for every algorithm, so that no JWKS is ever short of one. Nobody can have
// cached one without them, so each of them may sign at once.
function makeFirstKeys(masterKeys: MasterKeys, now: number) {
  const places = SIGNING_ALGS.flatMap((alg) => [
    { alg, status: 'active' as const },
    { alg, status: 'next' as const },
  ]);
  return Promise.all(places.map(({ alg, status }) => makeSigningKey(alg, status, masterKeys, now, now)));
}
