import { SECRET_BITS_MIN, SECRET_DISTINCT_CHARACTERS_MIN, VISIBLE_ASCII_CHARACTERS } from './constants.ts';

const HEX = /^[\da-f]+$/i;

/**
 * Whether an imported secret is strong enough. How it was chosen cannot be known; this refuses a secret that is short, repetitive, counts
 * up or down, or has few distinct characters.
 */
export function isStrongSecret(secret: string): boolean {
  return (
    countDistinct(secret) >= SECRET_DISTINCT_CHARACTERS_MIN &&
    countDistinct(steps(secret)) >= SECRET_DISTINCT_CHARACTERS_MIN &&
    estimatedBits(secret) >= SECRET_BITS_MIN
  );
}

/** Estimates the entropy as if each character of one period had been drawn at random from the likely alphabet. */
function estimatedBits(secret: string): number {
  const period = shortestPeriod(secret);
  const alphabet = HEX.test(secret) ? 16 : likelyAlphabet(countDistinct(secret), period);
  return period * Math.log2(alphabet);
}

/** Returns the length of the shortest text that the secret repeats. The last repetition may be incomplete. */
function shortestPeriod(secret: string): number {
  let period = 1;
  while (!secret.startsWith(secret.slice(period))) period++;
  return period;
}

/** Returns the size of the alphabet from which `draws` random characters have `distinct` distinct ones on average: few draws miss many. */
function likelyAlphabet(distinct: number, draws: number): number {
  let size = distinct;
  while (size < VISIBLE_ASCII_CHARACTERS && size * (1 - (1 - 1 / size) ** draws) < distinct) size++;
  return size;
}

/** Returns the difference of each character code from the one before: a secret that counts has few distinct steps. */
function steps(secret: string): number[] {
  const codes = Array.from(secret, (character) => character.charCodeAt(0));
  return codes.slice(1).map((code, index) => code - (codes[index] ?? 0));
}

function countDistinct(items: Iterable<unknown>): number {
  return new Set(items).size;
}
