import { useSyncExternalStore } from 'react';

const UNITS = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'long' });
const TICK_MS = 30_000;

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  if (!timer) now = Date.now();
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Returns the current time in milliseconds. It changes every half minute. */
export function useNow(): number {
  return useSyncExternalStore(listen, () => now);
}

/** Returns a time relative to another, such as "3 hours ago". */
export function relativeTime(at: number, to: number): string {
  const seconds = (at - to) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  if (unit === 'second') return seconds <= 0 ? 'just now' : 'in a moment';
  return relative.format(Math.round(seconds / size), unit);
}

/** A time of the API, relative to now. The exact time is in its title. @param absent what is shown for null */
export function Time({ at, absent = 'never' }: { readonly at: string | null | undefined; readonly absent?: string }) {
  // Rendered again with each tick. The tick may be half a minute old, and what has just happened is not to come.
  const current = Math.max(useNow(), Date.now());
  if (at === null || at === undefined) return <span className="faint">{absent}</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${date.toLocaleString()} (${at})`}>
      {relativeTime(date.getTime(), current)}
    </time>
  );
}
