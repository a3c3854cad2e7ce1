import { CLOCK_SKEW } from '../constants.ts';
import type { SpentId } from '../gates/protocol.ts';
import { PURGE_INTERVAL, REPLAY_SWEEP_INTERVAL, SPENT_IDS_PER_ROW } from './constants.ts';

/**
 * The assertions and proofs that a client has used, in its gate's SQLite storage, so that an eviction forgets none. Many are in one row,
 * so that a request writes one, or shares one with others, and forgetting them writes few. Times are in milliseconds.
 */
export class ReplayMemory {
  readonly #sql: SqlStorage;
  #exists: boolean;
  #spent: Map<string, number> | undefined;
  #sweptAt = 0;
  /** The row that is being filled. */
  #row = 0;
  #filling: SpentId[] = [];
  /** What is not in storage yet, and the write that it waits for. */
  #unwritten: SpentId[] = [];
  #writing: Promise<void> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'spent_ids'").toArray().length > 0;
  }

  has({ id }: SpentId): boolean {
    return this.#recalled().has(id);
  }

  /**
   * Notes that they were used: from now on they are. What this gives must be waited for before anybody is answered: then it is in storage,
   * by one write for all that come together.
   */
  spend(ids: readonly SpentId[], now: number): Promise<void> {
    const spent = this.#recalled();
    this.#sweep(now);
    for (const one of ids) spent.set(one.id, one.expires_at);
    this.#unwritten.push(...ids);
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
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

  /** Forgets those that have expired. */
  purge(now: number): void {
    if (!this.#exists) return;
    this.#sql.exec('DELETE FROM spent_ids WHERE expires_at <= ?', now / 1000 - CLOCK_SKEW);
  }

  /** When something can next be forgotten, or undefined. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const first = 'SELECT MIN(expires_at) AS expires_at FROM spent_ids';
    const [next] = this.#sql.exec<{ expires_at: number | null }>(first).toArray();
    if (!next || next.expires_at === null) return undefined;
    return Math.ceil((next.expires_at + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000;
  }

  // Memory is dearer than storage: it is rid of them sooner.
  #sweep(now: number): void {
    if (now < this.#sweptAt + REPLAY_SWEEP_INTERVAL * 1000) return;
    this.#sweptAt = now;
    const seconds = now / 1000 - CLOCK_SKEW;
    for (const [id, expiresAt] of this.#spent ?? []) if (expiresAt <= seconds) this.#spent?.delete(id);
  }

  // Read when it is first needed: most gates never need it.
  #recalled(): Map<string, number> {
    if (this.#spent) return this.#spent;
    const rows = this.#exists
      ? this.#sql.exec<{ row: number; ids: string }>('SELECT row, ids FROM spent_ids ORDER BY row').toArray()
      : [];
    const ids = rows.flatMap((row) => JSON.parse(row.ids) as SpentId[]);
    this.#spent = new Map(ids.map(({ id, expires_at }) => [id, expires_at]));
    this.#row = (rows.at(-1)?.row ?? -1) + 1;
    return this.#spent;
  }

  // Made with the first use, so that a gate whose client needs none writes nothing for it.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec('CREATE TABLE spent_ids (row INTEGER PRIMARY KEY, ids TEXT NOT NULL, expires_at INTEGER NOT NULL)');
    this.#exists = true;
  }
}
