import type { Services } from '../services.ts';
import { oauthJson } from './errors.ts';

/** Liveness, and the readiness of each store. 200 as long as the Worker runs: a lost store is survived, not restarted. */
export async function health(services: Services): Promise<Response> {
  return oauthJson({ status: 'ok', stores: await services.probes.ask(services, Date.now()) });
}
