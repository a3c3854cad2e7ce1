import { STORE_DEADLINE_MS } from '../constants.ts';
import type { Gates } from '../gates/gates.ts';
import type { Env } from '../platform/env.ts';
import { type LastSuccesses, readLastSuccesses } from '../store/background-tasks.ts';
import type { Database } from '../store/database.ts';
import { askStore } from '../store/errors.ts';
import { SharedWork } from '../store/waiting.ts';
import { HEALTH_PROBE_AGE } from './constants.ts';

type StoreHealth = 'ok' | 'unavailable';

/** What the stores said of themselves when they were last asked. */
export interface Health {
  readonly stores: Readonly<Record<'d1' | 'kv' | 'gates', StoreHealth>>;
  /** undefined where D1, which knows it, did not answer. */
  readonly lastSuccesses: LastSuccesses | undefined;
}

interface Asked {
  readonly health: SharedWork<Health>;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface Stores {
  readonly env: Pick<Env, 'KV'>;
  readonly db: Database;
  readonly gates: Gates;
}

/** Tells which stores answer; each is asked at most every `HEALTH_PROBE_AGE` seconds in an isolate, however many want to know. */
export class StoreProbes {
  #asked: Asked | undefined;

  /** @param now milliseconds since the epoch */
  async ask(stores: Stores, now: number): Promise<Health> {
    if (!this.#asked || this.#asked.until <= now) {
      this.#asked = { health: new SharedWork('gate', probe(stores)), until: now + HEALTH_PROBE_AGE * 1000 };
    }
    // Each store has its own deadline; this one is for a probe whose request was killed.
    return this.#asked.health.result(2 * STORE_DEADLINE_MS).catch(() => probe(stores));
  }
}

async function probe({ env, db, gates }: Stores): Promise<Health> {
  const [lastSuccesses, kv, gate] = await Promise.all([
    readLastSuccesses(db).catch(() => undefined),
    standing(askStore('kv', () => env.KV.get('health'))),
    standing(gates.ping()),
  ]);
  return { stores: { d1: lastSuccesses ? 'ok' : 'unavailable', kv, gates: gate }, lastSuccesses };
}

function standing(answer: Promise<unknown>): Promise<StoreHealth> {
  return answer.then(
    () => 'ok' as const,
    () => 'unavailable' as const,
  );
}
