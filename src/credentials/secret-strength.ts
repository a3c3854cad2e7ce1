const BITS_MIN = 112;

/**
 * Whether a secret that was made elsewhere is fit to be one here. Nobody can tell how it was chosen; this refuses what is short, repeats
 * itself, or has few different characters. 112 bits are the least that [NIST SP 800-131A](https://doi.org/10.6028/NIST.SP.800-131Ar2) lets keys have.
 */
export function isStrongSecret(secret: string): boolean {
  return estimatedBits(secret) >= BITS_MIN;
}

/** At most so many bits: as if each character of one period had been drawn from those that occur. */
function estimatedBits(secret: string): number {
  const different = new Set(secret).size;
  return shortestPeriod(secret) * Math.log2(Math.max(1, different));
}

/** The length of the shortest text that the secret repeats. */
function shortestPeriod(secret: string): number {
  const second = (secret + secret).indexOf(secret, 1);
  return second < 0 ? secret.length : second;
}
