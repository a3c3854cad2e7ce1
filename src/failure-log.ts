import { ConfigurationError } from './config.ts';
import { StoreUnavailableError } from './store/errors.ts';

/** Why a request could not be answered: a store did not, the service is not configured, or nobody knows. */
export type Failure = 'unavailable' | 'misconfigured' | 'unexpected';

/** Tells the log of an error that is no protocol's own, and what sort it is. Of one that is unexpected only its class: its message may hold anything. */
export function logFailure(error: unknown): Failure {
  if (error instanceof StoreUnavailableError) {
    console.error({ event: 'store_unavailable', store: error.store, reason: error.message });
    return 'unavailable';
  }
  if (error instanceof ConfigurationError) {
    console.error({ event: 'misconfigured', reason: error.message });
    return 'misconfigured';
  }
  console.error({ event: 'unexpected_error', name: error instanceof Error ? error.name : typeof error });
  return 'unexpected';
}
