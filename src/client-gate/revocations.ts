import { CLOCK_SKEW } from '../constants.ts';
import { PURGE_INTERVAL } from './constants.ts';

/** A client's revoked tokens, in its gate's SQLite storage. Times are in milliseconds. */
export class Revocations {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'revocations'").toArray().length > 0;
  }

  /**
   * Notes a revocation.
   * @param expiresAt the token's `exp`, seconds since the epoch; of several that were said the last one counts
   */
  add(jti: string, expiresAt: number): void {
    this.#create();
    const upsert = `INSERT INTO revocations VALUES (?, ?, NULL, 0) ON CONFLICT (jti)
      DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > expires_at`;
    this.#sql.exec(upsert, jti, expiresAt);
  }

  has(jti: string): boolean {
    return this.endOf(jti) !== undefined;
  }

  /** The `exp` of a revoked token, or undefined. */
  endOf(jti: string): number | undefined {
    if (!this.#exists) return undefined;
    const found = this.#sql.exec<{ expires_at: number }>('SELECT expires_at FROM revocations WHERE jti = ?', jti);
    return found.toArray()[0]?.expires_at;
  }

  /** Forgets what has expired: an expired token is inactive by itself. */
  purge(now: number): void {
    if (this.#exists) this.#sql.exec('DELETE FROM revocations WHERE expires_at <= ?', now / 1000 - CLOCK_SKEW);
  }

  /** When something can next be forgotten, or undefined. What has expired is left to lie until much of it can go at once. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const expiry = 'SELECT expires_at FROM revocations ORDER BY expires_at LIMIT 1';
    const [next] = this.#sql.exec<{ expires_at: number }>(expiry).toArray();
    return next && Math.ceil((next.expires_at + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000;
  }

  // Made with the first revocation, so that a gate nobody revokes at writes nothing for it. The last two columns, and their index, are
  // an earlier version's, to which one may go back.
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
