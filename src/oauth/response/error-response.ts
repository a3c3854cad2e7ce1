import { type ClassifiedError, classifyError } from '../../http/classify-error.ts';
import type { RequestDetails } from '../../log/log.ts';
import { addLogDetails } from '../../log/trace.ts';
import { OAuthError } from './oauth-error.ts';

/** Returns an OAuth endpoint's answer to any thrown error, and notes the reason for the request's log line. */
export function errorResponse(error: unknown): Response {
  const { answer, log } = explainError(error);
  addLogDetails(log);
  return answer.toResponse();
}

/** Returns the OAuth error for any thrown error, and what the log says about it. */
export function explainError(error: unknown): { answer: OAuthError; log: Partial<RequestDetails> } {
  if (error instanceof OAuthError) return { answer: error, log: { reason: error.reason } };
  const classified = classifyError(error);
  return { answer: toOAuthError(classified), log: classified.log };
}

function toOAuthError(classified: ClassifiedError): OAuthError {
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
