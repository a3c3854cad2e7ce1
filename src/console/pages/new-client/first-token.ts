/** How long to wait before each look for the first token, in milliseconds; the last one repeats. Ten minutes take about 30 looks. */
const DELAYS = [1500, 2000, 2000, 3000, 3000, 5000, 5000, 8000, 10_000, 15_000, 20_000, 30_000];

/** Returns the pause before the next look. @param looks how many there were */
export function delayAfter(looks: number): number {
  return DELAYS[Math.min(looks, DELAYS.length) - 1] ?? DELAYS[0] ?? 0;
}

interface Usage {
  readonly issued: number;
  readonly refused: Readonly<Record<string, number>>;
}

interface Reason {
  readonly reason: string;
  readonly last_at: string;
  readonly meaning: string;
  readonly next_step: string;
}

export type FirstToken =
  | { readonly state: 'waiting' }
  | { readonly state: 'seen'; readonly issued: number }
  | { readonly state: 'refused'; readonly reason: Reason };

/**
 * Judges whether a new client got its first token.
 * @param usage its token requests by hour
 * @param summary the reasons of its refusals, the latest first; null if its gate did not answer
 */
export function judgeFirstToken(usage: readonly Usage[], summary: readonly Reason[] | null): FirstToken {
  const issued = usage.reduce((sum, hour) => sum + hour.issued, 0);
  if (issued > 0) return { state: 'seen', issued };
  const [latest] = summary ?? [];
  return latest ? { state: 'refused', reason: latest } : { state: 'waiting' };
}
