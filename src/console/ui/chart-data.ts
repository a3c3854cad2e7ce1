export interface Series {
  readonly label: string;
  /** One value for each step. null for a gap. */
  readonly values: readonly (number | null)[];
  readonly tone?: 'accent' | 'good' | 'warning' | 'bad' | 'neutral';
}

export interface ChartProps {
  /** Names the chart. */
  readonly label: string;
  readonly series: readonly Series[];
  /** When the first step begins: an RFC 3339 time. */
  readonly from: string;
  /** The length of a step, in seconds. */
  readonly step: number;
}
