import { OPERATIONS, type Operation, type Operations } from './operations.ts';
import { PRICES } from './prices.ts';

export interface Price {
  /** Dollars for a million tokens. */
  readonly total: number;
  /** The operations that cost something, the dearest first. */
  readonly items: readonly PriceItem[];
}

export interface PriceItem {
  readonly operation: Operation;
  /** How many for one token. */
  readonly count: number;
  /** Dollars for a million tokens. */
  readonly dollars: number;
}

/** Returns the price of a million tokens, each of which takes these operations. */
export function priceOfMillion(perToken: Operations, prices = PRICES): Price {
  const items = (Object.keys(OPERATIONS) as Operation[])
    .map((operation) => {
      const count = perToken[operation];
      return { operation, count, dollars: count * prices[operation] };
    })
    .filter(({ count }) => count > 0)
    .toSorted((one, other) => other.dollars - one.dollars);
  return { total: items.reduce((sum, { dollars }) => sum + dollars, 0), items };
}
