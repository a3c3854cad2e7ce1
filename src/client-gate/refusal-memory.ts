import type { NotedRefusal, RefusalsRow } from '../gates/protocol.ts';
import { REFUSAL_AGE, REFUSALS_MAX, REFUSALS_PERSIST } from './constants.ts';
import { tableNames } from './tables.ts';

/**
 * The last refusals of a client, in memory and in one row of the gate's SQLite storage. The row is read when it is first needed, and
 * written at most every `REFUSALS_PERSIST` seconds: a request that succeeds costs nothing. Times are in milliseconds since the epoch.
 */
export class RefusalMemory {
  readonly #sql: SqlStorage;
  #exists: boolean;
  #kept: readonly NotedRefusal[];
  #writtenAt: number;
  #isWritten = true;

  constructor(sql: SqlStorage, tables = tableNames(sql)) {
    this.#sql = sql;
    this.#exists = tables.has('refusals');
    const [row] = this.#exists ? sql.exec<RefusalsRow>('SELECT at, json FROM refusals').toArray() : [];
    this.#kept = row ? (JSON.parse(row.json) as NotedRefusal[]) : [];
    this.#writtenAt = row?.at ?? 0;
  }

  /** Adds refusals, in memory until `writeDue()`. */
  note(refusals: readonly NotedRefusal[], now: number): void {
    for (const refusal of refusals) this.#kept = withRefusal(this.#kept, notAhead(refusal, now));
    this.#isWritten = false;
  }

  /** Returns the refusals that are not too old, the latest first. */
  list(now: number): NotedRefusal[] {
    return recent(this.#kept, now).sort((one, other) => other.last_at - one.last_at);
  }

  /** Returns when `writeDue()` must next be called, or undefined. */
  nextDeadline(): number | undefined {
    const [first, ...others] = this.#kept;
    if (!first) return undefined;
    const oldest = others.reduce((at, { last_at }) => Math.min(at, last_at), first.last_at);
    const endsAt = oldest + REFUSAL_AGE * 1000;
    return this.#isWritten ? endsAt : Math.min(endsAt, this.#writeAt);
  }

  /** Writes what is not written yet, unless the last write is too recent, and deletes what is too old. */
  writeDue(now: number): void {
    const kept = recent(this.#kept, now);
    if (kept.length < this.#kept.length) this.#isWritten = false;
    this.#kept = kept;
    // The clock may have been set back.
    if (this.#isWritten || (now < this.#writeAt && now >= this.#writtenAt)) return;
    if (!this.#exists) {
      this.#sql.exec(
        'CREATE TABLE refusals (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, json TEXT NOT NULL)',
      );
      this.#exists = true;
    }
    this.#sql.exec('INSERT OR REPLACE INTO refusals VALUES (1, ?, ?)', now, JSON.stringify(kept));
    this.#writtenAt = now;
    this.#isWritten = true;
  }

  /** Forgets everything, because the client was deleted. */
  forget(): void {
    if (this.#exists) this.#sql.exec('DELETE FROM refusals');
    this.#kept = [];
    this.#isWritten = true;
  }

  get #writeAt(): number {
    return this.#writtenAt + REFUSALS_PERSIST * 1000;
  }
}

function recent(refusals: readonly NotedRefusal[], now: number): NotedRefusal[] {
  return refusals.filter(({ last_at }) => last_at > now - REFUSAL_AGE * 1000);
}

/** The clock of an edge may be ahead of the gate's. */
function notAhead(refusal: NotedRefusal, now: number): NotedRefusal {
  return { ...refusal, first_at: Math.min(refusal.first_at, now), last_at: Math.min(refusal.last_at, now) };
}

/**
 * Adds a refusal to those that are kept, which are in the order of their last time. Equal ones become one with a count, so that a machine
 * that repeats its request does not fill the list.
 */
export function withRefusal(kept: readonly NotedRefusal[], added: NotedRefusal): readonly NotedRefusal[] {
  const key = keyOf(added);
  const equal = kept.find((refusal) => keyOf(refusal) === key);
  const merged = equal ? mergeRefusals(equal, added) : added;
  const all = [...kept.filter((refusal) => refusal !== equal), merged];
  return all.length <= REFUSALS_MAX ? all : without(all, leastNeeded(all));
}

function mergeRefusals(earlier: NotedRefusal, later: NotedRefusal): NotedRefusal {
  const last = later.last_at >= earlier.last_at ? later : earlier;
  const first_at = Math.min(earlier.first_at, later.first_at);
  return { ...last, first_at, count: earlier.count + later.count };
}

function keyOf({ first_at: _, last_at: __, count: ___, request_id: ____, ...rest }: NotedRefusal): string {
  return JSON.stringify(Object.entries(rest).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * Chooses the refusal to drop: of the requests that prove nothing if they take more than half, else of the others. Among these, the oldest
 * of the most frequent reason. So a stranger cannot displace what happened to the client itself, nor one trouble the trace of all others.
 */
function leastNeeded(refusals: readonly NotedRefusal[]): NotedRefusal | undefined {
  const unproven = refusals.filter(({ is_proven }) => !is_proven);
  const candidates = unproven.length > REFUSALS_MAX / 2 ? unproven : refusals.filter(({ is_proven }) => is_proven);
  const byReason = [...Map.groupBy(candidates, ({ reason }) => reason).values()];
  const [most] = byReason.sort((one, other) => other.length - one.length);
  return most?.[0];
}

function without(refusals: readonly NotedRefusal[], dropped: NotedRefusal | undefined): readonly NotedRefusal[] {
  return refusals.filter((refusal) => refusal !== dropped);
}
