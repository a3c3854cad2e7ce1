import { CLOCK_SKEW } from '../constants.ts';
import type { SpentId, SpentIdsRow } from '../gates/protocol.ts';
import { PURGE_INTERVAL, REPLAY_SWEEP_INTERVAL, SPENT_IDS_PER_ROW } from './constants.ts';

/**
 * The ids of the assertions and DPoP proofs that a client has used, in the gate's SQLite storage, so that an eviction forgets none. One
 * row holds many ids: a request writes one row, or shares it with concurrent requests, and purging deletes few rows. Times are in
 * milliseconds since the epoch.
 */
export class ReplayMemory {
  readonly #sql: SqlStorage;
  #exists: boolean;
  #spent: Map<string, number> | undefined;
  #sweptAt = 0;
  /** The number of the row that is being filled, and its ids. */
  #row = 0;
  #filling: SpentId[] = [];
  /** The ids that are not in storage yet, and the write that will store them. */
  #unwritten: SpentId[] = [];
  #writing: Promise<void> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'spent_ids'").toArray().length > 0;
  }

  /** Whether an id was used. */
  has({ id }: SpentId): boolean {
    return this.#loaded().has(id);
  }

  /**
   * Marks ids as used, at once. The promise resolves when the write is durable, and must be awaited before the request is answered.
   * Concurrent requests share one write.
   */
  spend(ids: readonly SpentId[], now: number): Promise<void> {
    const spent = this.#loaded();
    this.#sweep(now);
    for (const { id, expires_at } of ids) spent.set(id, expires_at);
    this.#unwritten.push(...ids);
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    // Lets the requests that have arrived by now add their ids to this write.
    await scheduler.wait(0);
    this.#writing = undefined;
    this.#create();
    this.#filling.push(...this.#unwritten);
    this.#unwritten = [];
    const expiresAt = Math.max(...this.#filling.map(({ expires_at }) => expires_at));
    const row = [this.#row, JSON.stringify(this.#filling), expiresAt];
    this.#sql.exec('INSERT OR REPLACE INTO spent_ids VALUES (?, ?, ?)', ...row);
    if (this.#filling.length < SPENT_IDS_PER_ROW) return;
    this.#filling = [];
    this.#row++;
  }

  /** Deletes the rows whose ids have all expired. */
  purge(now: number): void {
    if (!this.#exists) return;
    this.#sql.exec('DELETE FROM spent_ids WHERE expires_at <= ?', now / 1000 - CLOCK_SKEW);
  }

  /** Returns when `purge()` can next delete something, rounded up to its interval, or undefined. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const first = 'SELECT MIN(expires_at) AS expires_at FROM spent_ids';
    const [next] = this.#sql.exec<{ expires_at: number | null }>(first).toArray();
    if (!next || next.expires_at === null) return undefined;
    return Math.ceil((next.expires_at + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000;
  }

  // Memory is scarcer than storage, so ids leave it as soon as they expire.
  #sweep(now: number): void {
    if (now < this.#sweptAt + REPLAY_SWEEP_INTERVAL * 1000) return;
    this.#sweptAt = now;
    const seconds = now / 1000 - CLOCK_SKEW;
    for (const [id, expiresAt] of this.#spent ?? []) if (expiresAt <= seconds) this.#spent?.delete(id);
  }

  // Read from storage at its first use, because most gates never need it.
  #loaded(): Map<string, number> {
    if (this.#spent) return this.#spent;
    const rows = this.#exists ? this.#sql.exec<SpentIdsRow>('SELECT * FROM spent_ids ORDER BY row').toArray() : [];
    const ids = rows.flatMap((row) => JSON.parse(row.ids) as SpentId[]);
    this.#spent = new Map(ids.map(({ id, expires_at }) => [id, expires_at]));
    this.#row = (rows.at(-1)?.row ?? -1) + 1;
    return this.#spent;
  }

  // Created with the first id, so that the gate of a client that uses none writes nothing.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec('CREATE TABLE spent_ids (row INTEGER PRIMARY KEY, ids TEXT NOT NULL, expires_at INTEGER NOT NULL)');
    this.#exists = true;
  }
}
