import type { ReplayWindow, SpentId } from '../gates/protocol.ts';
import { OPEN_WINDOWS_MAX, REPLAY_WINDOW } from './constants.ts';

// A gate that writes a row for each id pays more for the row than for the request. So a busy gate writes ahead for which ids it writes
// nothing: those that were issued within certain windows. Until the next write it remembers such ids in memory only. If the memory is lost,
// every id that a stored window covers may have been used, and is refused; every other id is in storage if it was used.
//
// A window is a span of the signers' clocks, by the `iat`, and not of the gate's clock. So it does not matter whether any clock is right,
// is set back, or differs from another: whether a window covers an id never changes. A machine's new assertions are outside of the window
// as soon as its own clock has left it.

/** The latest `expires_at` of the ids that were used since the last write, by the beginning of their window. The last used is the last. */
export type RecentUses = ReadonlyMap<number, number>;

/** Returns the beginning of the window that an `iat` falls into. Both are in seconds since the epoch. */
export function windowOf(issuedAt: number): number {
  return Math.floor(issuedAt / REPLAY_WINDOW) * REPLAY_WINDOW;
}

/** Returns the windows to open with a write, if all uses so far are in it: those that are in use, up to `OPEN_WINDOWS_MAX`. */
export function windowsFor(recent: RecentUses): ReplayWindow[] {
  return [...recent].slice(-OPEN_WINDOWS_MAX).map(([from, latest]) => ({
    from,
    until: from + REPLAY_WINDOW,
    // Ids of the same lifetime that are issued later in the window expire later.
    expires_at: latest + REPLAY_WINDOW,
  }));
}

/** Whether an id may be used without a write, because one of the stored windows announced that. */
export function isAnnounced(id: SpentId, windows: readonly ReplayWindow[]): boolean {
  const { issued_at } = id;
  return issued_at !== undefined && windows.some((window) => covers(window, issued_at, id.expires_at));
}

/** Whether an id that is not in storage may have been used by a gate that had announced these windows and lost its memory. */
export function mayBeUsed({ issued_at, expires_at }: SpentId, windows: readonly ReplayWindow[]): boolean {
  return windows.some((window) =>
    // An older edge does not send the `iat`, and a newer one may have sent it when the id was used.
    issued_at === undefined ? expires_at <= window.expires_at : covers(window, issued_at, expires_at),
  );
}

/**
 * Returns the whole seconds after which an id that is made in the same way as this one can be told from those that may have been used: for
 * a new assertion, both its `iat` and its `exp` are later by then.
 * @param max returned if that takes longer
 */
export function secondsUntilKnown(id: SpentId, windows: readonly ReplayWindow[], max: number): number {
  for (let seconds = 1; seconds < max; seconds++) if (!mayBeUsed(later(id, seconds), windows)) return seconds;
  return max;
}

function later({ id, issued_at, expires_at }: SpentId, seconds: number): SpentId {
  return { id, expires_at: expires_at + seconds, ...(issued_at !== undefined && { issued_at: issued_at + seconds }) };
}

function covers({ from, until, expires_at }: ReplayWindow, issuedAt: number, expiresAt: number): boolean {
  return from <= issuedAt && issuedAt < until && expiresAt <= expires_at;
}
