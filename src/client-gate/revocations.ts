import { CLOCK_SKEW } from '../constants.ts';
import type { RevocationRow } from '../gates/protocol.ts';
import { PURGE_INTERVAL } from './constants.ts';
import { tableNames } from './tables.ts';

type Expiry = Pick<RevocationRow, 'expires_at'>;

/** A client's revoked tokens, in the gate's SQLite storage. Times are in milliseconds since the epoch, unless stated otherwise. */
export class Revocations {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage, tables = tableNames(sql)) {
    this.#sql = sql;
    this.#exists = tables.has('revocations');
  }

  /**
   * Adds a revoked token.
   * @param expiresAt the token's `exp`, seconds since the epoch; the greatest one counts if a token is revoked several times
   */
  add(jti: string, expiresAt: number): void {
    this.#create();
    const upsert = `INSERT INTO revocations VALUES (?, ?, NULL, 0) ON CONFLICT (jti)
      DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > expires_at`;
    this.#sql.exec(upsert, jti, expiresAt);
  }

  /** Whether a token is revoked. */
  has(jti: string): boolean {
    return this.endOf(jti) !== undefined;
  }

  /** Returns the `exp` of a revoked token in seconds since the epoch, or undefined if it is not revoked. */
  endOf(jti: string): number | undefined {
    if (!this.#exists) return undefined;
    const row = this.#sql.exec<Expiry>('SELECT expires_at FROM revocations WHERE jti = ?', jti);
    return row.toArray()[0]?.expires_at;
  }

  /** Deletes revocations of expired tokens: those are inactive anyway. */
  purge(now: number): void {
    if (this.#exists) this.#sql.exec('DELETE FROM revocations WHERE expires_at <= ?', now / 1000 - CLOCK_SKEW);
  }

  /** Returns when `purge()` can next delete something, or undefined. Rounded up to an interval, so that one purge deletes many rows. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const expiry = 'SELECT expires_at FROM revocations ORDER BY expires_at LIMIT 1';
    const [next] = this.#sql.exec<Expiry>(expiry).toArray();
    return next && Math.ceil((next.expires_at + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000;
  }

  // Created with the first revocation, so that other gates write nothing. The last two columns and their index belong to an older version:
  // its code needs them after a rollback.
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
