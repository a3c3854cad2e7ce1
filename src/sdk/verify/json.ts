import { isObject } from '../lib/http.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses bytes that are a JSON object in UTF-8; undefined if they are not. Of two members with one name, the last counts. */
export function readObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(decoder.decode(bytes));
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
