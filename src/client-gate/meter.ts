import { LAST_USED_PRECISION } from '../constants.ts';
import type {
  IssuedTokens,
  MeterRow,
  Quota,
  QuotaNotice,
  RateLimit,
  RateStatus,
  ResourceCount,
  StoredActivity,
  UsageCount,
  UsageOutcome,
  WrittenBucket,
} from '../gates/protocol.ts';
import {
  ACTIVITY_PERSIST_MAX,
  ACTIVITY_PERSIST_MIN,
  FLUSH_RETRY_DOUBLINGS_MAX,
  FLUSH_RETRY_MAX,
  FLUSH_RETRY_MIN,
  USAGE_FLUSH_MAX,
  USAGE_FLUSH_MIN,
  USAGE_HOURS_KEPT,
  USE_FLUSH_MAX,
  USE_FLUSH_MIN,
} from './constants.ts';
import { IssuedCounts } from './issued-counts.ts';
import { Pace } from './pace.ts';
import { QuotaNotices } from './quota-notices.ts';
import { ResourceCounts } from './resource-counts.ts';
import { ScopeNotes } from './scope-notes.ts';
import { tableNames } from './tables.ts';
import { fullBucket, recoveredBucket, renewed, statusOf, type Taken, type TokenBucket, take } from './token-bucket.ts';
import { UsageCounts } from './usage-counts.ts';

/** What a flush writes to D1. */
export interface Flush {
  readonly counts: readonly UsageCount[];
  readonly resources: readonly ResourceCount[];
  /** When the client last authenticated, to `LAST_USED_PRECISION`, if D1 does not know it. */
  readonly usedAt: number | undefined;
  /** Thresholds of the quota that were reached, for webhooks. */
  readonly notices: readonly QuotaNotice[];
}

/**
 * The state that changes with each request: the token bucket, the last use of the client, of each credential and of each scope, and the
 * usage counts. One row of the gate's SQLite storage holds all of it, so that each write for the bucket saves the rest as well. Times are
 * in milliseconds since the epoch.
 *
 * Each request of a quiet client writes that row, so that it needs no alarm. A busy client writes it when a reservation of the bucket is
 * spent, and an alarm writes what came after the last one. A row is the least that an exact count can cost, since an alarm is billed as one
 * as well.
 *
 * An eviction loses what is only in memory: of a busy client the counts of the last `ACTIVITY_PERSIST_MAX` seconds at most, or since the
 * bucket's last write, and of any client up to `LAST_USED_PRECISION` of a last use. Counts are absolute from here to D1, so nothing is
 * counted twice. A count that D1 has not taken after `USAGE_HOURS_KEPT` is lost as well, and D1 is not told of a use that old.
 */
export class Meter {
  readonly #sql: SqlStorage;
  #exists: boolean;
  // The bucket as storage has it: the level without the reservation.
  #written: WrittenBucket | undefined;
  #bucket: TokenBucket | undefined;
  #lastUsed: Map<string, number>;
  #writtenUses: ReadonlyMap<string, number>;
  // The client's last use: in memory, in storage, and as D1 last took it. 0 for none. A use within `LAST_USED_PRECISION` of the one before
  // does not change it, so that the API shows the same value for an hour, from the gate and from D1.
  #clientUse: { at: number; written: number; flushed: number };
  #usage: UsageCounts;
  #resources: ResourceCounts;
  /** The use of the client's scopes. */
  #scopes: ScopeNotes;
  #issued: IssuedCounts;
  #quotaNotices: QuotaNotices;
  readonly #pace = new Pace();
  // Whether counts are only in memory, and when the alarm must write those that are. Of a busy client that is set even if there are none,
  // because counts that need it are about to come.
  #isUnwritten = false;
  #persistAt: number | undefined;
  // When counts and the client's last use must be flushed to D1.
  #flushAt: number | undefined;
  #failedFlushes: number;

  constructor(sql: SqlStorage, existing = tableNames(sql)) {
    this.#sql = sql;
    this.#exists = existing.has('meter');
    const row = this.#exists ? readMeter(sql) : undefined;
    this.#written = latest(row?.bucket, existing.has('bucket') ? readBucket(sql) : undefined);
    this.#lastUsed = new Map(Object.entries(row?.activity.last_used ?? {}));
    this.#writtenUses = new Map(this.#lastUsed);
    const { client_used_at: at = 0, client_use_flushed: flushed = 0 } = row?.activity ?? {};
    this.#clientUse = { at, written: at, flushed };
    this.#usage = new UsageCounts(row?.activity.usage);
    this.#resources = new ResourceCounts(row?.activity.resources);
    this.#scopes = new ScopeNotes(row?.activity.scopes, row?.activity.scope_hold);
    this.#issued = new IssuedCounts(row?.activity.issued, row?.activity.usage);
    this.#quotaNotices = new QuotaNotices(row?.activity.quota_notices);
    this.#flushAt = row?.activity.flush_at ?? undefined;
    this.#failedFlushes = row?.activity.failed_flushes ?? 0;
  }

  /** The latest time in the bucket, or 0 if there is none. No token was issued after it. */
  get at(): number {
    return this.#bucket?.at ?? this.#written?.at ?? 0;
  }

  /** The use of the client's scopes. A request that is settled writes what it noted; after others, call `writeScopes()`. */
  get scopes(): ScopeNotes {
    return this.#scopes;
  }

  /** Computes the bucket after one more request. `settle()` makes it the current one. */
  take(limit: RateLimit, now: number): Taken {
    this.#bucket ??= this.#recover(limit, now);
    return take(this.#bucket, this.#written, limit, this.#pace.isBusy(now), now);
  }

  /** Returns what is left of the rate limit, without taking any of it. */
  rate(limit: RateLimit, now: number): RateStatus {
    return { limit, ...statusOf(this.#bucket ?? this.#recover(limit, now), limit, now) };
  }

  #recover(limit: RateLimit, now: number): TokenBucket {
    return this.#written ? recoveredBucket(this.#written, limit, now) : fullBucket(limit, now);
  }

  /** Returns how many tokens the client was issued in the day and month. */
  issuedAt(now: number): IssuedTokens {
    return this.#issued.at(now);
  }

  /**
   * Counts how a token request ended and applies what it took from the bucket. Writes to storage unless the client is busy. A token of an
   * enforced quota is always written, so that no eviction gives it again.
   * @param resource the resource server of the issued token
   * @param quota the client's quota, if it has one
   */
  settle(outcome: UsageOutcome, now: number, taken?: Taken, resource?: string, quota?: Quota): void {
    this.#usage.add(outcome, now);
    if (resource !== undefined) this.#resources.add(resource, now);
    const isIssued = outcome === 'issued';
    if (isIssued) this.#issued.add(now);
    this.#flushAt ??= now + randomMs(USAGE_FLUSH_MIN, USAGE_FLUSH_MAX);
    // Also while D1 fails: people wait for the notice.
    if (quota && this.#quotaNotices.note(quota, this.#issued.at(now), now))
      this.#flushAt = Math.min(this.#flushAt, now);
    const isExact = isIssued && quota?.action === 'enforce';
    if (taken?.write) this.#write(now, taken.write);
    // A use of a scope, which is noted once an hour, is written before the token leaves: none is ever lost.
    else if (isExact || !this.#pace.isBusy(now) || this.#scopes.isUnwritten) this.#write(now);
    else {
      this.#isUnwritten = true;
      this.#persistAt ??= now + randomMs(ACTIVITY_PERSIST_MIN, ACTIVITY_PERSIST_MAX);
    }
    this.#pace.add(now);
    if (taken) this.#bucket = taken.bucket;
  }

  /** Records the use of the client, and of its credential if that has an id, in memory until the next write. */
  used(credentialId: string | undefined, now: number): void {
    if (credentialId !== undefined) this.#lastUsed.set(credentialId, now);
    if (isBehind(this.#clientUse.at, now)) {
      this.#clientUse.at = now;
      // While D1 fails, the wait for the next attempt stays.
      if (this.#failedFlushes === 0) this.#flushUseBy(now);
    } else if (this.#flushAt === undefined && this.#isUseOwed(now)) this.#flushUseBy(now);
  }

  // A flush that is soon enough stays, because moving the alarm costs a row.
  #flushUseBy(now: number): void {
    const isSoonEnough = this.#flushAt !== undefined && this.#flushAt <= now + USE_FLUSH_MAX * 1000;
    if (!isSoonEnough) this.#flushAt = now + randomMs(USE_FLUSH_MIN, USE_FLUSH_MAX);
  }

  /** Writes the last uses if storage is too far behind, for requests that write nothing else. */
  writeUses(now: number): void {
    const isStale =
      this.#clientUse.at > this.#clientUse.written ||
      [...this.#lastUsed].some(([id, at]) => isBehind(this.#writtenUses.get(id) ?? 0, at));
    if (isStale) this.#write(now);
  }

  /** Writes what was noted about scopes. The gate of a client that never requested a token writes nothing. */
  writeScopes(now: number): void {
    if (this.#scopes.isUnwritten && this.#exists) this.#write(now);
  }

  /** Writes that scopes are held, so that a gate which is killed still holds them. */
  writeHold(now: number): void {
    this.#write(now);
  }

  /** Whether D1 must be told of the client's last use. As with counts, the gate gives up after `USAGE_HOURS_KEPT`. */
  #isUseOwed(now: number): boolean {
    const { at, flushed } = this.#clientUse;
    return at > flushed && at > now - USAGE_HOURS_KEPT * 3_600_000;
  }

  /**
   * Forgets the last use of all credentials except these, in storage with the next write, so that the row has no more of them than the
   * client's record: two secrets, and 63 others with some 12 KB of ids, if the client uses all that it can register.
   */
  keepCredentials(ids: ReadonlySet<string>): void {
    for (const id of this.#lastUsed.keys()) if (!ids.has(id)) this.#lastUsed.delete(id);
  }

  /** Forgets everything, because the client was deleted. */
  forget(): void {
    if (this.#exists) this.#sql.exec('DELETE FROM meter');
    this.#sql.exec('DELETE FROM bucket');
    this.#written = undefined;
    this.#bucket = undefined;
    this.#lastUsed = new Map();
    this.#writtenUses = new Map();
    this.#clientUse = { at: 0, written: 0, flushed: 0 };
    this.#usage = new UsageCounts();
    this.#resources = new ResourceCounts();
    this.#scopes = new ScopeNotes();
    this.#issued = new IssuedCounts();
    this.#quotaNotices = new QuotaNotices();
    this.#isUnwritten = false;
    this.#persistAt = undefined;
    this.#flushAt = undefined;
    this.#failedFlushes = 0;
  }

  /** Returns when each credential and the client were last used, and the counts that D1 does not have in full. */
  activity(): { lastUsed: ReadonlyMap<string, number>; clientUsedAt: number | undefined; usage: UsageCount[] } {
    return { lastUsed: this.#lastUsed, clientUsedAt: this.#clientUse.at || undefined, usage: this.#usage.owed() };
  }

  /** Returns when the next write to storage or D1 is due, or undefined. */
  nextDeadline(): number | undefined {
    if (this.#persistAt === undefined || this.#flushAt === undefined) return this.#persistAt ?? this.#flushAt;
    return Math.min(this.#persistAt, this.#flushAt);
  }

  /**
   * Writes to storage what is due, and returns what to flush now, if anything. Then `flushed()` or `flushFailed()` must follow. For the
   * gate's alarm.
   * @param limit undefined if the client was deleted
   */
  dueFlush(now: number, limit: RateLimit | undefined): Flush | undefined {
    const isFlushDue = this.#flushAt !== undefined && this.#flushAt <= now;
    const isPersistDue = this.#persistAt !== undefined && this.#persistAt <= now;
    const isBusy = this.#pace.isBusy(now);
    // D1 must never have a higher count than storage: after an eviction D1 would ignore the lower one until it catches up.
    if (this.#isUnwritten && (isFlushDue || isPersistDue)) {
      this.#write(now, this.#bucket && limit ? renewed(this.#bucket, limit, isBusy, now) : this.#written);
    }
    if (isPersistDue) this.#persistAt = undefined;
    // Otherwise the alarm would be set for the flush now, and brought forward again by the next request.
    if (isBusy) this.#persistAt ??= now + randomMs(ACTIVITY_PERSIST_MIN, ACTIVITY_PERSIST_MAX);
    if (!isFlushDue) return undefined;
    this.#usage.forget(now);
    this.#resources.forget(now);
    const flush = {
      counts: this.#usage.owed(),
      resources: this.#resources.owed(),
      usedAt: this.#isUseOwed(now) ? this.#clientUse.at : undefined,
      notices: this.#quotaNotices.owed,
    };
    const { counts, resources, usedAt, notices } = flush;
    if (counts.length > 0 || resources.length > 0 || usedAt !== undefined || notices.length > 0) return flush;
    this.flushed(flush, now);
    return undefined;
  }

  /** Records that D1 took a flush. */
  flushed({ counts, resources, usedAt = 0, notices }: Flush, now: number): void {
    this.#usage.flushed(counts);
    this.#resources.flushed(resources);
    this.#quotaNotices.delivered(notices);
    this.#clientUse.flushed = Math.max(this.#clientUse.flushed, usedAt);
    this.#failedFlushes = 0;
    const isMoreOwed = this.#usage.owed().length > 0 || this.#isUseOwed(now);
    this.#flushAt = isMoreOwed ? now + randomMs(USAGE_FLUSH_MIN, USAGE_FLUSH_MAX) : undefined;
    // A threshold that was reached during the flush.
    if (this.#quotaNotices.owed.length > 0) this.#flushAt = now;
    this.#write(now);
  }

  /** Records that D1 did not take a flush, and waits longer for the next one. */
  flushFailed(now: number): void {
    const factor = 2 ** Math.min(this.#failedFlushes, FLUSH_RETRY_DOUBLINGS_MAX);
    this.#failedFlushes++;
    this.#flushAt = now + randomMs(FLUSH_RETRY_MIN, FLUSH_RETRY_MAX) * factor;
    this.#write(now);
  }

  // Creates the table with its first row, so that the gate of a client that requests no tokens writes nothing.
  #write(now: number, bucket = this.#written): void {
    this.#usage.forget(now);
    this.#resources.forget(now);
    const resources = this.#resources.all();
    const [issued, quotaNotices] = [this.#issued.toStored(), this.#quotaNotices.toStored()];
    const activity: Omit<StoredActivity, 'scopes' | 'scope_hold'> = {
      last_used: Object.fromEntries(this.#lastUsed),
      usage: this.#usage.all(),
      flush_at: this.#flushAt ?? null,
      failed_flushes: this.#failedFlushes,
      ...(this.#clientUse.at > 0 && { client_used_at: this.#clientUse.at }),
      ...(this.#clientUse.flushed > 0 && { client_use_flushed: this.#clientUse.flushed }),
      ...(resources.length > 0 && { resources }),
      ...(issued && { issued }),
      ...(quotaNotices && { quota_notices: quotaNotices }),
    };
    if (!this.#exists) {
      this.#sql.exec(
        'CREATE TABLE meter (id INTEGER PRIMARY KEY CHECK (id = 1), level REAL, at INTEGER, activity TEXT NOT NULL)',
      );
      this.#exists = true;
    }
    const { level = null, at = null } = bucket ?? {};
    // The notes about scopes are JSON already, because they rarely change.
    const json = `${JSON.stringify(activity).slice(0, -1)},${this.#scopes.toRow(now)}}`;
    this.#sql.exec('INSERT OR REPLACE INTO meter VALUES (1, ?, ?, ?)', level, at, json);
    this.#written = bucket;
    this.#writtenUses = new Map(this.#lastUsed);
    this.#clientUse.written = this.#clientUse.at;
    this.#isUnwritten = false;
    this.#persistAt = undefined;
  }
}

/** Whether a recorded last use is at least `LAST_USED_PRECISION` behind the real one. */
function isBehind(recorded: number, at: number): boolean {
  return at - recorded >= LAST_USED_PRECISION * 1000;
}

function readMeter(sql: SqlStorage): { bucket: WrittenBucket | undefined; activity: StoredActivity } | undefined {
  const [row] = sql.exec<MeterRow>('SELECT level, at, activity FROM meter').toArray();
  if (!row) return undefined;
  const { level, at, activity } = row;
  const bucket = level === null || at === null ? undefined : { level, at };
  return { bucket, activity: JSON.parse(activity) as StoredActivity };
}

/** Reads the bucket that code of an older version wrote, before the meter existed or after a rollback. */
function readBucket(sql: SqlStorage): WrittenBucket | undefined {
  return sql.exec<WrittenBucket>('SELECT level, at FROM bucket').toArray()[0];
}

function latest(first: WrittenBucket | undefined, second: WrittenBucket | undefined): WrittenBucket | undefined {
  return first && second ? (second.at > first.at ? second : first) : (first ?? second);
}

/** Returns a random duration in milliseconds between two durations in seconds. */
function randomMs(min: number, max: number): number {
  return Math.round((min + Math.random() * (max - min)) * 1000);
}
