/** Seconds of each unit of a duration on the command line. */
export const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Formats a number of seconds in the largest unit that divides it, such as `10m`, as options take it. */
export function duration(seconds: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, size]) => seconds > 0 && seconds % size === 0) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}
