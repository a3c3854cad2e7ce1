import { LOG_TEXT_LENGTH_MAX } from './constants.ts';
import type { Reason, Store } from './reasons.ts';

declare const LOGGABLE: unique symbol;

/** A text of which somebody made sure that it may stand in the log. */
export type Loggable = string & { readonly [LOGGABLE]: true };

const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Says of a text that it is neither a secret nor what anybody may have typed: an id that is known to be ours, or a text of the source.
 * What is longer than 200 characters is cut off, and what is not ASCII is told as `?`.
 */
export function loggable(text: string): Loggable {
  const shortened = text.slice(0, LOG_TEXT_LENGTH_MAX);
  return (PRINTABLE.test(shortened) ? shortened : shortened.replace(/[^\x20-\x7e]/g, '?')) as Loggable;
}

/** How often a store was asked, and for how many milliseconds in all: of calls at the same time each counts whole. */
export interface StoreUse {
  readonly calls: number;
  readonly ms: number;
}

/** What is told of an error that nobody expected: not its message, which may hold anything. */
export interface ErrorSummary {
  readonly name: Loggable;
  /** The first of its stack. */
  readonly frames: readonly Loggable[];
}

export type Outcome = 'ok' | 'refused' | 'throttled' | 'unavailable' | 'error';

/** What a request's line tells beside what every request has. */
export interface RequestDetails {
  readonly route: Loggable;
  readonly reason: Reason | undefined;
  readonly client_id: Loggable;
  /** The administrator: `root`, or an API key's id. */
  readonly actor: Loggable;
  /** Of a token that was issued. */
  readonly jti: Loggable;
  readonly aud: Loggable;
  /** The one that did not answer. */
  readonly store: Store;
  /** What is not as it must be in the configuration, or with keys elsewhere. */
  readonly detail: Loggable;
  readonly error: ErrorSummary;
}

export interface RequestEvent
  extends Partial<Omit<RequestDetails, 'route' | 'reason'>>,
    Partial<Record<Store, StoreUse>> {
  readonly event: 'request';
  readonly request_id: Loggable;
  readonly ray?: Loggable;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'other';
  readonly route: Loggable | null;
  readonly status: number;
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  readonly ms: number;
}

/** A failure outside any request. */
export type FailureEvent =
  | { readonly event: 'store_unavailable'; readonly store: Store }
  | { readonly event: 'misconfigured'; readonly detail: Loggable }
  | { readonly event: 'unexpected_error'; readonly error: ErrorSummary };

/** What the scheduled handler did of one kind. */
export interface ScheduledEvent {
  readonly event: 'scheduled';
  readonly task:
    | 'resume_pushes'
    | 'purge'
    | 'rotate_signing_keys'
    | 'remove_signing_keys'
    | 'copy_key_ring'
    | 'flush_usage';
  readonly ok: boolean;
  readonly ms: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What a gate's alarm did. */
export interface GateAlarmEvent {
  readonly event: 'gate_alarm';
  /** Null where the gate knows of no client. */
  readonly client_id: Loggable | null;
  readonly copies: number;
  readonly copies_failed: number;
  readonly events: number;
  readonly events_failed: number;
  readonly usage_counts: number;
}

export type LogEvent = RequestEvent | FailureEvent | ScheduledEvent | GateAlarmEvent;

/** Writes an event to the log as one line of JSON: as an error where the fault is ours. Never fails, whatever becomes of the line. */
export function log(event: LogEvent): void {
  try {
    const line = JSON.stringify(event);
    if (isOurFault(event)) console.error(line);
    else console.log(line);
  } catch {
    // Who cannot be logged is served all the same.
  }
}

function isOurFault(event: LogEvent): boolean {
  switch (event.event) {
    case 'request':
      return event.status >= 500;
    case 'scheduled':
      return !event.ok;
    case 'gate_alarm':
      return event.copies_failed + event.events_failed > 0;
    default:
      return true;
  }
}
