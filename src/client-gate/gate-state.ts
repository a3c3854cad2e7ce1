import type { ClientRecord } from '../gates/protocol.ts';

/**
 * What a gate holds of its client: the record, or that the client was deleted, and the cut-off. In memory and in its SQLite storage,
 * which stays empty until there is something to hold, so that a gate of an unknown client stores nothing.
 *
 * Versions only ever rise: whatever comes late, a load that D1 held back or a push that is repeated, is left where it is.
 */
export class GateState {
  readonly #storage: DurableObjectStorage;
  #record: ClientRecord | undefined;
  #tombstone: number | undefined;
  #cutOff: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    const { sql } = storage;
    const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE name IN ('record', 'cut_off')");
    const existing = new Set([...tables].map(({ name }) => name));
    if (existing.has('cut_off')) {
      const [row] = sql.exec<{ at: number; tombstone: number | null }>('SELECT at, tombstone FROM cut_off').toArray();
      this.#cutOff = row?.at;
      this.#tombstone = row?.tombstone ?? undefined;
    }
    if (existing.has('record')) {
      const [row] = sql.exec<{ json: string }>('SELECT json FROM record').toArray();
      const record = row && (JSON.parse(row.json) as ClientRecord);
      // Code of an older version knows no tombstone, and may have stored a record beside it.
      if (record && record.version > (this.#tombstone ?? -1)) this.#record = record;
    }
  }

  /** The client's record, or undefined where there is no such client as far as the gate knows. */
  get record(): ClientRecord | undefined {
    return this.#record;
  }

  /** The second since the epoch at whose end all tokens issued so far were last revoked, or undefined. */
  get cutOff(): number | undefined {
    return this.#cutOff;
  }

  /** Milliseconds from `now` until a token can be issued that no cut-off has revoked. */
  untilPastCutOff(now: number): number {
    return this.#cutOff === undefined ? 0 : Math.max(0, (this.#cutOff + 1) * 1000 - now);
  }

  /**
   * Takes what was so at a version, if that is newer than what is held. The client's deletion, or another revocation epoch, revokes
   * every token issued so far: the cut-off is stored together with it.
   * @param record null where the client was deleted
   * @param now milliseconds since the epoch
   * @returns whether it was newer
   */
  take(version: number, record: ClientRecord | null, now: number): boolean {
    if (version <= (this.#record?.version ?? this.#tombstone ?? -1)) return false;
    const isCutOff = record === null || (this.#record !== undefined && epoch(record) !== epoch(this.#record));
    const cutOff = isCutOff ? Math.max(this.#cutOff ?? 0, Math.floor(now / 1000)) : this.#cutOff;
    const tombstone = record ? undefined : version;

    this.#storage.transactionSync(() => {
      this.#writeRecord(record);
      if (cutOff !== this.#cutOff || tombstone !== this.#tombstone) this.#writeCutOff(cutOff ?? 0, tombstone);
    });
    this.#record = record ?? undefined;
    this.#cutOff = cutOff;
    this.#tombstone = tombstone;
    return true;
  }

  /** Revokes every token issued so far, by a time in milliseconds since the epoch. */
  cutOffAt(now: number): void {
    const cutOff = Math.max(this.#cutOff ?? 0, Math.floor(now / 1000));
    this.#writeCutOff(cutOff, this.#tombstone);
    this.#cutOff = cutOff;
  }

  #writeRecord(record: ClientRecord | null): void {
    const { sql } = this.#storage;
    sql.exec('CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)');
    // Read by code of an older version, which expects it beside the record.
    sql.exec(
      'CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL NOT NULL, at INTEGER NOT NULL)',
    );
    if (record) sql.exec('INSERT OR REPLACE INTO record VALUES (1, ?)', JSON.stringify(record));
    else sql.exec('DELETE FROM record');
  }

  #writeCutOff(at: number, tombstone: number | undefined): void {
    const { sql } = this.#storage;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS cut_off (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, tombstone INTEGER)',
    );
    sql.exec('INSERT OR REPLACE INTO cut_off VALUES (1, ?, ?)', at, tombstone ?? null);
  }
}

function epoch(record: ClientRecord): number {
  return record.revocation_epoch ?? 0;
}
