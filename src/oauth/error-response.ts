import { STORE_RETRY_AFTER } from '../constants.ts';
import { TooManyAttemptsError } from '../credentials/attempt-filter.ts';
import { logFailure } from '../failure-log.ts';
import { OAuthError } from './errors.ts';

/** The answer of an OAuth endpoint to whatever was thrown. */
export function errorResponse(error: unknown): Response {
  return asOAuthError(error).toResponse();
}

function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  if (error instanceof TooManyAttemptsError) {
    const headers = { 'Retry-After': String(error.retryAfter) };
    return new OAuthError('slow_down', { description: error.message, headers });
  }
  switch (logFailure(error)) {
    case 'unavailable':
      return new OAuthError('temporarily_unavailable', { headers: { 'Retry-After': String(STORE_RETRY_AFTER) } });
    case 'misconfigured':
      return new OAuthError('server_error', { description: 'The service is not configured.' });
    case 'unexpected':
      return new OAuthError('server_error');
  }
}
