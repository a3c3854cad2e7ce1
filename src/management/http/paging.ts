import { z } from '@hono/zod-openapi';
import { base64url } from 'jose';
import { decodeUtf8 } from '../../lib/utf8.ts';
import { invalid, type ProblemError } from './problem.ts';

// The sort keys of lists. Times are milliseconds since the epoch.
export const BY_NAME = z.tuple([z.string()]);
export const BY_TIME = z.tuple([z.int()]);
export const BY_TIME_AND_ID = z.tuple([z.int(), z.string()]);

/** The sort keys of the last item of the previous page. The next page begins after it. */
export type Cursor = readonly (string | number)[];

/** Decodes a cursor that `page` returned for a list with these sort keys. @throws ProblemError `invalid` */
export function readCursor<Order extends z.ZodType<Cursor>>(
  cursor: string | undefined,
  order: Order,
): z.infer<Order> | undefined {
  if (cursor === undefined) return undefined;
  try {
    return order.parse(JSON.parse(decodeUtf8(base64url.decode(cursor))));
  } catch {
    throw invalidCursor();
  }
}

export function invalidCursor(detail = 'Invalid cursor. Use the `next_cursor` of the previous page.'): ProblemError {
  return invalid({ parameter: 'cursor', detail });
}

/**
 * Returns a page of a list, with the cursor of the next page.
 * @param items the items found, up to `limit` plus one; the extra item shows that there is a next page
 * @param keys returns the sort keys of an item
 */
export function page<T>(items: readonly T[], limit: number, keys: (item: T) => Cursor) {
  const data = items.slice(0, limit);
  const last = items.length > limit ? data.at(-1) : undefined;
  return { data, next_cursor: last ? encodeCursor(keys(last)) : null };
}

/** Encodes the sort keys after which the next page begins. */
export function encodeCursor(keys: Cursor): string {
  return base64url.encode(new TextEncoder().encode(JSON.stringify(keys)));
}
