import { STORE_DEADLINE_MS } from '../constants.ts';
import type { MasterKeys } from '../credentials/master-key.ts';
import type { Gates } from '../gates/gates.ts';
import { canOpenRing } from '../keys/key-ring.ts';
import type { Env } from '../platform/env.ts';
import { type LastSuccesses, readHealth } from '../store/background-tasks.ts';
import type { Database } from '../store/database.ts';
import { askStore } from '../store/errors.ts';
import { SharedWork } from '../store/waiting.ts';
import { HEALTH_PROBE_AGE } from './constants.ts';

type StoreHealth = 'ok' | 'unavailable';

/** The result of the last probe. */
export interface Health {
  readonly stores: Readonly<Record<'d1' | 'kv' | 'gates', StoreHealth>>;
  /** When each background task last succeeded; undefined if D1, which records it, did not answer. */
  readonly lastSuccesses: LastSuccesses | undefined;
  /** Whether `MASTER_KEY` lacks a key that the stored signing keys need. No token can be issued then. False also if D1 did not answer. */
  readonly lacksMasterKey: boolean;
}

interface Probe {
  readonly health: SharedWork<Health>;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface Stores {
  readonly env: Pick<Env, 'KV'>;
  readonly db: Database;
  readonly gates: Gates;
  readonly masterKeys: () => Promise<MasterKeys>;
}

/** Probes the stores, at most every `HEALTH_PROBE_AGE` seconds per isolate, however many requests ask. */
export class StoreProbes {
  #last: Probe | undefined;

  /** @param now milliseconds since the epoch */
  async read(stores: Stores, now: number): Promise<Health> {
    if (!this.#last || this.#last.until <= now) {
      // Each store has its own deadline. This longer one is for a probe whose request was killed and that never ends.
      const health = new SharedWork('gate', 2 * STORE_DEADLINE_MS, probe(stores));
      this.#last = { health, until: now + HEALTH_PROBE_AGE * 1000 };
    }
    return this.#last.health.result().catch(() => probe(stores));
  }
}

async function probe({ env, db, gates, masterKeys }: Stores): Promise<Health> {
  const [found, kv, gate] = await Promise.all([
    readHealth(db).catch(() => undefined),
    healthOf(askStore('kv', () => env.KV.get('health'))),
    healthOf(gates.ping()),
  ]);
  return {
    stores: { d1: found ? 'ok' : 'unavailable', kv, gates: gate },
    lastSuccesses: found?.lastSuccesses,
    lacksMasterKey: found !== undefined && !canOpenRing(found.ring, await masterKeys()),
  };
}

function healthOf(answer: Promise<unknown>): Promise<StoreHealth> {
  return answer.then(
    () => 'ok' as const,
    () => 'unavailable' as const,
  );
}
