import type { ClientRecord } from '../store/client-record.ts';
import type { WrittenBucket } from './token-bucket.ts';

/**
 * A gate's record and bucket in its SQLite storage. Two tables of one row: the bucket is written often, and need not carry the
 * record with it each time. They are made with the first record, so that a gate of an unknown client stores nothing.
 */
export class GateState {
  readonly #sql: SqlStorage;
  readonly #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'record'").toArray().length > 0;
  }

  readRecord(): ClientRecord | undefined {
    if (!this.#exists) return undefined;
    const [row] = this.#sql.exec<{ json: string }>('SELECT json FROM record').toArray();
    return row && (JSON.parse(row.json) as ClientRecord);
  }

  writeRecord(record: ClientRecord): void {
    this.#sql.exec('CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)');
    this.#sql.exec(
      'CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL NOT NULL, at INTEGER NOT NULL)',
    );
    this.#sql.exec('INSERT OR REPLACE INTO record VALUES (1, ?)', JSON.stringify(record));
  }

  readBucket(): WrittenBucket | undefined {
    if (!this.#exists) return undefined;
    return this.#sql.exec<{ level: number; at: number }>('SELECT level, at FROM bucket').toArray()[0];
  }

  writeBucket({ level, at }: WrittenBucket): void {
    this.#sql.exec('INSERT OR REPLACE INTO bucket VALUES (1, ?, ?)', level, at);
  }
}
