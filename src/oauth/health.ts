import { masterKeyMissing } from '../keys/sealing.ts';
import { BACKGROUND_TASKS } from '../store/background-tasks.ts';
import { oauthJson } from './response/oauth-error.ts';
import type { OAuthServices } from './services.ts';
import type { Health } from './store-probes.ts';

/**
 * Reports liveness, whether each store answers, and when each background task last succeeded. The status is 200 as long as the Worker
 * runs: it works on without a store, and a restart would not bring the store back.
 * @throws ConfigurationError if `MASTER_KEY` does not fit the stored keys: no token can be issued
 */
export async function health(
  services: Pick<OAuthServices, 'probes' | 'env' | 'db' | 'gates' | 'masterKeys'>,
): Promise<Response> {
  const { stores, lastSuccesses, lacksMasterKey } = await services.probes.read(services, Date.now());
  if (lacksMasterKey) throw masterKeyMissing();
  return oauthJson({ status: 'ok', stores, last_success: lastSuccesses ? toIsoTimes(lastSuccesses) : null });
}

function toIsoTimes(lastSuccesses: NonNullable<Health['lastSuccesses']>): Record<string, string | null> {
  const entries = BACKGROUND_TASKS.map((task) => {
    const at = lastSuccesses[task];
    return [task, at === null ? null : new Date(at).toISOString()] as const;
  });
  return Object.fromEntries(entries);
}
