import { LAST_USED_PRECISION } from '../constants.ts';
import type { RateLimit, StoredActivity, UsageCount, UsageOutcome, WrittenBucket } from '../gates/protocol.ts';
import {
  ACTIVITY_PERSIST_MAX,
  ACTIVITY_PERSIST_MIN,
  USAGE_FLUSH_DOUBLINGS_MAX,
  USAGE_FLUSH_MAX,
  USAGE_FLUSH_MIN,
} from './constants.ts';
import { fullBucket, recoveredBucket, type Taken, type TokenBucket, take } from './token-bucket.ts';
import { UsageCounts } from './usage-counts.ts';

/**
 * What changes with a client's requests: the token bucket, when each secret was last used, and how requests ended. It is one row in the
 * gate's SQLite storage, so that what must be written for the bucket carries the rest with it. Times are in milliseconds.
 *
 * An eviction loses what is in memory alone: of the counts those of the last `ACTIVITY_PERSIST_MAX` seconds at most, fewer where a
 * reservation of the bucket was written since; of a secret's last use up to `LAST_USED_PRECISION`. Counts are absolute from here to D1,
 * so nothing is ever counted twice. A count that D1 has not taken after `USAGE_HOURS_KEPT` is lost as well.
 */
export class Meter {
  readonly #sql: SqlStorage;
  #exists: boolean;
  // As it was written: the level without the reservation.
  #written: WrittenBucket | undefined;
  #bucket: TokenBucket | undefined;
  #lastUsed: Map<string, number>;
  #writtenUses: ReadonlyMap<string, number>;
  #usage: UsageCounts;
  // When what is in memory alone must be written, and when D1 must be told.
  #persistAt: number | undefined;
  #flushAt: number | undefined;
  #failedFlushes: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE name IN ('meter', 'bucket')");
    const existing = new Set([...tables].map(({ name }) => name));
    this.#exists = existing.has('meter');
    const row = this.#exists ? readMeter(sql) : undefined;
    this.#written = latest(row?.bucket, existing.has('bucket') ? readBucket(sql) : undefined);
    this.#lastUsed = new Map(Object.entries(row?.activity.last_used ?? {}));
    this.#writtenUses = new Map(this.#lastUsed);
    this.#usage = new UsageCounts(row?.activity.usage);
    this.#flushAt = row?.activity.flush_at ?? undefined;
    this.#failedFlushes = row?.activity.failed_flushes ?? 0;
  }

  /** The last moment that the bucket knows of, 0 where there is none: no token was issued after it. */
  get at(): number {
    return this.#bucket?.at ?? this.#written?.at ?? 0;
  }

  /** What a request would take of the client's allowance. It is taken by `settle()`. */
  take(limit: RateLimit, now: number): Taken {
    this.#bucket ??= this.#written ? recoveredBucket(this.#written, limit, now) : fullBucket(limit, now);
    return take(this.#bucket, limit, now);
  }

  /** Notes how a token request ended and what it took, in storage as far as the bucket asks for it. */
  settle(outcome: UsageOutcome, now: number, taken?: Taken): void {
    this.#usage.add(outcome, now);
    this.#flushAt ??= now + this.#flushInterval();
    if (taken?.write) this.#write(now, taken.write);
    else this.#persistAt ??= now + randomMs(ACTIVITY_PERSIST_MIN, ACTIVITY_PERSIST_MAX);
    if (taken) this.#bucket = taken.bucket;
  }

  /** Notes the use of a secret, if it has an id. It is in storage when that is next written. */
  used(secretId: string | undefined, now: number): void {
    if (secretId !== undefined) this.#lastUsed.set(secretId, now);
  }

  /** Writes the last uses if storage is too far behind: for requests that write nothing else. */
  writeUses(now: number): void {
    const precision = LAST_USED_PRECISION * 1000;
    const isStale = [...this.#lastUsed].some(([id, at]) => at - (this.#writtenUses.get(id) ?? 0) >= precision);
    if (isStale) this.#write(now);
  }

  /** Forgets the use of all secrets but these. */
  keepSecrets(ids: ReadonlySet<string | undefined>): void {
    for (const id of this.#lastUsed.keys()) if (!ids.has(id)) this.#lastUsed.delete(id);
  }

  /** Forgets all, the client being no more. */
  forget(): void {
    if (this.#exists) this.#sql.exec('DELETE FROM meter');
    this.#sql.exec('DELETE FROM bucket');
    this.#written = undefined;
    this.#bucket = undefined;
    this.#lastUsed = new Map();
    this.#writtenUses = new Map();
    this.#usage = new UsageCounts();
    this.#persistAt = undefined;
    this.#flushAt = undefined;
    this.#failedFlushes = 0;
  }

  /** When each secret was last used, and the counts that D1 does not have whole. */
  activity(): { lastUsed: ReadonlyMap<string, number>; usage: UsageCount[] } {
    return { lastUsed: this.#lastUsed, usage: this.#usage.owed() };
  }

  /** When there is next something to write, here or to D1. */
  nextDeadline(): number | undefined {
    const deadlines = [this.#persistAt, this.#flushAt].filter((at) => at !== undefined);
    return deadlines.length > 0 ? Math.min(...deadlines) : undefined;
  }

  /** Writes what is due, and says what D1 is to be told now. If that is anything, `flushed()` or `flushFailed()` must follow. */
  dueCounts(now: number): UsageCount[] {
    const isFlushDue = this.#flushAt !== undefined && this.#flushAt <= now;
    // D1 must never know more than storage, or counts that an eviction lost would not be made up for.
    if (this.#persistAt !== undefined && (isFlushDue || this.#persistAt <= now)) this.#write(now);
    if (!isFlushDue) return [];
    this.#usage.forget(now);
    const owed = this.#usage.owed();
    if (owed.length === 0) this.flushed([], now);
    return owed;
  }

  flushed(counts: readonly UsageCount[], now: number): void {
    this.#usage.flushed(counts);
    this.#failedFlushes = 0;
    this.#flushAt = this.#usage.owed().length > 0 ? now + this.#flushInterval() : undefined;
    this.#write(now);
  }

  flushFailed(now: number): void {
    this.#failedFlushes++;
    this.#flushAt = now + this.#flushInterval();
    this.#write(now);
  }

  #flushInterval(): number {
    return randomMs(USAGE_FLUSH_MIN, USAGE_FLUSH_MAX) * 2 ** Math.min(this.#failedFlushes, USAGE_FLUSH_DOUBLINGS_MAX);
  }

  // Made when it is first written, so that the gate of a client that never asks writes nothing for it.
  #write(now: number, bucket = this.#written): void {
    this.#usage.forget(now);
    const activity: StoredActivity = {
      last_used: Object.fromEntries(this.#lastUsed),
      usage: this.#usage.all(),
      flush_at: this.#flushAt ?? null,
      failed_flushes: this.#failedFlushes,
    };
    if (!this.#exists) {
      this.#sql.exec(
        'CREATE TABLE meter (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL, at INTEGER, activity TEXT NOT NULL)',
      );
      this.#exists = true;
    }
    const { level = null, at = null } = bucket ?? {};
    this.#sql.exec('INSERT OR REPLACE INTO meter VALUES (1, ?, ?, ?)', level, at, JSON.stringify(activity));
    this.#written = bucket;
    this.#writtenUses = new Map(this.#lastUsed);
    this.#persistAt = undefined;
  }
}

function readMeter(sql: SqlStorage): { bucket: WrittenBucket | undefined; activity: StoredActivity } | undefined {
  const [row] = sql
    .exec<{ level: number | null; at: number | null; activity: string }>('SELECT level, at, activity FROM meter')
    .toArray();
  if (!row) return undefined;
  const { level, at, activity } = row;
  const bucket = level === null || at === null ? undefined : { level, at };
  return { bucket, activity: JSON.parse(activity) as StoredActivity };
}

/** What code of an older version wrote, before there was a meter or after a return to that version. */
function readBucket(sql: SqlStorage): WrittenBucket | undefined {
  return sql.exec<{ level: number; at: number }>('SELECT level, at FROM bucket').toArray()[0];
}

function latest(one: WrittenBucket | undefined, other: WrittenBucket | undefined): WrittenBucket | undefined {
  return one && other ? (other.at > one.at ? other : one) : (one ?? other);
}

/** A span in milliseconds, drawn by chance between two in seconds. */
function randomMs(min: number, max: number): number {
  return Math.round((min + Math.random() * (max - min)) * 1000);
}
