import { STORE_RETRY_AFTER } from '../../constants.ts';
import { TooManyAttemptsError } from '../../gates/attempt-filter.ts';
import { loggable } from '../../log/log.ts';
import { addLogDetails } from '../../log/trace.ts';
import { recordFailure } from '../../platform/failures.ts';
import { RemoteError } from '../../remote-keys/remote-error.ts';
import { NotYetError } from '../../store/errors.ts';
import { REMOTE_RETRY_AFTER } from '../constants.ts';
import { OAuthError } from './oauth-error.ts';

/** The answer of an OAuth endpoint to whatever was thrown, which the log is told of. */
export function errorResponse(error: unknown): Response {
  return asOAuthError(error).toResponse();
}

function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) {
    addLogDetails({ reason: error.reason });
    return error;
  }
  if (error instanceof TooManyAttemptsError) {
    addLogDetails({ reason: 'too_many_attempts' });
    const headers = { 'Retry-After': String(error.retryAfter) };
    return new OAuthError('slow_down', { description: error.message, headers });
  }
  if (error instanceof NotYetError) {
    addLogDetails({ reason: 'temporarily_unavailable' });
    return new OAuthError('temporarily_unavailable', { headers: { 'Retry-After': String(error.retryAfter) } });
  }
  if (error instanceof RemoteError) {
    // The same whatever was wrong: nobody is to learn from it what answers where.
    addLogDetails({ reason: 'remote_keys_unavailable', detail: loggable(error.fault) });
    return new OAuthError('temporarily_unavailable', { headers: { 'Retry-After': String(REMOTE_RETRY_AFTER) } });
  }
  switch (recordFailure(error)) {
    case 'unavailable':
      return new OAuthError('temporarily_unavailable', { headers: { 'Retry-After': String(STORE_RETRY_AFTER) } });
    case 'misconfigured':
      return new OAuthError('server_error', { description: 'The service is not configured.' });
    case 'unexpected':
      return new OAuthError('server_error');
  }
}
