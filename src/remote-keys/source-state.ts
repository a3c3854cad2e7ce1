import {
  REMOTE_BACK_OFF_MAX,
  REMOTE_BACK_OFF_MIN,
  REMOTE_KEYS_AGE_MAX,
  REMOTE_KEYS_AWAIT_REFRESH_AGE,
  REMOTE_KEYS_REFETCH_MIN,
  REMOTE_KEYS_REFRESH_AGE,
} from './constants.ts';
import type { KeySet } from './key-set.ts';

/** What is known of a source. Times are milliseconds since the epoch. */
export interface SourceState {
  /** What it published last, and when it was asked for that. */
  readonly published?: { readonly keys: KeySet; readonly at: number };
  /** When it was asked last, whatever came of it. */
  readonly askedAt: number;
  /** How often it has failed in a row. */
  readonly failures: number;
  /** Until when it is left alone. */
  readonly heldBackUntil: number;
}

export const INITIAL_STATE: SourceState = { askedAt: 0, failures: 0, heldBackUntil: 0 };

/** The keys that are believed still. */
export function usableKeys({ published }: SourceState, now: number): KeySet | undefined {
  return published && now < published.at + REMOTE_KEYS_AGE_MAX * 1000 ? published.keys : undefined;
}

/** Whether the source is to be asked though its keys have what is wanted. */
export function needsRefresh({ published, heldBackUntil }: SourceState, now: number): boolean {
  return now >= heldBackUntil && !(published && now < published.at + REMOTE_KEYS_REFRESH_AGE * 1000);
}

/**
 * Whether the keys are from a time that nobody needs to go by, unless the source fails: in use they are asked for again long before, so
 * whoever finds them is the first in a while, and can wait for those that stand now.
 */
export function mustAwaitRefresh({ published, failures }: SourceState, now: number): boolean {
  return failures === 0 && published !== undefined && now >= published.at + REMOTE_KEYS_AWAIT_REFRESH_AGE * 1000;
}

/** Whether the source may be asked for what its keys do not have: otherwise whoever makes up kids would decide how often it is. */
export function mayRefetch(knowledge: SourceState, now: number): boolean {
  const { askedAt, heldBackUntil } = knowledge;
  const lately = usableKeys(knowledge, now) && now < askedAt + REMOTE_KEYS_REFETCH_MIN * 1000;
  return now >= heldBackUntil && !lately;
}

/** What is known once a source has published its keys. */
export function afterSuccess(keys: KeySet, askedAt: number): SourceState {
  return { published: { keys, at: askedAt }, askedAt, failures: 0, heldBackUntil: 0 };
}

/**
 * What is known once a source has failed.
 * @param failedAt milliseconds since the epoch: it may have taken its time
 * @param chance within 0 and 1, so that isolates which failed together do not come back together
 */
export function afterFailure(before: SourceState, askedAt: number, failedAt: number, chance: number): SourceState {
  const seconds = Math.min(REMOTE_BACK_OFF_MAX, REMOTE_BACK_OFF_MIN * 2 ** before.failures) * (1 + chance / 2);
  return { ...before, askedAt, failures: before.failures + 1, heldBackUntil: failedAt + seconds * 1000 };
}
