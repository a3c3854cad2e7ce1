import { type CopyProgress, copyLines } from '../../../lib/copy-lines.ts';
import { ISSUER_URL } from '../../api/address.ts';
import { ApiError, problemOf } from '../../api/problem.ts';

const NDJSON = 'application/x-ndjson';
/** How often a stream may break in a row, and the milliseconds before it is continued. */
const ATTEMPTS = 4;
const PAUSE_MS = 1000;
/** Lines are handed to the browser in parts of this many characters, so that it can keep a large file on disk. */
const PART_CHARACTERS = 1_000_000;

export interface ExportOptions {
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly onProgress: (count: number) => void;
  readonly onBreak: (progress: CopyProgress) => void;
}

/**
 * Reads all events of a range as JSON lines.
 * @returns the file, which is complete
 * @throws IncompleteCopyError if the stream breaks again and again; ApiError
 */
export async function exportEvents({
  query,
  signal,
  onProgress,
  onBreak,
}: ExportOptions): Promise<{ file: Blob; count: number }> {
  const parts: Blob[] = [];
  let pending = '';
  let written = 0;
  const flush = () => {
    parts.push(new Blob([pending]));
    pending = '';
    onProgress(written);
  };
  const count = await copyLines({
    open: (start) => readLines({ ...query, ...start }, signal),
    write: (line) => {
      pending += `${line}\n`;
      written += 1;
      if (pending.length >= PART_CHARACTERS) flush();
    },
    breakOf: (error) => {
      if (signal.aborted) return undefined;
      if (error instanceof ApiError) return error.problem.status === 503 ? error.message : undefined;
      return error instanceof Error ? error.message : String(error);
    },
    attempts: ATTEMPTS,
    pause: (progress) => {
      onBreak(progress);
      return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    },
  });
  flush();
  return { file: new Blob(parts, { type: NDJSON }), count };
}

/** Reads the lines of a stream as they arrive. An incomplete last line is dropped. */
async function* readLines(query: ExportOptions['query'], signal: AbortSignal): AsyncGenerator<string> {
  const entries = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  const response = await fetch(`${ISSUER_URL}/v1/audit-events?${new URLSearchParams(entries)}`, {
    credentials: 'same-origin',
    headers: { Accept: NDJSON },
    signal,
  });
  if (!response.ok || !response.body)
    throw new ApiError(problemOf(response, await response.json().catch(() => undefined)));
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
