import { CLOCK_SKEW, KV_RETRY_MAX, KV_RETRY_MIN, PURGE_INTERVAL } from '../constants.ts';

export interface OwedCopy {
  readonly jti: string;
  /** The token's `exp`, seconds since the epoch. */
  readonly expires_at: number;
  readonly attempts: number;
}

/** A client's revoked tokens, in its gate's SQLite storage, and which of them KV has yet to be told. Times are in milliseconds. */
export class RevocationBook {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'revocations'").toArray().length > 0;
  }

  /** Notes a revocation whose copy is owed from now on. One that is there already stays as it is, unless the token lasts longer than it was said to. */
  add(jti: string, expiresAt: number, now: number): void {
    this.#create();
    const upsert = `INSERT INTO revocations VALUES (?, ?, ?, 0) ON CONFLICT (jti)
      DO UPDATE SET expires_at = excluded.expires_at, copy_at = excluded.copy_at, attempts = 0
      WHERE excluded.expires_at > expires_at`;
    this.#sql.exec(upsert, jti, expiresAt, now);
  }

  has(jti: string): boolean {
    return this.#exists && this.#sql.exec('SELECT 1 FROM revocations WHERE jti = ?', jti).toArray().length > 0;
  }

  owedCopies(now: number, limit: number): OwedCopy[] {
    if (!this.#exists) return [];
    const due = 'SELECT jti, expires_at, attempts FROM revocations WHERE copy_at <= ? LIMIT ?';
    return this.#sql.exec<{ jti: string; expires_at: number; attempts: number }>(due, now, limit).toArray();
  }

  /** Notes that KV was told, unless it was told of too early an end. */
  copied({ jti, expires_at }: OwedCopy): void {
    this.#sql.exec('UPDATE revocations SET copy_at = NULL WHERE jti = ? AND expires_at = ?', jti, expires_at);
  }

  copyFailed({ jti, attempts }: OwedCopy, now: number): void {
    const wait = Math.min(KV_RETRY_MAX, KV_RETRY_MIN * 2 ** attempts) * 1000;
    this.#sql.exec('UPDATE revocations SET copy_at = ?, attempts = attempts + 1 WHERE jti = ?', now + wait, jti);
  }

  /** Forgets what has expired: an expired token is inactive by itself. */
  purge(now: number): void {
    if (this.#exists) this.#sql.exec('DELETE FROM revocations WHERE expires_at <= ?', now / 1000 - CLOCK_SKEW);
  }

  /** When there is next something to do, or undefined. What has expired is left to lie until much of it can go at once. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const copy = 'SELECT copy_at AS at FROM revocations WHERE copy_at IS NOT NULL ORDER BY copy_at LIMIT 1';
    const expiry = 'SELECT expires_at AS at FROM revocations ORDER BY expires_at LIMIT 1';
    const [copyAt, expiresAt] = [copy, expiry].map((sql) => this.#sql.exec<{ at: number }>(sql).toArray()[0]?.at);
    const purges =
      expiresAt === undefined ? [] : [Math.ceil((expiresAt + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000];
    const deadline = Math.min(...purges, ...(copyAt === undefined ? [] : [copyAt]));
    return Number.isFinite(deadline) ? deadline : undefined;
  }

  // Made with the first revocation, so that a gate nobody revokes at writes nothing for it.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec(`CREATE TABLE revocations (
      jti TEXT PRIMARY KEY,
      expires_at INTEGER NOT NULL,
      copy_at INTEGER,
      attempts INTEGER NOT NULL
    ) WITHOUT ROWID`);
    this.#sql.exec('CREATE INDEX revocations_copy_at ON revocations (copy_at) WHERE copy_at IS NOT NULL');
    this.#sql.exec('CREATE INDEX revocations_expires_at ON revocations (expires_at)');
    this.#exists = true;
  }
}
