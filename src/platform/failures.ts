import { type ErrorSummary, type FailureEvent, type Loggable, log, loggable } from '../log/log.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { ConfigurationError } from './config.ts';
import { ERROR_FRAMES_MAX } from './constants.ts';

/** Logs an error outside any request, in a line of its own. */
export function logFailure(error: unknown): void {
  log(failureOf(error));
}

/** Classifies an error that has no wire error of its own, with what the log may say about it. */
export function failureOf(error: unknown): FailureEvent {
  if (error instanceof StoreUnavailableError) return { event: 'store_unavailable', store: error.store };
  // Its message is a text of ours, without any value.
  if (error instanceof ConfigurationError) return { event: 'misconfigured', detail: loggable(error.message) };
  return { event: 'unexpected_error', error: trailOf(error) };
}

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
    .slice(0, ERROR_FRAMES_MAX)
    .map(loggable);
}
