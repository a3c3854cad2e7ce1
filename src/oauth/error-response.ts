import { ConfigurationError } from '../config.ts';
import { STORE_RETRY_AFTER } from '../constants.ts';
import { TooManyAttemptsError } from '../credentials/attempt-filter.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { OAuthError } from './errors.ts';

/** The answer of an OAuth endpoint to whatever was thrown. What is not the protocol's own is told to the log, by its class alone. */
export function errorResponse(error: unknown): Response {
  if (error instanceof OAuthError) return error.toResponse();
  if (error instanceof TooManyAttemptsError) {
    const headers = { 'Retry-After': String(error.retryAfter) };
    return new OAuthError('slow_down', { description: error.message, headers }).toResponse();
  }
  if (error instanceof StoreUnavailableError) {
    console.error({ event: 'store_unavailable', store: error.store, reason: error.message });
    const headers = { 'Retry-After': String(STORE_RETRY_AFTER) };
    return new OAuthError('temporarily_unavailable', { headers }).toResponse();
  }
  if (error instanceof ConfigurationError) {
    console.error({ event: 'misconfigured', reason: error.message });
    return new OAuthError('server_error', { description: 'The service is not configured.' }).toResponse();
  }
  console.error({ event: 'unexpected_error', name: error instanceof Error ? error.name : typeof error });
  return new OAuthError('server_error').toResponse();
}
