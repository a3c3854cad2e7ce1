import { useEffect } from 'react';
import { type List, useList } from '../../api/queries.ts';
import type { GetPath, Params, Row } from '../../api/types.ts';

/** Rows at which loading stops by itself: enough for every choice among resource servers and roles. */
const ROWS_MAX = 2000;
/** The largest page that the API gives. */
const PAGE = 100;

/** Reads all pages of a list, for a choice among its rows. @param options.rowsMax rows at which it stops */
export function useCompleteList<P extends GetPath>(
  path: P,
  params: Params = {},
  { rowsMax = ROWS_MAX, ...options }: { readonly enabled?: boolean; readonly rowsMax?: number } = {},
): List<Row<P>> {
  const list = useList(path, { ...params, query: { limit: PAGE, ...params.query } }, options);
  const { hasMore, isLoading, loadMore, rows } = list;
  useEffect(() => {
    if (hasMore && !isLoading && rows.length < rowsMax) loadMore();
  }, [hasMore, isLoading, loadMore, rows.length, rowsMax]);
  return list;
}
