import type { OutboxRow, Owed } from '../gates/protocol.ts';
import { OUTBOX_AGAIN, OUTBOX_RETRY_MAX, OUTBOX_RETRY_MIN } from './constants.ts';

/**
 * The gate's outbox: what it owes to KV and D1, in its SQLite storage. Each row is delivered at least once, however often a store fails,
 * until it expires. Times are in milliseconds since the epoch.
 */
export class Outbox {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").toArray().length > 0;
  }

  /** Adds a row that is due at once. It replaces an older row with the same store and key. */
  owe({ store, key, value, expires_at }: Owed, now: number): void {
    this.#create();
    // The number of failed attempts survives the replacement: see `delivered()`.
    const upsert = `INSERT INTO outbox VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (store, key)
      DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`;
    this.#sql.exec(upsert, store, key, value, expires_at, now);
  }

  /** Returns the rows that are due, the longest overdue first, and deletes those that have expired. */
  due(now: number, limit: number): OutboxRow[] {
    if (!this.#exists) return [];
    this.#sql.exec('DELETE FROM outbox WHERE due_at <= ? AND expires_at <= ?', now, now / 1000);
    const due = 'SELECT * FROM outbox WHERE due_at <= ? ORDER BY due_at LIMIT ?';
    return this.#sql.exec<OutboxRow>(due, now, limit).toArray();
  }

  /**
   * Deletes a row that was delivered, unless it was replaced meanwhile. A row with failed attempts is kept and delivered once more after
   * `OUTBOX_AGAIN`: one of those attempts may still be under way, and could overwrite this delivery with an older value.
   */
  delivered({ store, key, value, expires_at, attempts }: OutboxRow, now: number): void {
    const isSame = 'store = ? AND key = ? AND value = ? AND expires_at IS ?';
    const row = [store, key, value, expires_at];
    if (attempts === 0) this.#sql.exec(`DELETE FROM outbox WHERE attempts = 0 AND ${isSame}`, ...row);
    else
      this.#sql.exec(`UPDATE outbox SET due_at = ?, attempts = 0 WHERE ${isSame}`, now + OUTBOX_AGAIN * 1000, ...row);
  }

  /** Postpones a row after a failed attempt. The wait is random, so that gates which failed together do not return together. */
  failed({ store, key, attempts }: OutboxRow, now: number): void {
    const wait = Math.min(OUTBOX_RETRY_MAX, OUTBOX_RETRY_MIN * 2 ** attempts) * (500 + Math.random() * 500);
    // Two alarms may fail at the same attempt; the row is postponed once.
    const postpone =
      'UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE store = ? AND key = ? AND attempts = ?';
    this.#sql.exec(postpone, Math.ceil(now + wait), store, key, attempts);
  }

  /** Deletes a row that can never be delivered. */
  drop({ store, key }: OutboxRow): void {
    this.#sql.exec('DELETE FROM outbox WHERE store = ? AND key = ?', store, key);
  }

  /** Returns when the next row is due, or undefined if there is none. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const [next] = this.#sql
      .exec<Pick<OutboxRow, 'due_at'>>('SELECT due_at FROM outbox ORDER BY due_at LIMIT 1')
      .toArray();
    return next?.due_at;
  }

  // Created with the first row, so that a gate that owes nothing writes nothing.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec(`CREATE TABLE outbox (
      store TEXT NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      expires_at INTEGER,
      due_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      PRIMARY KEY (store, key)
    ) WITHOUT ROWID`);
    this.#sql.exec('CREATE INDEX outbox_due_at ON outbox (due_at)');
    this.#exists = true;
  }
}
