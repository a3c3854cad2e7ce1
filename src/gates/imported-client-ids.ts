import { waitUntil } from 'cloudflare:workers';
import { STORE_DEADLINE_MS, UNKNOWN_CLIENT_AGE } from '../constants.ts';
import { ExpiringCache } from '../lib/expiring-cache.ts';
import { isUnavailable, StoreUnavailableError, withDeadline } from '../store/errors.ts';
import type { FoundIds } from '../store/imported-clients.ts';
import { pollUntil } from '../store/waiting.ts';
import { TooManyAttemptsError } from './attempt-filter.ts';
import {
  GATES_ASKED_WITHOUT_D1,
  LOOK_UP_BACK_OFF,
  LOOK_UP_DEADLINE_MS,
  LOOK_UP_INTERVAL_MS,
  LOOK_UPS_PER_QUERY,
} from './constants.ts';

type Find = (ids: readonly string[]) => Promise<FoundIds>;

/** Ids that one query looks up. */
interface Batch {
  readonly ids: Set<string>;
  outcome?: { readonly found: ReadonlySet<string> } | { readonly error: unknown };
}

/**
 * Tells real ids of the imported form from invented ones, so that an invented id costs no gate. All look-ups of an isolate share one query
 * at a time, at most one every `LOOK_UP_INTERVAL_MS`. Ids of clients that were served here need none.
 *
 * An answer "no such client" is used again for `UNKNOWN_CLIENT_AGE` seconds, and so is "no client was ever imported", after which no id is
 * looked up at all. So a client that is imported elsewhere is found here after that time at the latest.
 */
export class ImportedClientIds {
  readonly #find: Find;
  readonly #binding: RateLimit | undefined;
  readonly #known = new ExpiringCache<true>();
  readonly #missing = new ExpiringCache<true>();
  // Milliseconds since the epoch.
  #noneUntil = 0;
  #backOffUntil = 0;
  // When the next query may begin, milliseconds by `performance.now()`, which the clocks of requests do not change.
  #freeAt = Number.NEGATIVE_INFINITY;
  #next: Batch | undefined;
  // Gates that were asked because D1 did not answer, in the current minute.
  #asked = { minute: 0, count: 0 };

  /** @param binding counts queries in the isolate's location; without it, an isolate limits only its own */
  constructor(find: Find, binding: RateLimit | undefined) {
    this.#find = find;
    this.#binding = binding;
  }

  /** Returns whether a client has the id, or undefined if it must be looked up. */
  recall(clientId: string): boolean | undefined {
    const now = Date.now();
    if (this.#known.get(clientId, now)) return true;
    return now < this.#noneUntil || this.#missing.get(clientId, now) ? false : undefined;
  }

  /** Notes that a client has the id: it was created or served here. */
  note(clientId: string): void {
    this.#known.set(clientId, true);
    this.#missing.delete(clientId);
    this.#noneUntil = 0;
  }

  /** Notes that the client's gate does not know it, because it was deleted. */
  forget(clientId: string): void {
    this.#known.delete(clientId);
  }

  /** Whether no more ids can be looked up at the moment. */
  isExhausted(): boolean {
    return Date.now() < this.#backOffUntil || (isFull(this.#next) && !this.#isFree());
  }

  /**
   * Looks an id up.
   * @returns whether a client has it; true if D1 does not answer, since the client's gate may know it
   * @throws TooManyAttemptsError if no more ids can be looked up; StoreUnavailableError
   */
  async lookUp(clientId: string): Promise<boolean> {
    const recalled = this.recall(clientId);
    if (recalled !== undefined) return recalled;
    if (this.isExhausted()) throw new TooManyAttemptsError();
    // All requests that wait for a full query may have been killed, so any other request begins it as well.
    if (isFull(this.#next)) this.#query(this.#next);
    this.#next ??= { ids: new Set() };
    const batch = this.#next;
    batch.ids.add(clientId);
    const outcome = await this.#outcomeOf(batch);
    if ('found' in outcome) return outcome.found.has(clientId);
    if (!isUnavailable(outcome.error, 'd1')) throw outcome.error;
    this.#requireShareOfGates(outcome.error);
    return true;
  }

  async #outcomeOf(batch: Batch): Promise<NonNullable<Batch['outcome']>> {
    const until = performance.now() + STORE_DEADLINE_MS;
    while (!batch.outcome) {
      const left = until - performance.now();
      if (left <= 0) throw new StoreUnavailableError('d1', 'deadline');
      // One of the waiting requests makes the query, because the runtime binds a call to the request that makes it. If the query is lost,
      // another one makes it again.
      if (this.#isFree()) await withDeadline('d1', this.#query(batch), left);
      else await pollUntil(() => batch.outcome !== undefined || this.#isFree(), left);
    }
    return batch.outcome;
  }

  #isFree(): boolean {
    return performance.now() >= this.#freeAt;
  }

  #query(batch: Batch): Promise<void> {
    if (this.#next === batch) this.#next = undefined;
    const begunAt = performance.now();
    // A query whose request was killed never ends. It counts as lost some time after its deadline.
    const lostAt = begunAt + LOOK_UP_DEADLINE_MS + LOOK_UP_INTERVAL_MS;
    this.#freeAt = lostAt;
    const queried = this.#run(batch).finally(() => {
      if (this.#freeAt === lostAt) this.#freeAt = begunAt + LOOK_UP_INTERVAL_MS;
    });
    // Other requests wait for this query, so it must go on after the request that made it has ended.
    waitUntil(queried);
    return queried;
  }

  async #run(batch: Batch): Promise<void> {
    const askedAt = Date.now();
    try {
      if (!(await this.#hasShareOfLocation())) throw new TooManyAttemptsError();
      const { found, hasImported } = await this.#find([...batch.ids]);
      this.#learn(batch.ids, found, hasImported, askedAt);
      batch.outcome = { found: new Set(found) };
    } catch (error) {
      batch.outcome = { error };
    }
  }

  #learn(ids: ReadonlySet<string>, found: readonly string[], hasImported: boolean, askedAt: number): void {
    const until = askedAt + UNKNOWN_CLIENT_AGE * 1000;
    for (const id of ids) this.#missing.set(id, true, until);
    for (const id of found) {
      this.#missing.delete(id);
      this.#known.set(id, true);
    }
    if (!hasImported) this.#noneUntil = until;
  }

  async #hasShareOfLocation(): Promise<boolean> {
    // Best effort: without the binding the isolate still limits itself.
    const { success } = (await this.#binding?.limit({ key: 'look-ups' }).catch(() => undefined)) ?? { success: true };
    if (!success) this.#backOffUntil = Date.now() + LOOK_UP_BACK_OFF * 1000;
    return success;
  }

  // Each gate that is asked in vain costs as much as a look-up was to save.
  #requireShareOfGates(error: unknown): void {
    const minute = Math.floor(Date.now() / 60_000);
    if (this.#asked.minute !== minute) this.#asked = { minute, count: 0 };
    if (this.#asked.count >= GATES_ASKED_WITHOUT_D1) throw error;
    this.#asked.count++;
  }
}

function isFull(batch: Batch | undefined): batch is Batch {
  return batch !== undefined && batch.ids.size >= LOOK_UPS_PER_QUERY;
}
