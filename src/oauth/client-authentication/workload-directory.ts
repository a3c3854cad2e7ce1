import { STORE_DEADLINE_MS } from '../../constants.ts';
import { workloadKeys } from '../../federation/selector.ts';
import { TooManyAttemptsError } from '../../gates/attempt-filter.ts';
import type { RegisteredIdentity } from '../../gates/protocol.ts';
import { ExpiringCache } from '../../lib/expiring-cache.ts';
import { StoreUnavailableError } from '../../store/errors.ts';
import { pollUntil, SharedWork } from '../../store/waiting.ts';
import type { FoundWorkload, WorkloadKey } from '../../store/workloads.ts';
import {
  WORKLOAD_AGE,
  WORKLOAD_KEYS_LENGTH_MAX,
  WORKLOAD_QUERIES_AT_ONCE,
  WORKLOAD_QUERY_INTERVAL_MS,
} from '../constants.ts';

type Claims = Readonly<Record<string, unknown>>;

/** A client that a workload's token may belong to. */
export interface WorkloadClient {
  readonly clientId: string;
  readonly organizationId: string;
  readonly identities: readonly RegisteredIdentity[];
}

/** The clients at one key of the index. */
interface Entry {
  readonly clients: readonly WorkloadClient[];
  /** Milliseconds since the epoch. */
  readonly readAt: number;
}

/** The next query of the index, and the one under way once it has begun. */
interface Query {
  readonly keys: Map<string, WorkloadKey>;
  length: number;
  work: SharedWork<void> | undefined;
}

/**
 * Per-isolate cache of the clients that workloads' tokens may belong to, by the keys of the index in D1. An entry may have any age: the
 * client's gate confirms what a token was verified against, and a token that fits no cached client is looked up again.
 *
 * Anybody can invent issuers and subjects, so the cost of look-ups does not depend on their number: after the first
 * `WORKLOAD_QUERIES_AT_ONCE`, an isolate begins one query in `WORKLOAD_QUERY_INTERVAL_MS`, and that asks for all keys that are wanted by
 * then.
 */
export class WorkloadDirectory {
  readonly #find: (keys: readonly WorkloadKey[]) => Promise<readonly FoundWorkload[]>;
  readonly #entries = new ExpiringCache<Entry>();
  // Keys without clients are apart, so that invented ones cannot evict the others.
  readonly #empty = new ExpiringCache<Entry>();
  #next: Query | undefined;
  /** When the next query may begin, milliseconds since the epoch. */
  #freeAt = Number.NEGATIVE_INFINITY;

  /** @param find reads the index in D1 */
  constructor(find: (keys: readonly WorkloadKey[]) => Promise<readonly FoundWorkload[]>) {
    this.#find = find;
  }

  /** Returns the clients that a token may belong to, each once, or undefined if not all of its keys are cached. */
  get(claims: Claims): readonly WorkloadClient[] | undefined {
    const keys = workloadKeys(claims);
    const entries = this.#cached(keys);
    return entries.length === keys.length ? clientsOf(entries) : undefined;
  }

  /**
   * Asks D1, in a query that begins after this method was called, for the clients that a token may belong to.
   * @throws TooManyAttemptsError if the next query is full; StoreUnavailableError
   */
  async refresh(claims: Claims): Promise<readonly WorkloadClient[]> {
    const keys = workloadKeys(claims);
    if (keys.length > 0) await this.#ask(keys);
    return clientsOf(this.#cached(keys));
  }

  /**
   * Notes that a token authenticated its client. What is known about the token then stays cached, and is read again in the background once
   * it is older than `WORKLOAD_AGE`.
   */
  confirm(claims: Claims): void {
    const keys = workloadKeys(claims);
    const now = Date.now();
    for (const key of keys) {
      const empty = this.#empty.get(textOf(key), now);
      if (empty) this.#entries.set(textOf(key), empty);
    }
    // Best effort: what is cached serves until D1 answers.
    if (this.#isOlder(keys, WORKLOAD_AGE) && this.#isFree()) this.#ask(keys).catch(() => undefined);
  }

  #cached(keys: readonly WorkloadKey[]): readonly Entry[] {
    const now = Date.now();
    return keys
      .map(textOf)
      .map((key) => this.#entries.get(key, now) ?? this.#empty.get(key, now))
      .filter((entry) => entry !== undefined);
  }

  #isOlder(keys: readonly WorkloadKey[], age: number): boolean {
    const now = Date.now();
    const fresh = this.#cached(keys).filter(({ readAt }) => readAt + age * 1000 > now);
    return fresh.length < keys.length;
  }

  async #ask(keys: readonly WorkloadKey[]): Promise<void> {
    // All requests that wait for a full query may have been killed, so any other request begins it as well.
    if (this.#next && !hasRoom(this.#next, keys) && this.#isFree()) this.#begin(this.#next);
    this.#next ??= { keys: new Map(), length: 0, work: undefined };
    const query = this.#next;
    add(query, keys);
    await pollUntil(() => query.work !== undefined || this.#isFree(), STORE_DEADLINE_MS);
    // The first request that finds the interval over begins the query, for all that wait for it.
    if (!query.work && this.#isFree()) this.#begin(query);
    if (!query.work) throw new StoreUnavailableError('d1', 'deadline');
    await query.work.result();
  }

  #begin(query: Query): void {
    this.#next = undefined;
    const earliest = performance.now() - (WORKLOAD_QUERIES_AT_ONCE - 1) * WORKLOAD_QUERY_INTERVAL_MS;
    this.#freeAt = Math.max(this.#freeAt, earliest) + WORKLOAD_QUERY_INTERVAL_MS;
    query.work = new SharedWork('d1', STORE_DEADLINE_MS, this.#read([...query.keys.values()]));
  }

  #isFree(): boolean {
    return performance.now() >= this.#freeAt;
  }

  async #read(keys: readonly WorkloadKey[]): Promise<void> {
    const readAt = Date.now();
    const found = Map.groupBy(await this.#find(keys), textOf);
    for (const key of keys.map(textOf)) {
      const entry = { clients: found.get(key) ?? [], readAt };
      if (entry.clients.length > 0 || this.#entries.get(key, readAt)) this.#entries.set(key, entry);
      else this.#empty.set(key, entry);
    }
  }
}

/** Returns the clients of some entries, each once. */
function clientsOf(entries: readonly Entry[]): readonly WorkloadClient[] {
  const clients = entries.flatMap((entry) => entry.clients);
  return [...new Map(clients.map((client) => [client.clientId, client])).values()];
}

function hasRoom(query: Query, keys: readonly WorkloadKey[]): boolean {
  return lengthWith(query, keys) <= WORKLOAD_KEYS_LENGTH_MAX;
}

function lengthWith(query: Query, keys: readonly WorkloadKey[]): number {
  return keys
    .map(textOf)
    .filter((key) => !query.keys.has(key))
    .reduce((sum, key) => sum + key.length, query.length);
}

function add(query: Query, keys: readonly WorkloadKey[]): void {
  if (!hasRoom(query, keys)) throw new TooManyAttemptsError();
  query.length = lengthWith(query, keys);
  for (const key of keys) query.keys.set(textOf(key), key);
}

function textOf({ issuer, selector }: WorkloadKey): string {
  return JSON.stringify({ issuer, selector });
}
