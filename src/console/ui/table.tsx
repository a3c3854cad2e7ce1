import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { Button } from './button.tsx';
import { CheckboxControl } from './fields/checkbox-field.tsx';
import { Skeleton } from './skeleton.tsx';

export interface Column<Row> {
  readonly key: string;
  readonly label: string;
  readonly render: (row: Row) => ReactNode;
  /** A CSS width, such as `12rem`. */
  readonly width?: string;
  readonly align?: 'start' | 'end';
  /** Makes the heading a button that sorts. */
  readonly sort?: { readonly direction: 'ascending' | 'descending' | undefined; readonly onSort: () => void };
}

export interface Selection {
  readonly selected: ReadonlySet<string>;
  readonly onChange: (selected: Set<string>) => void;
  /** Names a row for people who do not see it. */
  readonly labelOf: (key: string) => string;
}

interface TableProps<Row> {
  /** Names the table for people who do not see it. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string;
  /** The address that a row leads to. The first column is the link. */
  readonly rowHref?: (row: Row) => string;
  readonly selection?: Selection | undefined;
  readonly onLoadMore?: () => void;
  readonly hasMore?: boolean;
  readonly isLoading: boolean;
  /** Is shown if there are no rows. */
  readonly empty: ReactNode;
}

const SKELETON_ROWS = 5;

/** A table of rows, which loads more when its end is reached. */
export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, rowKey, rowHref, selection, onLoadMore, hasMore = false, isLoading, empty } = props;
  if (rows.length === 0 && !isLoading && !hasMore) return empty;
  const keys = rows.map(rowKey);
  const chosen = keys.filter((key) => selection?.selected.has(key)).length;
  return (
    <div className="table-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls, so the keyboard must reach it. */}
      <section className="table-scroll" aria-label={label} tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              {selection && (
                <th scope="col" className="cell-select">
                  <CheckboxControl
                    label="Select all rows"
                    value={chosen > 0 && chosen === keys.length}
                    isPartial={chosen > 0 && chosen < keys.length}
                    isDisabled={keys.length === 0}
                    onChange={(isChosen) => selection.onChange(new Set(isChosen ? keys : []))}
                  />
                </th>
              )}
              {columns.map((column) => (
                <th
                  key={column.key}
                  scope="col"
                  className={column.align === 'end' ? 'cell-end' : undefined}
                  style={column.width === undefined ? undefined : { width: column.width }}
                  aria-sort={column.sort?.direction}
                >
                  {column.sort ? (
                    <button type="button" className="sort" onClick={column.sort.onSort}>
                      {column.label}
                      <span aria-hidden="true">
                        {{ ascending: ' ↑', descending: ' ↓', none: '' }[column.sort.direction ?? 'none']}
                      </span>
                    </button>
                  ) : (
                    column.label
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const key = rowKey(row);
              return (
                <tr key={key} className={rowHref ? 'row-link' : undefined}>
                  {selection && (
                    <td className="cell-select">
                      <CheckboxControl
                        label={`Select ${selection.labelOf(key)}`}
                        value={selection.selected.has(key)}
                        onChange={(isChosen) => {
                          const changed = new Set(selection.selected);
                          if (isChosen) changed.add(key);
                          else changed.delete(key);
                          selection.onChange(changed);
                        }}
                      />
                    </td>
                  )}
                  {columns.map((column, index) => (
                    <td
                      key={column.key}
                      className={column.align === 'end' ? 'cell-end' : undefined}
                      data-label={column.label}
                    >
                      {rowHref && index === 0 ? (
                        <Link href={rowHref(row)} className="row-anchor">
                          {column.render(row)}
                        </Link>
                      ) : (
                        column.render(row)
                      )}
                    </td>
                  ))}
                </tr>
              );
            })}
            {isLoading && rows.length === 0 && (
              <SkeletonRows count={SKELETON_ROWS} columns={columns.length + (selection ? 1 : 0)} />
            )}
          </tbody>
        </table>
      </section>
      {hasMore && onLoadMore && <LoadMore onLoadMore={onLoadMore} isLoading={isLoading} />}
    </div>
  );
}

function SkeletonRows({ count, columns }: { readonly count: number; readonly columns: number }) {
  return Array.from({ length: count }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the rows have nothing else, and do not change.
    <tr key={row}>
      {Array.from({ length: columns }, (_, column) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: as above.
        <td key={column}>
          <Skeleton />
        </td>
      ))}
    </tr>
  ));
}

/** Loads more when it comes into sight, and by a press. */
function LoadMore({ onLoadMore, isLoading }: { readonly onLoadMore: () => void; readonly isLoading: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(onLoadMore);
  latest.current = onLoadMore;
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each page the place is looked at again, as it may still be in sight.
  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), {
      rootMargin: '400px',
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [isLoading]);
  return (
    <div ref={place} className="load-more">
      <Button kind="quiet" size="small" isRunning={isLoading} onClick={onLoadMore}>
        {isLoading ? 'Loading…' : 'Show more'}
      </Button>
    </div>
  );
}
