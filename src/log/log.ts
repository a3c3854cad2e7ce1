import { LOG_TEXT_LENGTH_MAX } from './constants.ts';
import type { Reason, Store } from './reasons.ts';

declare const LOGGABLE: unique symbol;

/** A text that is safe to log: see `loggable()`. */
export type Loggable = string & { readonly [LOGGABLE]: true };

const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * Marks a text as safe to log. Use it only for ids that are known to be valid and for texts of the source code, never for a secret or for
 * text that a caller may have typed. Cuts the text to `LOG_TEXT_LENGTH_MAX` characters and replaces all but visible ASCII by `?`.
 */
export function loggable(text: string): Loggable {
  const shortened = text.slice(0, LOG_TEXT_LENGTH_MAX);
  return (PRINTABLE.test(shortened) ? shortened : shortened.replace(/[^\x20-\x7e]/g, '?')) as Loggable;
}

/** The calls to a store and their total duration in milliseconds. Concurrent calls each count in full. */
export interface StoreUse {
  readonly calls: number;
  readonly ms: number;
}

/** The loggable part of an unexpected error. Its message is left out, because it may contain a secret. */
export interface ErrorSummary {
  readonly name: Loggable;
  /** The first frames of its stack. */
  readonly frames: readonly Loggable[];
}

export type Outcome = 'ok' | 'refused' | 'throttled' | 'unavailable' | 'error';

/** The fields of a request's log line that only some requests have. */
export interface RequestDetails {
  readonly route: Loggable;
  readonly reason: Reason | undefined;
  readonly client_id: Loggable;
  /** The administrator: `root`, or the id of an API key. */
  readonly actor: Loggable;
  /** The id of the issued token. */
  readonly jti: Loggable;
  /** The audience of the issued token. */
  readonly aud: Loggable;
  /** The store that did not answer. */
  readonly store: Store;
  /** The fault in the configuration, or with remote keys. */
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
  /** The share of such requests that are logged, if not all of them are. The line stands for 1 / `share` requests. */
  readonly share?: number;
}

/** A failure outside any request. */
export type FailureEvent =
  | { readonly event: 'store_unavailable'; readonly store: Store }
  | { readonly event: 'misconfigured'; readonly detail: Loggable }
  | { readonly event: 'unexpected_error'; readonly error: ErrorSummary };

/** The result of one task of the scheduled handler. */
export interface ScheduledEvent {
  readonly event: 'scheduled';
  readonly task:
    | 'resume_pushes'
    | 'purge'
    | 'notice_expiring_api_keys'
    | 'check_quotas'
    | 'notice_expiring_clients'
    | 'notice_expiring_secrets'
    | 'disable_unused_clients'
    | 'notice_unused_secrets'
    | 'send_webhooks'
    | 'rotate_signing_keys'
    | 'remove_signing_keys'
    | 'copy_key_ring'
    | 'migrate_identifiers'
    | 'migrate_usage'
    | 'migrate_secrets'
    | 'flush_usage';
  readonly ok: boolean;
  readonly ms: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** The result of a gate's alarm. */
export interface GateAlarmEvent {
  readonly event: 'gate_alarm';
  /** Null if the gate has no client. */
  readonly client_id: Loggable | null;
  readonly copies: number;
  readonly copies_failed: number;
  readonly events: number;
  readonly events_failed: number;
  /** Revocations that D1 took for the feed, and those that it did not take. */
  readonly revocations: number;
  readonly revocations_failed: number;
  readonly usage_counts: number;
}

/** A gate gave up an audit event that D1 refused for days: it is lost. */
export interface AuditEventDroppedEvent {
  readonly event: 'audit_event_dropped';
  /** Null if the gate knows of no client. */
  readonly client_id: Loggable | null;
  readonly event_id: Loggable;
}

/** Two resource servers from before spellings were compared, whose identifiers mean the same. Logged once, when it is found. */
export interface IdentifierCollisionEvent {
  readonly event: 'identifier_collision';
  /** The ids of the resource servers. */
  readonly resource_server: Loggable;
  readonly collides_with: Loggable;
}

export type LogEvent =
  | RequestEvent
  | FailureEvent
  | ScheduledEvent
  | GateAlarmEvent
  | AuditEventDroppedEvent
  | IdentifierCollisionEvent;

/** Writes an event to the log as one line of JSON, to `console.error` if the service is at fault. Never throws. */
export function log(event: LogEvent): void {
  try {
    const line = JSON.stringify(event);
    if (isOurFault(event)) console.error(line);
    else console.log(line);
  } catch {
    // A failure to log must not fail the request.
  }
}

function isOurFault(event: LogEvent): boolean {
  switch (event.event) {
    case 'request':
      return event.status >= 500;
    case 'scheduled':
      return !event.ok;
    case 'gate_alarm':
      return event.copies_failed + event.events_failed + event.revocations_failed > 0;
    default:
      return true;
  }
}
