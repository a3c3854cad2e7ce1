import { BACKGROUND_TASKS } from '../store/background-tasks.ts';
import { oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';
import type { Health } from './store-probes.ts';

/**
 * Reports liveness, whether each store answers, and when each background task last succeeded. The status is 200 as long as the Worker
 * runs: it works on without a store, and a restart would not bring the store back.
 */
export async function health(services: Pick<OAuthServices, 'probes' | 'env' | 'db' | 'gates'>): Promise<Response> {
  const { stores, lastSuccesses } = await services.probes.read(services, Date.now());
  return oauthJson({ status: 'ok', stores, last_success: lastSuccesses ? toIsoTimes(lastSuccesses) : null });
}

function toIsoTimes(lastSuccesses: NonNullable<Health['lastSuccesses']>): Record<string, string | null> {
  const entries = BACKGROUND_TASKS.map((task) => {
    const at = lastSuccesses[task];
    return [task, at === null ? null : new Date(at).toISOString()] as const;
  });
  return Object.fromEntries(entries);
}
