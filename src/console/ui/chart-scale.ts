/** Returns the values at which an axis from 0 has lines, at most five: round numbers, the last at or above the maximum. */
export function ticksUpTo(max: number): number[] {
  const rough = Math.max(1, max) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  // Counts are whole.
  const step = Math.max(1, ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power);
  return Array.from({ length: Math.ceil(Math.max(1, max) / step) + 1 }, (_, index) => index * step);
}

/** Returns the path of a line. A gap in the values is a gap in the line. A value without neighbours is a dot. */
export function pathOf(
  values: readonly (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  const parts: string[] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const point = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    const isFirst = (values[index - 1] ?? null) === null;
    if (!isFirst) parts.push(`L${point}`);
    else parts.push((values[index + 1] ?? null) === null ? `M${point}h.01` : `M${point}`);
  });
  return parts.join('');
}

/** Returns every how many steps an axis has a label, so that there are at most `max`. */
export function labelStep(count: number, max: number): number {
  return [1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 168].find((each) => count / each <= max) ?? count;
}
