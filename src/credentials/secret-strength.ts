import { SECRET_BITS_MIN, SECRET_DISTINCT_CHARACTERS_MIN, VISIBLE_ASCII_CHARACTERS } from './constants.ts';

const HEX = /^[\da-f]+$/i;

/**
 * Whether a secret that was made elsewhere is fit to be one here. Nobody can tell how it was chosen; this refuses what is short, repeats
 * itself, counts up or down, or has few different characters.
 */
export function isStrongSecret(secret: string): boolean {
  return (
    different(secret) >= SECRET_DISTINCT_CHARACTERS_MIN &&
    different(steps(secret)) >= SECRET_DISTINCT_CHARACTERS_MIN &&
    estimatedBits(secret) >= SECRET_BITS_MIN
  );
}

/** As if each character of one period had been drawn from the alphabet. */
function estimatedBits(secret: string): number {
  const period = shortestPeriod(secret);
  const alphabet = HEX.test(secret) ? 16 : likelyAlphabet(different(secret), period);
  return period * Math.log2(alphabet);
}

/** The length of the shortest text that the secret repeats, the last time perhaps not to its end. */
function shortestPeriod(secret: string): number {
  let period = 1;
  while (!secret.startsWith(secret.slice(period))) period++;
  return period;
}

/** The size of the alphabet from which so many draws can be expected to bring so many different characters: a few draws leave many out. */
function likelyAlphabet(found: number, draws: number): number {
  let size = found;
  while (size < VISIBLE_ASCII_CHARACTERS && size * (1 - (1 - 1 / size) ** draws) < found) size++;
  return size;
}

/** How far each character lies from the one before. */
function steps(secret: string): number[] {
  const codes = Array.from(secret, (character) => character.charCodeAt(0));
  return codes.slice(1).map((code, index) => code - (codes[index] ?? 0));
}

function different(items: Iterable<unknown>): number {
  return new Set(items).size;
}
