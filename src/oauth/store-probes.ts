import { HEALTH_PROBE_AGE } from '../constants.ts';
import type { Env } from '../env.ts';
import type { Gates } from '../gate/gates.ts';
import { askStore } from '../store/errors.ts';

type Standing = 'ok' | 'unavailable';

/** Tells which stores answer; each is asked at most every `HEALTH_PROBE_AGE` seconds in an isolate. */
export class StoreProbes {
  #known: { stores: Record<'d1' | 'kv' | 'gates', Standing>; until: number } | undefined;

  async ask({ env, gates }: { readonly env: Pick<Env, 'DB' | 'KV'>; readonly gates: Gates }, now: number) {
    if (this.#known && this.#known.until > now) return this.#known.stores;
    const [d1, kv, gate] = await Promise.all([
      standing(askStore('d1', () => env.DB.prepare('SELECT 1').first())),
      standing(askStore('kv', () => env.KV.get('health'))),
      standing(gates.ping()),
    ]);
    this.#known = { stores: { d1, kv, gates: gate }, until: now + HEALTH_PROBE_AGE * 1000 };
    return this.#known.stores;
  }
}

function standing(probe: Promise<unknown>): Promise<Standing> {
  return probe.then(
    () => 'ok' as const,
    () => 'unavailable' as const,
  );
}
