import { logFailure } from '../../platform/failures.ts';

/** The media type of a list as JSON lines. */
export const NDJSON = 'application/x-ndjson';

/** Whether a request asks for JSON lines: it names their media type, and does not prefer JSON. @param accept the header `Accept` */
export function wantsNdjson(accept: string | undefined): boolean {
  const weights = new Map(
    (accept ?? '').split(',').map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      return [type, weight === undefined ? 1 : Number(weight)] as const;
    }),
  );
  const weight = weights.get(NDJSON) ?? 0;
  return weight > 0 && weight >= (weights.get('application/json') ?? 0);
}

/** A page of items as they are streamed, and where the next page begins; null if there is none. */
export interface StreamedPage {
  readonly items: readonly unknown[];
  readonly next: string | null;
}

/**
 * Streams pages as JSON lines, one after the other as the reader takes them, so that no more than one is in memory. The last line says
 * whether the list is complete: `{"complete":true,"count":2,"next_cursor":null}`. If a page cannot be read, the stream breaks without it.
 * @param first the first page, so that a failing store is an error in place of an answer
 * @param read reads the page at a cursor
 * @param pagesMax after so many pages the last line has the cursor of the next one, and `complete` is false
 */
export function streamPages(
  first: StreamedPage,
  read: (cursor: string) => Promise<StreamedPage>,
  pagesMax: number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let page: StreamedPage | undefined = first;
  let next: string | null = null;
  let [pages, count] = [0, 0];
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    page ??= await read(next ?? '');
    pages += 1;
    count += page.items.length;
    next = page.next;
    const isEnd = next === null || pages === pagesMax;
    const last = isEnd ? [{ complete: next === null, count, next_cursor: next }] : [];
    controller.enqueue(encoder.encode([...page.items, ...last].map((item) => `${JSON.stringify(item)}\n`).join('')));
    page = undefined;
    if (isEnd) controller.close();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          await pull(controller);
        } catch (error) {
          logFailure(error);
          controller.error(error);
        }
      },
    },
    { highWaterMark: 0 },
  );
}
