const DAY_MS = 86_400_000;

/** Beginning and end of a day or month by UTC, in milliseconds since the epoch. The end belongs to the next one. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** Returns the day or month by UTC that contains a time, in milliseconds since the epoch. */
export function periodAt(period: 'day' | 'month', at: number): Span {
  if (period === 'day') {
    const from = Math.floor(at / DAY_MS) * DAY_MS;
    return { from, until: from + DAY_MS };
  }
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: Date.UTC(year, month), until: Date.UTC(year, month + 1) };
}
