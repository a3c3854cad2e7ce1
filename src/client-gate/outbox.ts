import { FEED_RETRY_MAX } from '../constants.ts';
import type { DeliveryProgress, FeedOutboxRow, OutboxRow, Owed, OwedRevocation } from '../gates/protocol.ts';
import { OUTBOX_AGAIN, OUTBOX_RETRY_MAX, OUTBOX_RETRY_MIN } from './constants.ts';
import { tableNames } from './tables.ts';

/**
 * What the gate owes to other stores, in a table of its SQLite storage. Each row is delivered at least once, however often a store fails,
 * until it expires. Times are in milliseconds since the epoch.
 */
class DurableOutbox<
  Owes extends Owed | OwedRevocation,
  Row extends Owes & DeliveryProgress & Record<string, SqlStorageValue>,
> {
  readonly #sql: SqlStorage;
  readonly #table: string;
  readonly #retryMax: number;
  #exists: boolean;

  /** @param retryMax the longest wait after a failed attempt, seconds */
  constructor(sql: SqlStorage, table: string, retryMax: number, tables: ReadonlySet<string>) {
    this.#sql = sql;
    this.#table = table;
    this.#retryMax = retryMax;
    this.#exists = tables.has(table);
  }

  /** Adds a row that is due at once. It replaces an older row with the same store and key. */
  owe({ store, key, value, expires_at }: Owes, now: number): void {
    this.#create();
    // The number of failed attempts survives the replacement: see `delivered()`.
    const upsert = `INSERT INTO ${this.#table} VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (store, key)
      DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, due_at = excluded.due_at`;
    this.#sql.exec(upsert, store, key, value, expires_at, now);
  }

  /** Returns the rows that are due, the longest overdue first, and deletes those that have expired. */
  due(now: number, limit: number): Row[] {
    if (!this.#exists) return [];
    this.#sql.exec(`DELETE FROM ${this.#table} WHERE due_at <= ? AND expires_at <= ?`, now, now / 1000);
    const due = `SELECT * FROM ${this.#table} WHERE due_at <= ? ORDER BY due_at LIMIT ?`;
    return this.#sql.exec<Row>(due, now, limit).toArray();
  }

  /**
   * Deletes a row that was delivered, unless it was replaced meanwhile. A row with failed attempts is kept and delivered once more after
   * `OUTBOX_AGAIN`: one of those attempts may still be under way, and could overwrite this delivery with an older value.
   */
  delivered({ store, key, value, expires_at, attempts }: Row, now: number): void {
    const isSame = 'store = ? AND key = ? AND value = ? AND expires_at IS ?';
    const row = [store, key, value, expires_at];
    const table = this.#table;
    if (attempts === 0) this.#sql.exec(`DELETE FROM ${table} WHERE attempts = 0 AND ${isSame}`, ...row);
    else
      this.#sql.exec(`UPDATE ${table} SET due_at = ?, attempts = 0 WHERE ${isSame}`, now + OUTBOX_AGAIN * 1000, ...row);
  }

  /** Postpones a row after a failed attempt. The wait is random, so that gates which failed together do not return together. */
  failed({ store, key, attempts }: Row, now: number): void {
    const wait = Math.min(this.#retryMax, OUTBOX_RETRY_MIN * 2 ** attempts) * (500 + Math.random() * 500);
    // Two alarms may fail at the same attempt; the row is postponed once.
    const postpone = `UPDATE ${this.#table} SET due_at = ?, attempts = attempts + 1 WHERE store = ? AND key = ? AND attempts = ?`;
    this.#sql.exec(postpone, Math.ceil(now + wait), store, key, attempts);
  }

  /** Deletes a row that can never be delivered. */
  drop({ store, key }: Row): void {
    this.#sql.exec(`DELETE FROM ${this.#table} WHERE store = ? AND key = ?`, store, key);
  }

  /** Returns when the next row is due, or undefined if there is none. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const [next] = this.#sql
      .exec<Pick<DeliveryProgress, 'due_at'>>(`SELECT due_at FROM ${this.#table} ORDER BY due_at LIMIT 1`)
      .toArray();
    return next?.due_at;
  }

  // Created with the first row, so that a gate that owes nothing writes nothing.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec(`CREATE TABLE ${this.#table} (
      store TEXT NOT NULL,
      key TEXT NOT NULL,
      value TEXT NOT NULL,
      expires_at INTEGER,
      due_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      PRIMARY KEY (store, key)
    ) WITHOUT ROWID`);
    this.#sql.exec(`CREATE INDEX ${this.#table}_due_at ON ${this.#table} (due_at)`);
    this.#exists = true;
  }
}

/** What the gate owes to KV, and the audit events that it owes to D1. */
export class Outbox extends DurableOutbox<Owed, OutboxRow> {
  constructor(sql: SqlStorage, tables = tableNames(sql)) {
    super(sql, 'outbox', OUTBOX_RETRY_MAX, tables);
  }
}

/** The revocations that the gate owes to the revocation feed in D1. */
export class FeedOutbox extends DurableOutbox<OwedRevocation, FeedOutboxRow> {
  constructor(sql: SqlStorage, tables = tableNames(sql)) {
    super(sql, 'feed_outbox', FEED_RETRY_MAX, tables);
  }
}
