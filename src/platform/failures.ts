import { type ErrorSummary, type FailureEvent, type Loggable, log, loggable } from '../log/log.ts';
import { addLogDetails } from '../log/trace.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { ConfigurationError } from './config.ts';

/** Why a request could not be answered: a store did not, the service is not configured, or nobody knows. */
export type Failure = 'unavailable' | 'misconfigured' | 'unexpected';

/** Notes, for its request's line in the log, an error that is no protocol's own, and tells what sort it is. */
export function recordFailure(error: unknown): Failure {
  const failure = failureOf(error);
  switch (failure.event) {
    case 'store_unavailable':
      addLogDetails({ reason: `${failure.store}_unavailable`, store: failure.store });
      return 'unavailable';
    case 'misconfigured':
      addLogDetails({ reason: 'misconfigured', detail: failure.detail });
      return 'misconfigured';
    case 'unexpected_error':
      addLogDetails({ reason: 'unexpected', error: failure.error });
      return 'unexpected';
  }
}

/** Tells the log of an error outside any request, in a line of its own. */
export function logFailure(error: unknown): void {
  log(failureOf(error));
}

function failureOf(error: unknown): FailureEvent {
  if (error instanceof StoreUnavailableError) return { event: 'store_unavailable', store: error.store };
  // Its message is a text of ours, without any value.
  if (error instanceof ConfigurationError) return { event: 'misconfigured', detail: loggable(error.message) };
  return { event: 'unexpected_error', error: trailOf(error) };
}

const FRAMES_SHOWN = 5;
const FRAME = /^ {4}at .+$/;

function trailOf(error: unknown): ErrorSummary {
  if (!(error instanceof Error)) return { name: loggable(typeof error), frames: [] };
  return { name: loggable(error.name), frames: framesOf(error) };
}

// A stack begins with the message as it was, which may look like a frame: where it cannot be told where that ends, nothing is shown.
function framesOf({ stack = '', message }: Error): Loggable[] {
  const begin = stack.indexOf(message);
  if (begin < 0) return [];
  const lines = stack.slice(begin + message.length).split('\n');
  return lines
    .filter((line) => FRAME.test(line))
    .slice(0, FRAMES_SHOWN)
    .map(loggable);
}
