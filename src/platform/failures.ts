import { type ErrorSummary, type FailureEvent, type Loggable, log, loggable } from '../log/log.ts';
import { StoreUnavailableError } from '../store/errors.ts';
import { ConfigurationError } from './config.ts';
import { ERROR_FRAMES_MAX } from './constants.ts';

/** Logs an error outside any request, in a line of its own. */
export function logFailure(error: unknown): void {
  log(toFailureEvent(error));
}

/** Classifies an error that has no wire error of its own, with what the log may say about it. */
export function toFailureEvent(error: unknown): FailureEvent {
  if (error instanceof StoreUnavailableError) return { event: 'store_unavailable', store: error.store };
  // The message is a fixed text without secret values.
  if (error instanceof ConfigurationError) return { event: 'misconfigured', detail: loggable(error.message) };
  return { event: 'unexpected_error', error: summarizeError(error) };
}

const FRAME = /^ {4}at .+$/;

function summarizeError(error: unknown): ErrorSummary {
  if (!(error instanceof Error)) return { name: loggable(typeof error), frames: [] };
  return { name: loggable(error.name), frames: readFrames(error) };
}

// A stack begins with the original message, which may contain a secret and may look like a frame. If the end of the message cannot be
// found, no frame is logged.
function readFrames({ stack = '', message }: Error): Loggable[] {
  const messageStart = stack.indexOf(message);
  if (messageStart < 0) return [];
  const lines = stack.slice(messageStart + message.length).split('\n');
  return lines
    .filter((line) => FRAME.test(line))
    .slice(0, ERROR_FRAMES_MAX)
    .map(loggable);
}
