/** How many values the first eight hexadecimal digits of an id have. */
const DRAWS = 2 ** 32;

/**
 * Whether a request is in the sample of a share. It depends on the id alone, so anyone who has the id can tell. The first 32 bits of a
 * version 4 UUID are random, so a sample has its share of all requests.
 * @param share from 0 (no request) to 1 (every request)
 */
export function isInSample(requestId: string, share: number): boolean {
  return Number.parseInt(requestId.slice(0, 8), 16) < share * DRAWS;
}
