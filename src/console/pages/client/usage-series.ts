/** An hour of a client's usage, as the API shows it. */
export interface HourOfUsage {
  readonly hour: string;
  readonly issued: number;
  readonly refused: Readonly<Record<string, number>>;
}

export interface UsageSeries {
  /** The start of the first interval, milliseconds since the epoch. */
  readonly from: number;
  /** The length of an interval in milliseconds. */
  readonly step: number;
  /** Values by interval: the issued tokens first, then the refusals by reason, the most frequent first. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly issued: number;
  readonly refused: number;
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

/** More reasons are drawn as one line: colours could not tell them apart. */
const REASONS_DRAWN = 4;
export const ISSUED = 'Issued';
export const OTHER = 'Other refusals';

/**
 * Arranges hours in intervals without gaps, in UTC. Hours outside the range are left out.
 * @param from the start of the first interval, and @param until the end of the last one, milliseconds since the epoch
 * @param step the length of an interval in milliseconds
 */
export function usageSeries(hours: readonly HourOfUsage[], from: number, until: number, step: number): UsageSeries {
  const start = Math.floor(from / step) * step;
  const length = Math.max(1, Math.ceil((until - start) / step));
  const byOutcome = new Map<string, number[]>([[ISSUED, zeros(length)]]);
  const add = (outcome: string, index: number, count: number) => {
    const values = byOutcome.get(outcome) ?? zeros(length);
    values[index] = (values[index] ?? 0) + count;
    byOutcome.set(outcome, values);
  };
  for (const { hour, issued, refused } of hours) {
    const index = Math.floor((Date.parse(hour) - start) / step);
    if (index < 0 || index >= length) continue;
    add(ISSUED, index, issued);
    for (const [reason, count] of Object.entries(refused)) add(reason, index, count);
  }
  const { [ISSUED]: issued = [], ...refused } = Object.fromEntries(byOutcome);
  const reasons = Object.entries(refused)
    .map(([reason, values]) => ({ reason, count: sum(values), values }))
    .sort((one, other) => other.count - one.count || (one.reason < other.reason ? -1 : 1));
  const rest = reasons.slice(REASONS_DRAWN);
  return {
    from: start,
    step,
    series: [
      { name: ISSUED, values: issued },
      ...reasons.slice(0, REASONS_DRAWN).map(({ reason, values }) => ({ name: reason, values })),
      ...(rest.length > 0
        ? [{ name: OTHER, values: zeros(length).map((_, at) => sum(rest.map(({ values }) => values[at] ?? 0))) }]
        : []),
    ],
    issued: sum(issued),
    refused: sum(reasons.map(({ count }) => count)),
    reasons: reasons.map(({ reason, count }) => ({ reason, count })),
  };
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
