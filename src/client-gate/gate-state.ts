import { ACCESS_TOKEN_TTL_MAX, CLOCK_SKEW } from '../constants.ts';
import type { ClientRecord, CutOffRow, ExpiryRow, RecordRow } from '../gates/protocol.ts';
import { hasExpired } from './client-status.ts';
import { tableNames } from './tables.ts';

/**
 * What a gate knows about its client: the record, or a tombstone if the client was deleted, and the cut-off. Held in memory and in SQLite
 * storage. Storage stays empty until there is something to store, so that the gate of an unknown client stores nothing.
 *
 * Versions only rise: a load that D1 delayed, or a repeated push, is ignored if the gate holds a newer version.
 */
export class GateState {
  readonly #storage: DurableObjectStorage;
  #record: ClientRecord | undefined;
  #tombstone: number | undefined;
  #cutOff: number | undefined;
  #expiry: ExpiryRow | undefined;

  constructor(storage: DurableObjectStorage, existing = tableNames(storage.sql)) {
    this.#storage = storage;
    const { sql } = storage;
    if (existing.has('expiry')) {
      this.#expiry = sql.exec<ExpiryRow>('SELECT version, outlived_until FROM expiry').toArray()[0];
    }
    if (existing.has('cut_off')) {
      const [row] = sql.exec<CutOffRow>('SELECT at, tombstone FROM cut_off').toArray();
      this.#cutOff = row?.at;
      this.#tombstone = row?.tombstone ?? undefined;
    }
    if (existing.has('record')) {
      const [row] = sql.exec<RecordRow>('SELECT json FROM record').toArray();
      const record = row && (JSON.parse(row.json) as ClientRecord);
      // Code of an older version does not know tombstones, and may have stored a record beside one.
      if (record && record.version > (this.#tombstone ?? -1)) this.#record = record;
    }
  }

  /** The client's record, or undefined if the gate knows of no such client. */
  get record(): ClientRecord | undefined {
    return this.#record;
  }

  /** The version of the record, or of the client's deletion; 0 if the gate knows of no such client. */
  get version(): number {
    return this.#record?.version ?? this.#tombstone ?? 0;
  }

  /** The last cut-off: tokens issued up to the end of this second are revoked. Seconds since the epoch, or undefined. */
  get cutOff(): number | undefined {
    return this.#cutOff;
  }

  /** Returns the milliseconds from `now` until a token can be issued that the cut-off does not revoke. */
  untilPastCutOff(now: number): number {
    return this.#cutOff === undefined ? 0 : Math.max(0, (this.#cutOff + 1) * 1000 - now);
  }

  /**
   * Stores the record of a version if it is newer than the stored one. A deletion, a changed revocation epoch, or the return of a client
   * that had expired, also sets the cut-off to now, in the same transaction; the record's own cut-off sets it to that.
   * @param record null if the client was deleted
   * @param now milliseconds since the epoch
   * @returns whether the version was newer
   */
  apply(version: number, record: ClientRecord | null, now: number): boolean {
    if (version <= (this.#record?.version ?? this.#tombstone ?? -1)) return false;
    const isCutOff =
      record === null ||
      (this.#record !== undefined &&
        (epoch(record) !== epoch(this.#record) || (hasExpired(this.#record, now) && !hasExpired(record, now))));
    const cutOff = latest(this.#cutOff, isCutOff ? Math.floor(now / 1000) : undefined, record?.cut_off);
    const tombstone = record ? undefined : version;
    const expiry = this.#expiryOf(version, record, now);

    this.#storage.transactionSync(() => {
      this.#writeRecord(record);
      if (expiry) this.#writeExpiry(expiry);
      if (cutOff !== this.#cutOff || tombstone !== this.#tombstone) this.#writeCutOff(cutOff ?? 0, tombstone);
    });
    this.#record = record ?? undefined;
    this.#cutOff = cutOff;
    this.#tombstone = tombstone;
    if (expiry) this.#expiry = expiry;
    return true;
  }

  /**
   * Whether all tokens must be revoked because of the client's end, in two cases: it has come, so that the client stays expired if the
   * clock is set back, and its tokens stay inactive if it is brought back; or code of an older version stored the record, and told other
   * stores that the client is disabled.
   * @param now the clock that never goes back, milliseconds since the epoch
   */
  isExpiryDue(now: number): boolean {
    return this.#record !== undefined && (this.#hasEnded(this.#record, now) || this.#isMistold(this.#record));
  }

  #hasEnded(record: ClientRecord, now: number): boolean {
    return hasExpired(record, now) && (this.#cutOff ?? 0) < (record.expires_at ?? 0);
  }

  #isMistold({ expires_at, version }: ClientRecord): boolean {
    return expires_at !== undefined && this.#expiry?.version !== version;
  }

  /** Revokes all tokens if `isExpiryDue`. Then other stores must be told the client's status. @param now as there */
  settleExpiry(now: number): void {
    if (!this.#record || !this.isExpiryDue(now)) return;
    const { expires_at = 0, version } = this.#record;
    const ended = this.#hasEnded(this.#record, now) ? expires_at : 0;
    // The feed takes a state of the same version only if its cut-off is later.
    const untold = this.#isMistold(this.#record) ? Math.max((this.#cutOff ?? 0) + 1, Math.floor(now / 1000)) : 0;
    const cutOff = Math.max(ended, untold);
    const expiry = { version, outlived_until: untold > 0 ? afterLongestToken(now) : this.#outlivedUntil };
    this.#storage.transactionSync(() => {
      this.#writeCutOff(cutOff, this.#tombstone);
      this.#writeExpiry(expiry);
    });
    this.#cutOff = cutOff;
    this.#expiry = expiry;
  }

  /** The client's end in seconds since the epoch, if tokens may exist that live longer and no cut-off has ended them. */
  get outlivedEnd(): number | undefined {
    const { expires_at = 0 } = this.#record ?? {};
    return (this.#cutOff ?? 0) < expires_at && expires_at < this.#outlivedUntil ? expires_at : undefined;
  }

  get #outlivedUntil(): number {
    return this.#expiry?.outlived_until ?? 0;
  }

  /** Returns what to store about the end of a record. Tokens outlive the client only if the end was set, or moved to an earlier time. */
  #expiryOf(version: number, record: ClientRecord | null, now: number): ExpiryRow | undefined {
    if (record?.expires_at === undefined) return undefined;
    const isEarlier =
      this.#record !== undefined && record.expires_at < (this.#record.expires_at ?? Number.POSITIVE_INFINITY);
    return { version, outlived_until: isEarlier ? afterLongestToken(now) : this.#outlivedUntil };
  }

  /** Revokes every token issued up to the end of the current second. @param now milliseconds since the epoch */
  cutOffAt(now: number): void {
    const cutOff = Math.max(this.#cutOff ?? 0, Math.floor(now / 1000));
    this.#writeCutOff(cutOff, this.#tombstone);
    this.#cutOff = cutOff;
  }

  #writeRecord(record: ClientRecord | null): void {
    const { sql } = this.#storage;
    sql.exec('CREATE TABLE IF NOT EXISTS record (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)');
    // Code of an older version reads this table, and expects it beside the record.
    sql.exec(
      'CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL NOT NULL, at INTEGER NOT NULL)',
    );
    if (record) sql.exec('INSERT OR REPLACE INTO record VALUES (1, ?)', JSON.stringify(record));
    else sql.exec('DELETE FROM record');
  }

  #writeExpiry({ version, outlived_until }: ExpiryRow): void {
    const { sql } = this.#storage;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS expiry (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, outlived_until INTEGER NOT NULL)',
    );
    sql.exec('INSERT OR REPLACE INTO expiry VALUES (1, ?, ?)', version, outlived_until);
  }

  #writeCutOff(at: number, tombstone: number | undefined): void {
    const { sql } = this.#storage;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS cut_off (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, tombstone INTEGER)',
    );
    sql.exec('INSERT OR REPLACE INTO cut_off VALUES (1, ?, ?)', at, tombstone ?? null);
  }
}

/** Returns when every token that was issued until now has expired, seconds since the epoch. */
function afterLongestToken(now: number): number {
  return Math.ceil(now / 1000) + ACCESS_TOKEN_TTL_MAX + CLOCK_SKEW;
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

function epoch(record: ClientRecord): number {
  return record.revocation_epoch ?? 0;
}
