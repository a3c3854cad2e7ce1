import {
  REMOTE_BACK_OFF_MAX,
  REMOTE_BACK_OFF_MIN,
  REMOTE_KEYS_AGE_MAX,
  REMOTE_KEYS_AWAIT_REFRESH_AGE,
  REMOTE_KEYS_REFETCH_MIN,
  REMOTE_KEYS_REFRESH_AGE,
} from './constants.ts';
import type { KeySet } from './key-set.ts';

/** The state of a key source in an isolate's cache. Times are milliseconds since the epoch. */
export interface SourceState {
  /** The keys that were fetched last, and when that fetch started. */
  readonly fetched?: { readonly keys: KeySet; readonly at: number };
  /** When the last fetch started, whether it succeeded or failed. */
  readonly lastFetchAt: number;
  /** The number of consecutive failures. */
  readonly failures: number;
  /** When the back-off after a failure ends. Until then the source is not fetched. */
  readonly backOffUntil: number;
}

export const INITIAL_STATE: SourceState = { lastFetchAt: 0, failures: 0, backOffUntil: 0 };

/** Returns the cached keys if they are not too old to use. */
export function usableKeys({ fetched }: SourceState, now: number): KeySet | undefined {
  return fetched && now < fetched.at + REMOTE_KEYS_AGE_MAX * 1000 ? fetched.keys : undefined;
}

/** Whether the source must be fetched again even if its cached keys have the one that is needed. */
export function needsRefresh({ fetched, backOffUntil }: SourceState, now: number): boolean {
  return now >= backOffUntil && !(fetched && now < fetched.at + REMOTE_KEYS_REFRESH_AGE * 1000);
}

/**
 * Whether a request must wait for the refresh before it uses the cached keys. Keys in use are refreshed in the background long before this
 * age, so this request is the first in a while, and waiting gives it the keys that the source publishes now. After a failure no request
 * waits: then the cached keys are the best that there are.
 */
export function mustAwaitRefresh({ fetched, failures }: SourceState, now: number): boolean {
  return failures === 0 && fetched !== undefined && now >= fetched.at + REMOTE_KEYS_AWAIT_REFRESH_AGE * 1000;
}

/**
 * Whether the source may be fetched for a key that its cached keys lack. Without this limit a sender of invented `kid`s would cause a fetch
 * for each of them.
 */
export function mayRefetch(state: SourceState, now: number): boolean {
  const { lastFetchAt, backOffUntil } = state;
  const wasFetchedRecently = usableKeys(state, now) && now < lastFetchAt + REMOTE_KEYS_REFETCH_MIN * 1000;
  return now >= backOffUntil && !wasFetchedRecently;
}

/** Returns the state after a successful fetch. */
export function afterSuccess(keys: KeySet, lastFetchAt: number): SourceState {
  return { fetched: { keys, at: lastFetchAt }, lastFetchAt, failures: 0, backOffUntil: 0 };
}

/**
 * Returns the state after a failed fetch, with its back-off.
 * @param failedAt milliseconds since the epoch. The back-off starts then, because the fetch may have taken long to fail.
 * @param chance random number from 0 to 1, so that isolates that failed together do not retry together
 */
export function afterFailure(before: SourceState, lastFetchAt: number, failedAt: number, chance: number): SourceState {
  const seconds = backOffSeconds(before.failures) * (1 + chance / 2);
  return { ...before, lastFetchAt, failures: before.failures + 1, backOffUntil: failedAt + seconds * 1000 };
}

/** Returns the back-off after a failure, in seconds, before the random part. @param failures the failures before it */
export function backOffSeconds(failures: number): number {
  return Math.min(REMOTE_BACK_OFF_MAX, REMOTE_BACK_OFF_MIN * 2 ** failures);
}
