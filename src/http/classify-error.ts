import { TooManyAttemptsError } from '../gates/attempt-filter.ts';
import { loggable, type RequestDetails } from '../log/log.ts';
import { toFailureEvent } from '../platform/failures.ts';
import { RemoteError } from '../remote-keys/remote-error.ts';
import { NotYetError, UnknownUseError } from '../store/errors.ts';
import { REMOTE_RETRY_AFTER, STORE_RETRY_AFTER } from './constants.ts';

/** Why a request could not be answered, if the error is not one of its API's own. `retryAfter` is in seconds. */
export type ClassifiedError = (
  | { readonly kind: 'too_many_attempts' | 'unknown_use'; readonly retryAfter: number; readonly message: string }
  | { readonly kind: 'not_yet' | 'remote_keys_unavailable' | 'store_unavailable'; readonly retryAfter: number }
  | { readonly kind: 'misconfigured' | 'unexpected' }
) & {
  /** What the log line of the request says about it: the reason, and details that the caller must not see. */
  readonly log: Partial<RequestDetails>;
};

/** Classifies an error that a request's handler threw. Each API maps the kinds to its own wire errors. */
export function classifyError(error: unknown): ClassifiedError {
  if (error instanceof TooManyAttemptsError) {
    const { retryAfter, message } = error;
    return { kind: 'too_many_attempts', retryAfter, message, log: { reason: 'too_many_attempts' } };
  }
  if (error instanceof UnknownUseError) {
    const { retryAfter, message } = error;
    return { kind: 'unknown_use', retryAfter, message, log: { reason: 'use_unknown' } };
  }
  if (error instanceof NotYetError) {
    return { kind: 'not_yet', retryAfter: error.retryAfter, log: { reason: 'temporarily_unavailable' } };
  }
  if (error instanceof RemoteError) {
    const log = { reason: 'remote_keys_unavailable', detail: loggable(error.fault) } as const;
    // The same wait for every fault: the caller must not learn what the remote host answered.
    return { kind: 'remote_keys_unavailable', retryAfter: REMOTE_RETRY_AFTER, log };
  }
  const failure = toFailureEvent(error);
  switch (failure.event) {
    case 'store_unavailable': {
      const log = { reason: `${failure.store}_unavailable`, store: failure.store } as const;
      return { kind: 'store_unavailable', retryAfter: STORE_RETRY_AFTER, log };
    }
    case 'misconfigured':
      return { kind: 'misconfigured', log: { reason: 'misconfigured', detail: failure.detail } };
    case 'unexpected_error':
      return { kind: 'unexpected', log: { reason: 'unexpected', error: failure.error } };
  }
}
