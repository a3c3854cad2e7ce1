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

/** A ring as stored, and the store that it was read from. */
export interface FoundRing extends RingRows {
  readonly store: 'd1' | 'kv';
}

/** The stored ring: in D1, with a copy in KV that is read while D1 is unavailable. */
export class StoredRing {
  readonly #kv: KVNamespace;
  readonly #db: Database;
  // The last state that this isolate compared with the copy, serialized.
  #lastCopied: string | undefined;

  constructor({ DB, KV }: Pick<Env, 'DB' | 'KV'>) {
    this.#db = database(DB);
    this.#kv = KV;
  }

  /**
   * Reads the ring from D1, or from the copy in KV if D1 fails. Makes the first keys if D1 has none.
   * @param now milliseconds since the epoch
   * @throws StoreUnavailableError if D1 fails and KV fails or has no copy
   */
  async read(masterKeys: MasterKeys, now: number): Promise<FoundRing> {
    try {
      let rows = await readRing(this.#db);
      if (rows.keys.length === 0) {
        await addSigningKeys(this.#db, await makeFirstKeys(masterKeys, now));
        // A concurrent request may have stored its keys first: those count.
        rows = await readRing(this.#db);
      }
      waitUntil(this.#updateCopyOnce(rows).catch(() => undefined));
      return { ...rows, store: 'd1' };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const copy = await this.#readCopy(now).catch(() => undefined);
      if (!copy) throw error;
      return { ...copy, store: 'kv' };
    }
  }

  /** Updates the copy in KV from D1. @returns whether the copy differed @throws StoreUnavailableError */
  async updateCopy(): Promise<boolean> {
    const rows = await readRing(this.#db);
    return rows.keys.length > 0 && copyRing(this.#kv, rows);
  }

  // Compares the copy once for each state of the ring that this isolate reads. This restores a copy that was lost or never written.
  async #updateCopyOnce(rows: RingRows): Promise<void> {
    const state = JSON.stringify(rows);
    if (this.#lastCopied === state) return;
    await copyRing(this.#kv, rows);
    this.#lastCopied = state;
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

// The first ring has an active and a next key for every algorithm, so that every JWKS is complete. No verifier can have cached a JWKS
// without these keys, so each of them may sign at once.
function makeFirstKeys(masterKeys: MasterKeys, now: number) {
  const specs = SIGNING_ALGS.flatMap((alg) => [
    { alg, status: 'active' as const },
    { alg, status: 'next' as const },
  ]);
  return Promise.all(specs.map(({ alg, status }) => makeSigningKey(alg, status, masterKeys, now, now)));
}
