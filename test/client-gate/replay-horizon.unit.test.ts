import { describe, expect, test } from 'vitest';
import { OPEN_WINDOWS_MAX, REPLAY_WINDOW } from '../../src/client-gate/constants.ts';
import { isAnnounced, mayBeUsed, secondsUntilKnown, windowsFor } from '../../src/client-gate/replay-horizon.ts';
import type { SpentId } from '../../src/gates/protocol.ts';

const T = 1_800_000_000;
const W = REPLAY_WINDOW;
/** The expiry of an assertion of five minutes that is issued at the beginning of the window, as the edge computes it. */
const E = T + 330;

const idOf = (issued_at: number | undefined, expires_at: number): SpentId => ({
  id: 'assertion x',
  expires_at,
  ...(issued_at !== undefined && { issued_at }),
});

describe('a window that was opened at the first second of its span, by an assertion of five minutes', () => {
  const windows = windowsFor(new Map([[T, E]]));

  // A gate that lost its memory must refuse whatever it may have used without a write, and as little else as possible.
  test.each<[what: string, id: SpentId, isAnnounced: boolean, mayBeUsed: boolean, retryAfter?: number]>([
    ['issued with it', idOf(T, E), true, true, W],
    ['issued in its last moment', idOf(T + W - 0.001, E + W), true, true, 1],
    ['issued a second before its end', idOf(T + W - 1, E + W - 1), true, true, 1],
    ['issued at its end', idOf(T + W, E + W), false, false],
    ['issued just before it', idOf(T - 0.001, E), false, false],
    ['issued by a clock that is 30 s ahead', idOf(T + 30, E + 30), false, false],
    ['issued by a clock that is 30 s behind', idOf(T - 30, E - 30), false, false],
    ['of a shorter life', idOf(T + 1, T + 91), true, true, W - 1],
    ['of a longer life', idOf(T, E + W + 1), false, false],
    ['without an iat', idOf(0, E), false, false],
    ['of an older edge, that expires with it', idOf(undefined, E), false, true, W + 1],
    ['of an older edge, that expires much earlier', idOf(undefined, T + 40), false, true, 60],
    ['of an older edge, that expires later', idOf(undefined, E + W + 1), false, false],
  ])('an id %s: may be used without a write, may have been used, and how long that lasts', (_, id, ...expected) => {
    const retryAfter = mayBeUsed(id, windows) ? secondsUntilKnown(id, windows, 60) : undefined;
    expect([isAnnounced(id, windows), mayBeUsed(id, windows), retryAfter]).toEqual(
      [...expected, undefined].slice(0, 3),
    );
  });

  test('whatever may be used without a write may have been used, by an older edge as well', () => {
    for (let issued = T - W; issued <= T + 2 * W; issued += 0.5) {
      for (let expires = T; expires <= E + 2 * W; expires += 1) {
        const id = idOf(issued, expires);
        if (!isAnnounced(id, windows)) continue;
        expect(mayBeUsed(id, windows)).toBe(true);
        expect(mayBeUsed(idOf(undefined, expires), windows)).toBe(true);
      }
    }
  });
});

test('of many clocks the last used windows are open', () => {
  const recent = new Map(Array.from({ length: 100 }, (_, index) => [T - index * W, E]));
  const windows = windowsFor(recent);
  expect(windows).toHaveLength(OPEN_WINDOWS_MAX);
  expect(windows.at(-1)).toMatchObject({ from: T - 99 * W });
});
