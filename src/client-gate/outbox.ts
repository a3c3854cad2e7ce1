import type { OutboxRow, Owed } from '../gates/protocol.ts';
import { OUTBOX_AGAIN, OUTBOX_RETRY_MAX, OUTBOX_RETRY_MIN } from './constants.ts';

/**
 * What a gate owes to the other stores, in its SQLite storage: delivered at least once, however often they fail, as long as somebody can
 * need it. Times are in milliseconds.
 */
export class Outbox {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").toArray().length > 0;
  }

  /** Notes what is owed from now on, in the place of what was owed under the same key. */
  owe({ store, key, value, expires_at }: Owed, now: number): void {
    this.#create();
    // That an attempt failed is not forgotten with what it was of: see `delivered()`.
    const upsert = `INSERT INTO outbox VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (store, key)
      DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`;
    this.#sql.exec(upsert, store, key, value, expires_at, now);
  }

  /** What is to be delivered now. What nobody needs any more is forgotten instead. */
  due(now: number, limit: number): OutboxRow[] {
    if (!this.#exists) return [];
    this.#sql.exec('DELETE FROM outbox WHERE due_at <= ? AND expires_at <= ?', now, now / 1000);
    const due = 'SELECT store, key, value, expires_at, attempts FROM outbox WHERE due_at <= ? ORDER BY due_at LIMIT ?';
    return this.#sql.exec<{ [Name in keyof OutboxRow]: OutboxRow[Name] }>(due, now, limit).toArray();
  }

  /**
   * Notes that it was delivered, unless something else is owed under its key by now. After attempts that failed it is delivered once more
   * some time later: one of them may be under way still, and put what was owed before in its place.
   */
  delivered({ store, key, value, expires_at, attempts }: OutboxRow, now: number): void {
    const isSame = 'store = ? AND key = ? AND value = ? AND expires_at IS ?';
    const row = [store, key, value, expires_at];
    if (attempts === 0) this.#sql.exec(`DELETE FROM outbox WHERE attempts = 0 AND ${isSame}`, ...row);
    else
      this.#sql.exec(`UPDATE outbox SET due_at = ?, attempts = 0 WHERE ${isSame}`, now + OUTBOX_AGAIN * 1000, ...row);
  }

  /** Notes that it was not. Gates that failed together do not come back together. */
  failed({ store, key, attempts }: OutboxRow, now: number): void {
    const wait = Math.min(OUTBOX_RETRY_MAX, OUTBOX_RETRY_MIN * 2 ** attempts) * (500 + Math.random() * 500);
    const again = 'UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE store = ? AND key = ? AND attempts = ?';
    this.#sql.exec(again, Math.ceil(now + wait), store, key, attempts);
  }

  /** When there is next something to deliver, or undefined. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const [next] = this.#sql.exec<{ due_at: number }>('SELECT due_at FROM outbox ORDER BY due_at LIMIT 1').toArray();
    return next?.due_at;
  }

  // Made when something is first owed, so that other gates write nothing for it.
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
