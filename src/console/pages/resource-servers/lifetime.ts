const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** Returns the lifetime of tokens in the largest unit that has a whole number of it. */
export function lifetime(seconds: number | null): string {
  if (seconds === null) return 'default (1 h)';
  const [size, unit] = UNITS.find(([each]) => seconds % each === 0) ?? [1, 's'];
  return `${seconds / size} ${unit}`;
}
