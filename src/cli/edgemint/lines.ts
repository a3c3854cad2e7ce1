import { REQUEST_TIMEOUT_MS } from '../constants.ts';
import { Failure } from '../failure.ts';

/** The connection broke in the middle of a stream. */
export class StreamBroken extends Failure {}

/**
 * Splits a stream into lines, as they arrive. An incomplete last line is dropped.
 * @param idle is aborted if nothing arrives for `REQUEST_TIMEOUT_MS`, which must end the stream
 * @throws StreamBroken
 */
export async function* splitLines(body: ReadableStream<Uint8Array>, idle: AbortController): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readInTime(reader, idle);
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function readInTime(reader: ReadableStreamDefaultReader<Uint8Array>, idle: AbortController) {
  const timer = setTimeout(() => idle.abort(), REQUEST_TIMEOUT_MS);
  try {
    return await reader.read();
  } catch (error) {
    throw new StreamBroken(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}
