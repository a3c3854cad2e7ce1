import { z } from '@hono/zod-openapi';
import { base64url } from 'jose';
import { invalid } from './problem.ts';

const Keys = z
  .array(z.union([z.string(), z.number()]))
  .min(1)
  .max(2);

/** Where a page begins: behind the item with these keys, by which the list is ordered. */
export type Cursor = readonly (string | number)[];

/** Reads a cursor that `page` made. @throws ProblemError `invalid` */
export function readCursor(cursor: string | undefined): Cursor | undefined {
  if (cursor === undefined) return undefined;
  try {
    return Keys.parse(
      JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(base64url.decode(cursor))),
    );
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
