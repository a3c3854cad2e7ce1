import { classifyError } from '../../http/classify-error.ts';
import { addLogDetails } from '../../log/trace.ts';
import { OAuthError } from './oauth-error.ts';

/** Returns an OAuth endpoint's answer to any thrown error, and notes the reason for the request's log line. */
export function errorResponse(error: unknown): Response {
  return asOAuthError(error).toResponse();
}

function asOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) {
    addLogDetails({ reason: error.reason });
    return error;
  }
  const classified = classifyError(error);
  addLogDetails(classified.log);
  switch (classified.kind) {
    case 'too_many_attempts': {
      const { message: description, retryAfter } = classified;
      return new OAuthError('slow_down', { description, headers: { 'Retry-After': String(retryAfter) } });
    }
    case 'unknown_use': {
      const { message: description, retryAfter } = classified;
      return new OAuthError('temporarily_unavailable', { description, headers: { 'Retry-After': String(retryAfter) } });
    }
    case 'not_yet':
    case 'remote_keys_unavailable':
    case 'store_unavailable': {
      const headers = { 'Retry-After': String(classified.retryAfter) };
      return new OAuthError('temporarily_unavailable', { headers });
    }
    case 'misconfigured':
      return new OAuthError('server_error', { description: 'The service is not configured.' });
    case 'unexpected':
      return new OAuthError('server_error');
  }
}
