/** The order of items in a stream. */
interface Position {
  readonly at: string;
  readonly id: string;
}

/** The last line of a stream. */
interface End {
  readonly complete: boolean;
  readonly count: number;
  readonly next_cursor: string | null;
}

/** How far a copy has come. */
export interface CopyProgress {
  readonly count: number;
  /** The last item that was copied. */
  readonly last: Position | undefined;
}

/** The stream broke again and again: not all items were copied. */
export class IncompleteCopyError extends Error {
  override readonly name = 'IncompleteCopyError';
  readonly progress: CopyProgress;

  constructor(reason: string, progress: CopyProgress) {
    super(reason);
    this.progress = progress;
  }
}

export interface CopyOptions {
  /** Opens the stream, at a cursor or from a time. Both are undefined for the whole range. */
  readonly open: (start: { readonly from?: string; readonly cursor?: string }) => AsyncIterable<string>;
  readonly write: (line: string) => Promise<void> | void;
  /** Returns why the stream broke; undefined for an error that ends the copy. */
  readonly breakOf: (error: unknown) => string | undefined;
  /** How often the stream may break in a row before the copy fails. */
  readonly attempts: number;
  /** Waits before the stream is opened again after a break. */
  readonly pause: (progress: CopyProgress) => Promise<void>;
}

/**
 * Copies a list that is streamed as JSON lines, ordered by time and id, whose last line says whether it is complete. A stream that breaks is
 * continued after the last item.
 * @returns how many items there were
 * @throws IncompleteCopyError if it breaks again and again
 */
export async function copyLines({ open, write, breakOf, attempts, pause }: CopyOptions): Promise<number> {
  let last: Position | undefined;
  let [count, failures] = [0, 0];
  let cursor: string | undefined;
  for (;;) {
    let [copied, end]: [number, End | undefined] = [0, undefined];
    let reason = 'it has no last line';
    try {
      const start = cursor === undefined ? { ...(last && { from: last.at }) } : { cursor };
      for await (const line of open(start)) {
        const item: Position | End = JSON.parse(line);
        if ('complete' in item) {
          end = item;
          break;
        }
        // After a break, the items of the same moment come again.
        if (last && !isAfter(item, last)) continue;
        await write(line);
        last = { at: item.at, id: item.id };
        copied += 1;
      }
    } catch (error) {
      const described = breakOf(error);
      if (described === undefined) throw error;
      reason = described;
    }
    count += copied;
    if (end?.complete) return count;
    cursor = end?.next_cursor ?? undefined;
    if (end) continue;
    failures = copied > 0 ? 1 : failures + 1;
    if (failures >= attempts) throw new IncompleteCopyError(reason, { count, last });
    await pause({ count, last });
  }
}

function isAfter(one: Position, other: Position): boolean {
  return one.at > other.at || (one.at === other.at && one.id > other.id);
}
