import { CLOCK_SKEW } from '../constants.ts';
import type { AnnouncedWindows, ReplayWindow, SpentId, SpentIdsRow, StoredSpentId } from '../gates/protocol.ts';
import {
  PURGE_INTERVAL,
  REPLAY_SWEEP_INTERVAL,
  SPENT_IDS_PER_ROW,
  UNKNOWN_USE_RETRY_MAX,
  UNWRITTEN_USES_MAX,
} from './constants.ts';
import { isAnnounced, mayBeUsed, secondsUntilKnown, windowOf, windowsFor } from './replay-horizon.ts';
import { tableNames } from './tables.ts';
import { UseRate } from './use-rate.ts';

/**
 * The ids of the assertions and DPoP proofs that a client has used, in the gate's SQLite storage, so that an eviction forgets none. One
 * row holds many ids: a request writes one row, or shares it with concurrent requests, and purging deletes few rows. Times are in
 * milliseconds since the epoch.
 *
 * A busy gate announces with each row which ids it will use without writing them (see `replay-horizon.ts`). The next row has them. If its
 * memory is lost before that, it refuses what it had announced: nothing is used twice.
 */
export class ReplayMemory {
  readonly #sql: SqlStorage;
  #exists: boolean;
  #spent: Map<string, number> | undefined;
  #sweptAt = 0;
  /** The number of the row that is being filled, and its ids. */
  #row = 0;
  #filling: StoredSpentId[] = [];
  /** The ids that are not in storage yet, and the write that will store them. */
  #unwritten: StoredSpentId[] = [];
  #writing: Promise<void> | undefined;
  /** The windows that storage announces for this memory, and those of memories that were lost. */
  #open: readonly ReplayWindow[] = [];
  #lost: readonly ReplayWindow[] = [];
  /** See `RecentUses`. */
  readonly #recent = new Map<number, number>();
  readonly #rate = new UseRate();

  constructor(sql: SqlStorage, tables = tableNames(sql)) {
    this.#sql = sql;
    this.#exists = tables.has('spent_ids');
  }

  /** Whether an id was used. */
  has({ id }: SpentId): boolean {
    return this.#loaded().has(id);
  }

  /**
   * Refuses ids if a memory that was lost may have used one of them. Those that it may have used count as used from now on, so that a
   * client that repeats its request is told to make a new assertion.
   * @returns the seconds after which the client's new ids are accepted, or undefined if none of these can have been used
   */
  refuseUnknown(ids: readonly SpentId[], now: number): number | undefined {
    if (ids.length === 0) return undefined;
    const spent = this.#loaded();
    const unspent = ids.filter(({ id }) => !spent.has(id));
    // If the clock was set back, an id is presented again that a sweep forgot.
    if (now < this.#sweptAt) this.#restoreSwept(spent, now);
    const unknown = unspent.filter((id) => spent.has(id.id) || mayBeUsed(id, this.#lost));
    if (unknown.length === 0) return undefined;
    // Need not be durable: after another loss they are unknown again.
    for (const { id, expires_at } of unknown) spent.set(id, expires_at);
    return Math.max(...unknown.map((id) => secondsUntilKnown(id, this.#lost, UNKNOWN_USE_RETRY_MAX)));
  }

  /**
   * Marks ids as used, at once. The promise resolves when the write is durable, and must be awaited before the request is answered.
   * Concurrent requests share one write. Without a promise nothing need be awaited: storage has announced that the ids may be used.
   */
  spend(ids: readonly SpentId[], now: number): Promise<void> | undefined {
    const spent = this.#loaded();
    this.#sweep(now);
    this.#rate.count(now);
    for (const { id, expires_at, issued_at } of ids) {
      spent.set(id, expires_at);
      this.#unwritten.push({ id, expires_at });
      // All ids without an `iat` would share one window. After a loss it would refuse new ones until they expire later than all before.
      if (issued_at !== undefined && issued_at > 0) this.#noteUse(windowOf(issued_at), expires_at);
    }
    const isWritten = this.#unwritten.length >= UNWRITTEN_USES_MAX || ids.some((id) => !isAnnounced(id, this.#open));
    if (!isWritten) return undefined;
    this.#writing ??= this.#write();
    return this.#writing;
  }

  #noteUse(window: number, expiresAt: number): void {
    const latest = this.#recent.get(window) ?? 0;
    // Deleted first, so that the last used is the last.
    this.#recent.delete(window);
    this.#recent.set(window, Math.max(latest, expiresAt));
  }

  async #write(): Promise<void> {
    // Lets the requests that have arrived by now add their ids to this write.
    await scheduler.wait(0);
    this.#writing = undefined;
    this.writeUses();
  }

  /** Writes to storage what was used without a write, if anything. Called by the alarm, so that a gate that becomes idle knows all ids. */
  writeUses(): void {
    if (this.#unwritten.length === 0) return;
    this.#create();
    const filling = [...this.#filling, ...this.#unwritten];
    const open = this.#rate.isBusy ? windowsFor(this.#recent) : [];
    const windows = [...this.#lost, ...open];
    const entries = windows.length > 0 ? [...filling, announce(windows)] : filling;
    const expiresAt = Math.max(...entries.map(({ expires_at }) => expires_at));
    const row = [this.#row, JSON.stringify(entries), expiresAt];
    this.#sql.exec('INSERT OR REPLACE INTO spent_ids VALUES (?, ?, ?)', ...row);
    this.#open = open;
    this.#recent.clear();
    this.#unwritten = [];
    this.#filling = filling;
    if (filling.length < SPENT_IDS_PER_ROW) return;
    this.#filling = [];
    this.#row++;
  }

  /** Deletes the rows whose ids have all expired. */
  purge(now: number): void {
    if (!this.#exists) return;
    const seconds = now / 1000 - CLOCK_SKEW;
    this.#sql.exec('DELETE FROM spent_ids WHERE expires_at <= ?', seconds);
    // The row that announced them may be gone.
    this.#open = this.#open.filter(({ expires_at }) => expires_at > seconds);
    this.#lost = this.#lost.filter(({ expires_at }) => expires_at > seconds);
  }

  /** Returns when `purge()` can next delete something, rounded up to its interval, or undefined. */
  nextDeadline(): number | undefined {
    if (!this.#exists) return undefined;
    const first = 'SELECT MIN(expires_at) AS expires_at FROM spent_ids';
    const [next] = this.#sql.exec<{ expires_at: number | null }>(first).toArray();
    if (!next || next.expires_at === null) return undefined;
    return Math.ceil((next.expires_at + CLOCK_SKEW) / PURGE_INTERVAL) * PURGE_INTERVAL * 1000;
  }

  #restoreSwept(spent: Map<string, number>, now: number): void {
    this.#sweptAt = now;
    for (const { id, expires_at } of [...this.#read().flatMap(entriesOf), ...this.#unwritten])
      spent.set(id, expires_at);
  }

  // Memory is scarcer than storage, so ids leave it as soon as they expire.
  #sweep(now: number): void {
    if (now < this.#sweptAt + REPLAY_SWEEP_INTERVAL * 1000) return;
    this.#sweptAt = now;
    const seconds = now / 1000 - CLOCK_SKEW;
    for (const [id, expiresAt] of this.#spent ?? []) if (expiresAt <= seconds) this.#spent?.delete(id);
  }

  #read(): SpentIdsRow[] {
    return this.#exists ? this.#sql.exec<SpentIdsRow>('SELECT * FROM spent_ids ORDER BY row').toArray() : [];
  }

  // Read from storage at its first use, because most gates never need it.
  #loaded(): Map<string, number> {
    if (this.#spent) return this.#spent;
    const rows = this.#read();
    const entries = rows.flatMap(entriesOf);
    this.#spent = new Map(
      entries.filter((entry) => !isAnnouncement(entry)).map(({ id, expires_at }) => [id, expires_at]),
    );
    // An announcement repeats what is left of those before it. It may be over, if the rows after it have none: then its windows are old,
    // and no new id is in them.
    this.#lost = entries.findLast(isAnnouncement)?.windows ?? [];
    this.#row = (rows.at(-1)?.row ?? -1) + 1;
    return this.#spent;
  }

  // Created with the first id, so that the gate of a client that uses none writes nothing.
  #create(): void {
    if (this.#exists) return;
    this.#sql.exec('CREATE TABLE spent_ids (row INTEGER PRIMARY KEY, ids TEXT NOT NULL, expires_at INTEGER NOT NULL)');
    this.#exists = true;
  }
}

function announce(windows: readonly ReplayWindow[]): AnnouncedWindows {
  return { id: 'windows', expires_at: Math.max(...windows.map(({ expires_at }) => expires_at)), windows };
}

function isAnnouncement(entry: StoredSpentId): entry is AnnouncedWindows {
  return 'windows' in entry;
}

function entriesOf({ ids }: SpentIdsRow): StoredSpentId[] {
  return JSON.parse(ids) as StoredSpentId[];
}
