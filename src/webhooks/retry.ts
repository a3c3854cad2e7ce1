import type { Delivery, DeliveryState, WebhookHealth } from '../store/webhook-deliveries.ts';
import type { StoredWebhook } from '../store/webhooks.ts';
import {
  WEBHOOK_BACK_OFF_MAX,
  WEBHOOK_BACK_OFF_MIN,
  WEBHOOK_DISABLED_AFTER,
  WEBHOOK_FAILURES_TOLERATED,
  WEBHOOK_RETRY_AFTER_MAX,
  WEBHOOK_RETRY_AGE,
  WEBHOOK_RETRY_JITTER,
  WEBHOOK_RETRY_WAITS,
} from './constants.ts';

// The rules of sending again, as pure functions. Times are milliseconds since the epoch.

/**
 * Why an attempt failed: the receiver answered with another status than 2xx (`status`), or with a redirect; it did not answer in time, or
 * not at all; its URL is not allowed any more; or the event is not kept any more.
 */
export type Fault = 'status' | 'redirect' | 'deadline' | 'network' | 'address' | 'event_purged';

/** The result of an attempt. */
export interface Outcome {
  /** The HTTP status; null if there was no answer. */
  readonly status: number | null;
  readonly fault: Fault | null;
  /** The seconds of the answer's `Retry-After`. */
  readonly retryAfter?: number | undefined;
}

/** HTTP 410: the receiver wants no more events. */
const GONE = 410;

/** Returns the state of a delivery after an attempt. @param random from 0 to 1 */
export function afterAttempt(
  { eventId, attempts, queuedAt }: Pick<Delivery, 'eventId' | 'attempts' | 'queuedAt'>,
  outcome: Outcome,
  now: number,
  random: number,
): DeliveryState {
  const { status, fault } = outcome;
  const made = { eventId, attempts: attempts + 1, lastAttemptAt: now, lastStatus: status, lastFault: fault };
  if (fault === null) return { ...made, status: 'delivered', dueAt: null };
  const end = queuedAt + WEBHOOK_RETRY_AGE * 1000;
  if (now >= end || status === GONE || fault === 'event_purged') return { ...made, status: 'failed', dueAt: null };
  const wait = WEBHOOK_RETRY_WAITS[Math.min(attempts, WEBHOOK_RETRY_WAITS.length - 1)] ?? 0;
  const seconds = Math.max(wait * (1 + WEBHOOK_RETRY_JITTER * random), requestedWait(outcome));
  // The last attempt is at the end, so that a receiver has the whole time to come back.
  return { ...made, status: 'pending', dueAt: Math.min(Math.round(now + seconds * 1000), end) };
}

/** Returns the health of a webhook after the attempts of one lease. */
export function healthAfter(
  { failures, failingSince }: Pick<StoredWebhook, 'failures' | 'failingSince'>,
  outcomes: readonly Outcome[],
  now: number,
): WebhookHealth {
  // An event that is not kept any more says nothing about the receiver.
  const telling = outcomes.filter(({ fault }) => fault !== 'event_purged');
  if (telling.length === 0) return { failures, failingSince, heldUntil: 0, isBack: false };
  const failed = telling.filter(({ fault }) => fault !== null);
  if (failed.length < telling.length) {
    return { failures: 0, failingSince: null, heldUntil: 0, isBack: failures >= WEBHOOK_FAILURES_TOLERATED };
  }
  const total = failures + failed.length;
  const seconds = Math.max(backOff(total), ...failed.map(requestedWait));
  return {
    failures: total,
    failingSince: failingSince ?? now,
    heldUntil: seconds > 0 ? now + seconds * 1000 : 0,
    isBack: false,
  };
}

/** Returns why a webhook must be disabled after attempts, or undefined if it stays. */
export function disabledReason(
  { failingSince }: WebhookHealth,
  states: readonly DeliveryState[],
  now: number,
): 'gone' | 'failing' | undefined {
  if (states.some(({ lastStatus }) => lastStatus === GONE)) return 'gone';
  const hasGivenUp = states.some(({ status, lastFault }) => status === 'failed' && lastFault !== 'event_purged');
  const isDown = failingSince !== null && failingSince <= now - WEBHOOK_DISABLED_AFTER * 1000;
  return hasGivenUp && isDown ? 'failing' : undefined;
}

function backOff(failures: number): number {
  if (failures < WEBHOOK_FAILURES_TOLERATED) return 0;
  return Math.min(WEBHOOK_BACK_OFF_MAX, WEBHOOK_BACK_OFF_MIN * 2 ** (failures - WEBHOOK_FAILURES_TOLERATED));
}

function requestedWait({ retryAfter = 0 }: Outcome): number {
  return Math.min(retryAfter, WEBHOOK_RETRY_AFTER_MAX);
}
