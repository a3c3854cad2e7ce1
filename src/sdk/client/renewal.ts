import { FIRST_RENEWAL_MIN, RENEWAL_SHARES } from './constants.ts';

/** Returns after which share of its lifetime a token is renewed if it was itself fetched at a moment drawn by this function. */
export function nextRenewal(random: () => number = Math.random): number {
  const { from, to } = RENEWAL_SHARES;
  return from + random() * (to - from);
}

/**
 * Returns after which share of its lifetime a token is renewed if it was fetched in the same moment as those of other processes: at a start, or
 * after an outage. It is what remains of a period into which a process comes at a random moment, so that a fleet is out of step from its first
 * renewals on.
 */
export function firstRenewal(random: () => number = Math.random): number {
  const { from, to } = RENEWAL_SHARES;
  // A random moment lies in a long period more often than in a short one.
  const period = Math.sqrt(from ** 2 + random() * (to ** 2 - from ** 2));
  return period * (FIRST_RENEWAL_MIN + random() * (1 - FIRST_RENEWAL_MIN));
}
