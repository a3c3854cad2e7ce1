import { HEALTH_PROBE_AGE } from '../constants.ts';
import type { Services } from '../services.ts';
import { askStore } from '../store/errors.ts';
import { oauthJson } from './errors.ts';

type Standing = 'ok' | 'unavailable';

/** Tells which stores answer; each is asked at most every `HEALTH_PROBE_AGE` seconds in an isolate. */
export class StoreProbes {
  #known: { stores: Record<'d1' | 'kv' | 'gates', Standing>; until: number } | undefined;

  async ask({ env, gates }: Pick<Services, 'env' | 'gates'>, now: number) {
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

/** Liveness, and the readiness of each store. 200 as long as the Worker runs: a lost store is survived, not restarted. */
export async function health(services: Services): Promise<Response> {
  return oauthJson({ status: 'ok', stores: await services.probes.ask(services, Date.now()) });
}

function standing(probe: Promise<unknown>): Promise<Standing> {
  return probe.then(
    () => 'ok' as const,
    () => 'unavailable' as const,
  );
}
