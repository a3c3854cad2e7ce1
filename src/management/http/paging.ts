import { z } from '@hono/zod-openapi';
import { base64url } from 'jose';
import { decodeUtf8 } from '../../lib/utf8.ts';
import { invalid } from './problem.ts';

// By what lists are ordered. Times are milliseconds since the epoch.
export const BY_NAME = z.tuple([z.string()]);
export const BY_TIME = z.tuple([z.int()]);
export const BY_TIME_AND_ID = z.tuple([z.int(), z.string()]);

/** Where a page begins: behind the item with these keys, by which the list is ordered. */
export type Cursor = readonly (string | number)[];

/** Reads a cursor that `page` made for a list in this order. @throws ProblemError `invalid` */
export function readCursor<Order extends z.ZodType<Cursor>>(
  cursor: string | undefined,
  order: Order,
): z.infer<Order> | undefined {
  if (cursor === undefined) return undefined;
  try {
    return order.parse(JSON.parse(decodeUtf8(base64url.decode(cursor))));
  } catch {
    throw invalid({ parameter: 'cursor', detail: 'This is no cursor: take the `next_cursor` of the page before.' });
  }
}

/**
 * A page of at most `limit` items, of the one item more that was looked for.
 * @param keys by what the list is ordered
 */
export function page<T>(items: readonly T[], limit: number, keys: (item: T) => Cursor) {
  const data = items.slice(0, limit);
  const last = items.length > limit ? data.at(-1) : undefined;
  const next = last && base64url.encode(new TextEncoder().encode(JSON.stringify(keys(last))));
  return { data, next_cursor: next ?? null };
}
